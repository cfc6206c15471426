/**
 * S59. A modern request has no session: one that it names is neither used nor given back, whoever it belongs to, and none is
 * made. What let the request in is asked again while it is open.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { type ModernMessage, modernRequest } from '../parts/modern-messages.ts';
import { type ModernServer, startModernServer } from '../parts/modern-server.ts';
import { type RawAnswer, send } from '../parts/raw-http.ts';

let server: ModernServer;
let gateway: TestGateway;
const sockets: Socket[] = [];
beforeEach(async () => {
  server = await startModernServer();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.close();
  await server.close();
});
const start = async (options: Omit<GatewayOptions, 'upstream' | 'keyFile'> = {}): Promise<void> => {
  gateway = await startGateway({ upstream: server.url, heartbeatMs: 20, ...options });
};

type Headers = Readonly<Record<string, string>>;
const post = ({ body, headers }: ModernMessage, who: Headers = gateway.alice, more: Headers = {}): Promise<RawAnswer> =>
  send(gateway.origin, { method: 'POST', path: '/mcp', body, headers: { ...headers, ...more, ...who } });
const LIST = modernRequest('tools/list');
const LISTEN = modernRequest('subscriptions/listen', { notifications: { toolsListChanged: true } });
const WAIT = modernRequest('tools/call', { name: 'wait', arguments: {} });

/** A POST whose response stays open; what was read of it so far. */
function open({ body, headers }: ModernMessage, who: Headers = gateway.alice): { text: string; isOver: boolean } {
  const stream = { text: '', isOver: false };
  const socket = connect(gateway.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('data', (chunk: Buffer) => {
    stream.text += chunk.toString();
    if (stream.text.endsWith('0\r\n\r\n')) stream.isOver = true;
  });
  socket.on('error', () => {});
  const all = { Host: 'localhost', ...headers, ...who, 'Content-Length': String(body.length) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  return stream;
}

describe('a session that a modern request names', () => {
  it.each(['unknown', 'a, b', '\u00e9', 'x'.repeat(500)])('is passed over: %s', async (id) => {
    await start();
    const answer = await post(LIST, gateway.alice, { 'mcp-session-id': id });
    // Characters that no header of MCP has are refused as such.
    expect(answer.status).toBe(id === '\u00e9' ? 400 : 200);
    expect(answer.headers['mcp-session-id']).toBeUndefined();
    expect(server.seen.every(({ headers }) => headers['mcp-session-id'] === undefined)).toBe(true);
    expect(gateway.gateway.sessionCount).toBe(0);
  });
});

describe('a subscription', () => {
  it('is acknowledged, kept alive, and ended with an answer when its key is revoked', async () => {
    await start();
    const alices = open(LISTEN);
    const bobs = open(LISTEN, gateway.bob);
    for (const stream of [alices, bobs])
      await until('the acknowledgement', () => stream.text.includes('notifications/subscriptions/acknowledged'));
    await until('a heartbeat', () => alices.text.includes(': ping'));
    const { keys } = JSON.parse(readFileSync(gateway.keyFile, 'utf8')) as { keys: { name: string }[] };
    writeFileSync(gateway.keyFile, JSON.stringify({ keys: keys.filter(({ name }) => name !== 'alice') }), {
      mode: 0o600,
    });
    await until('the end of the stream', () => alices.isOver, 10_000);
    expect(alices.text).toMatch(/"id":1,"error":.*"reason":"unauthorized"/);
    server.notify.toolsChanged();
    await until('the change to be told to bob', () => bobs.text.includes('notifications/tools/list_changed'));
    expect(alices.text).not.toContain('list_changed');
  }, 20_000);

  it('takes one of the streams that an address may have', async () => {
    await start({ maxStreamsPerAddress: 2 });
    const streams = [open(LISTEN), open(LISTEN)];
    for (const stream of streams) await until('the acknowledgement', () => stream.text.includes('acknowledged'));
    const refused = await post(LISTEN);
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([429, { id: 1 }]);
    sockets[0]?.destroy();
    await until('a place to be free', async () => (await post(LISTEN)).status === 200);
  });

  it('is no call that is open', async () => {
    await start({ maxConcurrentCalls: 1 });
    const stream = open(LISTEN);
    await until('the acknowledgement', () => stream.text.includes('acknowledged'));
    const echo = modernRequest('tools/call', { name: 'echo', arguments: { text: 'a' } });
    expect((await post(echo)).status).toBe(200);
  });
});

describe('calls', () => {
  it('are as many at a time as a principal may have open', async () => {
    await start({ maxConcurrentCalls: 1 });
    open(WAIT);
    await until('the call to run', () => server.waiting.running === 1);
    expect((await post(WAIT)).status).toBe(429);
    expect((await post(LIST)).status).toBe(200);
    expect(
      (await post(modernRequest('tools/call', { name: 'echo', arguments: { text: 'a' } }), gateway.bob)).status,
    ).toBe(200);
    sockets[0]?.destroy();
    await until('the call to be cancelled', () => server.waiting.cancelled === 1, 1000);
    const echo = modernRequest('tools/call', { name: 'echo', arguments: { text: 'a' } });
    await until('the place to be free', async () => (await post(echo)).status === 200);
  });

  it('are as many a minute as the limit says, and lists are none', async () => {
    await start({ limitCalls: 2 });
    const echo = modernRequest('tools/call', { name: 'echo', arguments: { text: 'a' } });
    const statuses = [];
    for (const message of [echo, LIST, echo, LIST, echo]) statuses.push((await post(message)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
  });

  it('are in the audit record, by the tool in their body', async () => {
    const records: Record<string, unknown>[] = [];
    const write = (first: unknown): void => void records.push(first as Record<string, unknown>);
    await start({
      logger: { debug: () => {}, info: write, warn: write, error: write } as GatewayOptions['logger'] & object,
    });
    await post(modernRequest('tools/call', { name: 'echo', arguments: { text: 'a' } }));
    // It is written when the answer has left, which may be read before.
    await until('the record', () => records.some(({ event }) => event === 'allow'));
    expect(records).toContainEqual(
      expect.objectContaining({
        event: 'allow',
        principal: 'alice',
        method: 'tools/call',
        tool: 'echo',
        session: undefined,
      }),
    );
  });

  it('are answered when the gateway is stopped', async () => {
    await start();
    const stream = open(WAIT);
    await until('the call to run', () => server.waiting.running === 1);
    await gateway.gateway.close();
    await until('the answer', () => /"id":1,"error":.*"shutting_down"/.test(stream.text));
    await until('the call to be cancelled', () => server.waiting.cancelled === 1);
  });
});
