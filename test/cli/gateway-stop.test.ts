import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type CliProcess, runCli, startCli } from '../parts/run-cli.ts';

const ROOMY = ['--limit-requests', '100000', '--limit-address', '100000', '--max-sessions-per-principal', '500'];
const slow = (id: number, ms: number): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'slow', arguments: { ms } } });

let upstream: TestMcpServer;
let gateway: CliProcess;
let origin: string;
let port: number;

async function start(options: readonly string[] = [], url = upstream.httpUrl): Promise<CliProcess> {
  const args = ['gateway', '--upstream', url, '--auth', 'none', '--port', '0', ...ROOMY, ...options];
  gateway = startCli(args);
  const [, found = ''] = await gateway.logged(/listening on http:\/\/127\.0\.0\.1:(\d+), /);
  port = Number(found);
  origin = `http://127.0.0.1:${port}`;
  return gateway;
}

beforeEach(async () => {
  upstream = await startMcpServer();
});
afterEach(async () => {
  if (gateway.child.exitCode === null) gateway.child.kill('SIGKILL');
  await upstream.kill();
});

async function openHttp(): Promise<Record<string, string>> {
  const { headers } = await send(origin, { method: 'POST', path: '/mcp', headers: JSON_HEADERS, body: INITIALIZE });
  return { ...JSON_HEADERS, 'mcp-session-id': String(headers['mcp-session-id']) };
}

const callsAreOpen = (count: number) =>
  until('calls are under way', () => upstream.seen.filter(({ method }) => method === 'POST').length >= count);

/** Whether the port can be listened on anew. */
async function bindAgain(): Promise<void> {
  const server = createTcpServer();
  server.listen(port, '127.0.0.1');
  await within(1000, 'the port is free', once(server, 'listening'));
  await new Promise((fulfil) => server.close(fulfil));
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  it('with 100 streams and 20 calls open: each call is answered, each stream ended, the exit code is 0, the port free', async () => {
    await start();
    const streams = await Promise.all(Array.from({ length: 100 }, () => openSse(origin, '/sse')));
    const ended = streams.map(({ response }) => new Promise((fulfil) => response.once('end', fulfil)));
    const session = await openHttp();
    const before = upstream.seen.length;
    const answers = Array.from({ length: 20 }, (_, id) =>
      send(origin, { method: 'POST', path: '/mcp', headers: session, body: slow(id + 1, 700) }),
    );
    await until('the calls are under way', () => upstream.seen.length >= before + 20);
    const asked = performance.now();
    gateway.child.kill(signal);
    const bodies = (await Promise.all(answers)).map(({ body }) => body);
    for (const body of bodies) expect(body).toContain('"text":"done"');
    await within(3000, 'the streams end', Promise.all(ended));
    for (const stream of streams) expect(stream.text()).toMatch(/retry: \d+\n\n$/);
    expect(await gateway.exited()).toMatchObject({ code: 0, stdout: '' });
    expect(performance.now() - asked).toBeLessThan(5000);
    await bindAgain();
    await until('no session is left upstream', () => upstream.sessionCount() === 0);
  });
});

