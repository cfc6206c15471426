/** Modern requests in numbers: over connections that are kept, to any replica, and to readers that do not read. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { startMcpServer } from '../../parts/mcp-server.ts';
import { type ModernMessage, modernRequest } from '../../parts/modern-messages.ts';
import { type ModernServer, startModernServer } from '../../parts/modern-server.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../../parts/raw-http.ts';
import { event, type RawServer, STREAM_HEAD, startRawServer } from '../../parts/raw-server.ts';

let gateway: TestGateway;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await gateway.close();
  for (const close of closers.splice(0)) await close();
});
async function start(
  upstream: NonNullable<GatewayOptions['upstream']>,
  more: Partial<GatewayOptions> = {},
): Promise<void> {
  gateway = await startGateway({ upstream, limitCalls: 100_000, ...more });
}
async function startModern(): Promise<ModernServer> {
  const server = await startModernServer();
  closers.push(() => server.close());
  return server;
}
async function startRaw(): Promise<RawServer> {
  const server = await startRawServer();
  closers.push(() => server.close());
  return server;
}

const post = ({ body, headers }: ModernMessage): Promise<RawAnswer> =>
  send(gateway.origin, { method: 'POST', path: '/mcp', body, headers: { ...headers, ...gateway.alice } });
const echo = (id: number): ModernMessage =>
  modernRequest('tools/call', { name: 'echo', arguments: { text: `n${id}` } }, { id });

function open({ body, headers }: ModernMessage): Socket {
  const socket = connect(gateway.port, '127.0.0.1');
  closers.push(() => Promise.resolve(socket.destroy()));
  socket.on('error', () => {});
  const all = { Host: 'localhost', ...headers, ...gateway.alice, 'Content-Length': String(body.length) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  return socket;
}

describe('requests', () => {
  it('one after the other take one connection upstream', async () => {
    const server = await startModern();
    await start(server.url);
    let connections = 0;
    for (let id = 0; id < 20; id++) {
      expect((await post(echo(id))).status).toBe(200);
      connections = Math.max(connections, server.sockets.size);
    }
    expect(connections).toBe(1);
  });

  it('at the same time each get their own answer, under equal ids too', async () => {
    const server = await startModern();
    await start(server.url);
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const message = modernRequest('tools/call', { name: 'echo', arguments: { text: `n${index}` } }, { id: 1 });
        const { body } = await post(message);
        return body.includes(`"text":"n${index}"`);
      }),
    );
    expect(answers.every(Boolean)).toBe(true);
  });

  it('go to any replica, and to those that are left when one is gone', async () => {
    const [one, two] = [await startModern(), await startModern()];
    await start([one.url, two.url]);
    for (let id = 0; id < 10; id++) expect((await post(echo(id))).status).toBe(200);
    expect([one.seen.length, two.seen.length].sort()).toEqual([5, 5]);
    await one.close();
    for (let id = 10; id < 20; id++) expect((await post(echo(id))).status).toBe(200);
    expect(two.seen.length).toBe(15);
    closers.splice(0, 1);
  });
});

describe('a reader that does not read', () => {
  it('holds its own upstream back, and is cut; its neighbours notice nothing', async () => {
    const server = await startRaw();
    await start(server.url('/mcp'), { upstreamTransport: 'http', stallTimeoutMs: 500 });
    const slow = open(modernRequest('tools/call', { name: 'big' }));
    slow.pause();
    const { connection } = await server.next('POST /mcp');
    const note = event(
      `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'x'.repeat(1_000_000)}"}}`,
    );
    void connection.write(STREAM_HEAD);
    for (let count = 0; count < 100; count++) void connection.write(note);
    await until('the upstream to be held back', () => connection.socket.writableLength > 10_000_000);
    const neighbour = post(modernRequest('tools/list'));
    const { reply } = await server.next('POST /mcp');
    await reply(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{"jsonrpc":"2.0","id":1,"result":{}}',
    );
    expect((await within(1000, 'the neighbour', neighbour)).status).toBe(200);
    expect(connection.socket.writableLength).toBeGreaterThan(10_000_000);
    await until('the slow reader to be cut', () => connection.isClosed);
  });
});

describe('a client of the legacy era', () => {
  it('that closes its response has not cancelled its call', async () => {
    const server = await startMcpServer({ transports: ['http'] });
    closers.push(() => server.kill());
    await start(server.httpUrl);
    const headers = { ...JSON_HEADERS, ...gateway.alice };
    const opened = await send(gateway.origin, { method: 'POST', path: '/mcp', body: INITIALIZE, headers });
    const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const call = '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"slow","arguments":{"ms":60000}}}';
    const body = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
    await send(gateway.origin, { method: 'POST', path: '/mcp', body, headers: { ...headers, ...session } });
    const socket = open({ body: call, headers: { ...JSON_HEADERS, ...session } });
    const isCall = (): number =>
      server.seen.filter(
        ({ method, headers: seen }) => method === 'POST' && seen['content-length'] === String(call.length),
      ).length;
    await until('the call upstream', () => isCall() === 1);
    socket.destroy();
    // The session goes on, and its call with it: a second under the same id is refused.
    const again = await send(gateway.origin, {
      method: 'POST',
      path: '/mcp',
      body: call,
      headers: { ...headers, ...session },
    });
    expect([again.status, again.body]).toEqual([400, expect.stringContaining('duplicate_id')]);
  });
});
