/** A new event stream while its server is away: held without an answer, then opened or refused. */
import { createServer, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { type Logger, silentLogger } from '../../../src/log.ts';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { connectSse, type TestClient } from '../../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../../parts/raw-http.ts';
import { openSse, type RawSseSession } from '../../parts/raw-sse-session.ts';

let gateway: TestGateway;
let upstream: TestMcpServer | undefined;
let ill: Server | undefined;
let client: TestClient | undefined;
let streams: RawSseSession[] = [];
let log: string[] = [];
const note = (first: unknown, second?: string): void => void log.push(second ?? String(first));
const logger: Logger = { ...silentLogger, warn: note, info: note };

afterEach(async () => {
  for (const stream of streams) stream.close();
  await client?.close().catch(() => {});
  await gateway.close();
  await upstream?.kill();
  if (ill !== undefined) await stop(ill);
  [upstream, ill, client, streams, log] = [undefined, undefined, undefined, [], []];
});

/** A port of which nobody has anything. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  await stop(server);
  return port;
}

function stop(server: Server): Promise<void> {
  return new Promise((fulfil) => {
    server.close(() => fulfil());
    server.closeAllConnections();
  });
}

async function startIll(port: number, answer: RequestListener): Promise<void> {
  ill = createServer(answer);
  await new Promise<void>((fulfil) => ill?.listen(port, '127.0.0.1', fulfil));
}

async function start(port: number, path: string, options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await startGateway({ upstream: `http://127.0.0.1:${port}${path}`, logger, ...options });
}

const open = (): Promise<RawSseSession> => openSse(gateway.origin, '/sse', gateway.alice);
const opened = async (): Promise<RawSseSession> => {
  const stream = await within(8000, 'the stream opens', open());
  streams.push(stream);
  return stream;
};
const isWaiting = (): Promise<void> => until('the stream waits', () => gateway.gateway.sessionCount === 1);

describe.each(['/sse', '/mcp'] as const)('a stream whose upstream, at %s, is restarting', (path) => {
  it('opens when the upstream is there, and works for a client of the SDK that tries but once', async () => {
    const port = await freePort();
    await start(port, path);
    const connecting = connectSse(`${gateway.origin}/sse`, gateway.alice);
    await isWaiting();
    upstream = await startMcpServer({ port });
    client = await within(5000, 'the client is connected', connecting);
    expect(await client.callText('echo', { text: 'back' })).toBe('back');
    expect(gateway.gateway.sessionCount).toBe(1);
  });

  it('is told 502 when the time is over, as JSON-RPC and without a word of the inside', async () => {
    const port = await freePort();
    await start(port, path, { upstreamHoldMs: 700 });
    const startedAt = performance.now();
    const answer = await send(gateway.origin, { path: '/sse', headers: gateway.alice });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(690);
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toMatchObject({
      jsonrpc: '2.0',
      error: { code: -32603, data: { reason: 'upstream_unreachable' } },
    });
    expect(answer.body).not.toContain(String(port));
    expect(log.join('\n')).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
    expect(gateway.gateway.sessionCount).toBe(0);
  });

  it('whose client leaves is forgotten at once', async () => {
    await start(await freePort(), path);
    const { port } = gateway;
    const req = request({ host: '127.0.0.1', port, path: '/sse', headers: gateway.alice, agent: false });
    req.on('error', () => {});
    req.end();
    await isWaiting();
    req.destroy();
    await until('the session is gone', () => gateway.gateway.sessionCount === 0, 1000);
  });

  it('ends with the gateway', async () => {
    await start(await freePort(), path);
    const answer = send(gateway.origin, { path: '/sse', headers: gateway.alice });
    await isWaiting();
    await within(1000, 'the gateway closes', gateway.gateway.close());
    expect((await answer).status).toBe(503);
  });
});

describe('a stream whose upstream answers, but not yet', () => {
  it.each([502, 503, 504])('with %i, is held until it answers rightly', async (status) => {
    const port = await freePort();
    let tries = 0;
    await startIll(port, (_req, res) => {
      if (++tries < 3) res.writeHead(status).end();
      else res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('event: endpoint\ndata: /messages\n\n');
    });
    await start(port, '/sse', { upstreamTransport: 'sse' });
    await opened();
    expect(tries).toBe(3);
  });

  it('with a stream that is cut before its endpoint, is held', async () => {
    const port = await freePort();
    let tries = 0;
    await startIll(port, (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      if (++tries < 3) res.write(': soon\n\n', () => res.destroy());
      else res.write('event: endpoint\ndata: /messages\n\n');
    });
    await start(port, '/sse', { upstreamTransport: 'sse' });
    await opened();
    expect(tries).toBe(3);
  });

  it('tries within 250 ms first, and never waits much longer than 1 s', async () => {
    const times: number[] = [];
    const port = await freePort();
    await startIll(port, (_req, res) => {
      times.push(performance.now());
      res.writeHead(503).end();
    });
    await start(port, '/sse', { upstreamTransport: 'sse', upstreamHoldMs: 3500 });
    await send(gateway.origin, { path: '/sse', headers: gateway.alice });
    const waits = times.slice(1).map((time, index) => time - times[index]!);
    expect(waits[0]).toBeLessThan(400);
    expect(Math.max(...waits)).toBeLessThan(1250);
    expect(waits.length).toBeGreaterThanOrEqual(4);
  });

  it.each([
    [401, 'refused the supplied credential'],
    [403, 'refused the supplied credential'],
    [404, 'does not know this session or path'],
    [421, 'does not accept this Host header'],
  ])('with %i, is refused at once, and the log says why', async (status, why) => {
    const port = await freePort();
    let tries = 0;
    await startIll(port, (_req, res) => {
      tries++;
      res.writeHead(status).end();
    });
    await start(port, '/sse', { upstreamTransport: 'sse' });
    const startedAt = performance.now();
    const answer = await send(gateway.origin, { path: '/sse', headers: gateway.alice });
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(tries).toBe(1);
    expect(log.join('\n')).toContain(why);
    expect(log.join('\n')).not.toContain('out of service');
  });
});

it('no more streams than allowed are held; one more is refused at once', async () => {
  const port = await freePort();
  await start(port, '/sse', { maxHeldStreams: 2 });
  const held = [connectSse(`${gateway.origin}/sse`, gateway.alice), connectSse(`${gateway.origin}/sse`, gateway.alice)];
  await until('both wait', () => gateway.gateway.sessionCount === 2);
  const startedAt = performance.now();
  expect((await send(gateway.origin, { path: '/sse', headers: gateway.alice })).status).toBe(502);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  upstream = await startMcpServer({ port });
  for (const connected of await within(5000, 'both are connected', Promise.all(held))) await connected.close();
});

it('each stream, also after a restart, has an endpoint of its own', async () => {
  upstream = await startMcpServer();
  const { port } = upstream;
  await start(port, '/sse');
  const first = await opened();
  const ended = new Promise((fulfil) => first.response.on('close', fulfil));
  await upstream.kill();
  await within(1000, 'the stream of the dead upstream ends', ended);
  const second = opened();
  upstream = await startMcpServer({ port });
  expect((await second).endpoint).not.toBe(first.endpoint);
  expect((await first.post('{"jsonrpc":"2.0","id":1,"method":"ping"}')).status).toBe(404);
});

it('a POST to an upstream that refuses connections is answered within 1 s, with its id; later it works', async () => {
  const port = await freePort();
  await start(port, '/mcp');
  const headers = { ...JSON_HEADERS, ...gateway.alice };
  const post = { method: 'POST', path: '/mcp', headers };
  const exactId = '"id":9007199254740993';
  const startedAt = performance.now();
  const refused = await send(gateway.origin, { ...post, body: INITIALIZE.replace('"id":0', exactId) });
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(refused.status).toBe(502);
  expect(refused.body).toContain(exactId);
  expect(gateway.gateway.sessionCount).toBe(0);
  upstream = await startMcpServer({ port });
  expect((await send(gateway.origin, { ...post, body: INITIALIZE })).status).toBe(200);
});