describe('the bound', () => {
  it('answers what takes too long with an error, and ends with 0', async () => {
    await start(['--drain-timeout', '0.3']);
    const session = await openHttp();
    const answer = send(origin, { method: 'POST', path: '/mcp', headers: session, body: slow(3, 30_000) });
    await callsAreOpen(2);
    gateway.child.kill('SIGTERM');
    const { body } = await within(1500, 'the call is answered', answer);
    expect(JSON.parse(body)).toMatchObject({ id: 3, error: { data: { reason: 'shutting_down' } } });
    expect((await gateway.exited(3000)).code).toBe(0);
  });

  it('holds for a server that never answers the end of its session', async () => {
    const hanging = createServer((req, res) => {
      if (req.method === 'DELETE') return;
      req.resume().on('end', () => {
        res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'one' });
        res.end('{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}}');
      });
    });
    await new Promise<void>((fulfil) => hanging.listen(0, '127.0.0.1', fulfil));
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/mcp`;
    await start(['--drain-timeout', '0.3', '--upstream-transport', 'http'], url);
    await openHttp();
    gateway.child.kill('SIGTERM');
    expect((await gateway.exited(4000)).code).toBe(0);
    hanging.closeAllConnections();
    hanging.close();
  });

  it('holds for a client that does not read', async () => {
    await start(['--drain-timeout', '0.3']);
    const session = await openHttp();
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 4,
      method: 'tools/call',
      params: { name: 'big', arguments: { bytes: 30_000_000 } },
    });
    const req = request({ host: '127.0.0.1', port, path: '/mcp', method: 'POST', headers: session, agent: false });
    req.on('error', () => {});
    const head = once(req, 'response');
    req.end(body);
    await within(10_000, 'the answer begins', head);
    gateway.child.kill('SIGTERM');
    expect((await gateway.exited(4000)).code).toBe(0);
    req.destroy();
  });

  it('is not waited for by who sends a second signal', async () => {
    await start();
    const session = await openHttp();
    const answer = send(origin, { method: 'POST', path: '/mcp', headers: session, body: slow(3, 30_000) });
    answer.catch(() => {});
    await callsAreOpen(2);
    gateway.child.kill('SIGTERM');
    await gateway.logged(/SIGTERM: stopping/);
    gateway.child.kill('SIGTERM');
    expect((await gateway.exited(2000)).code).toBe(143);
  });
});

it('Ctrl-Break of Windows stops it in good order, as SIGTERM does elsewhere', async () => {
  const preload = fileURLToPath(new URL('../parts/signal-itself.cjs', import.meta.url));
  const options = { nodeArgs: ['--require', preload], env: { SIGNAL_ITSELF: 'SIGBREAK' } };
  gateway = startCli(['gateway', '--upstream', upstream.httpUrl, '--auth', 'none', '--port', '0'], options);
  expect(await gateway.exited(5000)).toMatchObject({ code: 0, stdout: '' });
  expect(gateway.stderr).toMatch(/SIGBREAK: stopping.*\n.*stopped\n$/s);
});

it('--drain-delay: /ready says no at once, and all is still served meanwhile', async () => {
  await start(['--drain-delay', '1.5']);
  gateway.child.kill('SIGTERM');
  await gateway.logged(/SIGTERM: stopping/);
  expect((await send(origin, { path: '/ready' })).status).toBe(503);
  expect(await openHttp()).toHaveProperty('mcp-session-id', expect.stringMatching(/.{20}/));
  expect((await gateway.exited()).code).toBe(0);
});

it('idle connections are closed, and nobody can connect any more', async () => {
  await start();
  const session = await openHttp();
  const idle = connect(port, '127.0.0.1');
  idle.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await within(2000, 'an answer', once(idle, 'data'));
  const answer = send(origin, { method: 'POST', path: '/mcp', headers: session, body: slow(3, 1000) });
  await callsAreOpen(2);
  const closed = once(idle, 'close');
  gateway.child.kill('SIGTERM');
  await within(700, 'the idle connection is closed', closed);
  await expect(send(origin, { path: '/health' })).rejects.toThrow('ECONNREFUSED');
  expect((await answer).body).toContain('done');
});

it('SIGHUP while it stops is not acted on', async () => {
  await start();
  const session = await openHttp();
  const answer = send(origin, { method: 'POST', path: '/mcp', headers: session, body: slow(3, 600) });
  await callsAreOpen(2);
  gateway.child.kill('SIGTERM');
  await gateway.logged(/SIGTERM: stopping/);
  gateway.child.kill('SIGHUP');
  await gateway.logged(/SIGHUP: nothing is read again/);
  expect((await answer).body).toContain('done');
  expect((await gateway.exited()).code).toBe(0);
});

it('an SSE client of the SDK comes back to the gateway that is started anew on the same port', async () => {
  await start();
  const transport = new SSEClientTransport(new URL(`${origin}/sse`));
  const answers: unknown[] = [];
  transport.onmessage = (message) => answers.push(message);
  transport.onerror = () => {};
  await transport.start();
  gateway.child.kill('SIGTERM');
  expect((await gateway.exited()).code).toBe(0);
  const args = ['gateway', '--upstream', upstream.httpUrl, '--auth', 'none', '--port', String(port)];
  gateway = startCli(args);
  await gateway.logged(/session opened/, 8000);
  await until('the client may post to the new session', async () => {
    await transport.send(JSON.parse(INITIALIZE)).catch(() => {});
    return answers.length > 0;
  });
  expect(answers[0]).toMatchObject({ id: 0, result: { serverInfo: { name: 'test-server' } } });
  await transport.close();
});

describe('an upstream that is the gateway itself', () => {
  it.each([
    ['http://127.0.0.1:18999/sse', ['--port', '18999']],
    ['http://localhost:18999/mcp', ['--port', '18999']],
    ['http://127.0.0.1:8080/sse', []],
  ])('is refused at the start: %s %j', async (url, options) => {
    const { code, stderr } = await runCli(['gateway', '--upstream', url, '--auth', 'none', ...options]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--upstream (127\.0\.0\.1|localhost):\d+ is the gateway itself/);
    expect(stderr).toMatch(/it listens on 127\.0\.0\.1:(18999|8080)/);
  });
});
