/** What is only being opened when a drain begins: nothing is gained by waiting for it, and another gateway can have it. */
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { until, within } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let gateway: TestGateway;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await gateway.close();
  for (const end of ends.splice(0)) await end();
});

async function start(options: Omit<GatewayOptions, 'keyFile'>): Promise<void> {
  gateway = await startGateway(options);
}

const openSession = (): Promise<RawAnswer> =>
  send(gateway.origin, {
    method: 'POST',
    path: '/mcp',
    headers: { ...JSON_HEADERS, ...gateway.alice },
    body: INITIALIZE,
  });
const openStream = (): Promise<RawAnswer> =>
  send(gateway.origin, { path: '/sse', headers: { ...gateway.alice, accept: 'text/event-stream' } });

const drained = (): Promise<void> => within(1000, 'drained', gateway.gateway.drain({ timeoutMs: 60_000 }));
const isOpening = (): Promise<void> => until('a session is being opened', () => gateway.gateway.sessionCount === 1);

function expectRefusal({ status, headers, body }: RawAnswer): void {
  expect([status, headers['retry-after'], headers['connection']]).toEqual([503, '1', 'close']);
  expect(headers).not.toHaveProperty('mcp-session-id');
  expect(JSON.parse(body)).toMatchObject({ error: { data: { reason: 'shutting_down' } } });
}

/** Takes connections and never says a word. */
async function startMute(): Promise<{ port: number; taken: () => number }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.resume();
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((fulfil) => server.close(fulfil));
  });
  return { port: (server.address() as AddressInfo).port, taken: () => sockets.size };
}

describe('is refused at once, with 503 and Retry-After:', () => {
  it('an event stream that is held since its server is away', async () => {
    const { port } = await startMute();
    for (const end of ends.splice(0)) await end();
    await start({ upstream: `http://127.0.0.1:${port}/sse`, upstreamHoldMs: 60_000 });
    const answer = openStream();
    await isOpening();
    await drained();
    expectRefusal(await answer);
  });

  it('an event stream whose server does not answer', async () => {
    const { port, taken } = await startMute();
    await start({ upstream: `http://127.0.0.1:${port}/sse` });
    const answer = openStream();
    await until('the server was asked', () => taken() === 1);
    await drained();
    expectRefusal(await answer);
  });

  it('an initialize that the server has not answered', async () => {
    const { port, taken } = await startMute();
    await start({ upstream: `http://127.0.0.1:${port}/mcp`, upstreamTransport: 'http' });
    const answer = openSession();
    await until('the server was asked', () => taken() === 1);
    await drained();
    const refusal = await answer;
    expectRefusal(refusal);
    expect(JSON.parse(refusal.body)).toMatchObject({ id: 0 });
  });
});

it('a handshake on an event stream gets an error, and the stream ends with a retry', async () => {
  const silent: SilentUpstream = await startSilentUpstream();
  ends.push(() => silent.close());
  await start({ upstream: silent.url });
  const stream = await openSse(gateway.origin, '/sse', gateway.alice);
  await stream.post(INITIALIZE);
  await stream.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  await until('the handshake is under way', () => silent.posts.length === 1);
  const ended = new Promise((fulfil) => stream.response.once('end', fulfil));
  await drained();
  await within(1000, 'the stream ends', ended);
  expect(stream.text()).toMatch(/"id":0[^\n]*shutting_down/);
  expect(stream.text()).toMatch(/"id":1[^\n]*shutting_down/);
  expect(stream.text()).toMatch(/retry: \d+\n\n$/);
});

it('a call that follows its handshake at once is answered, not refused', async () => {
  let listener: Server | undefined;
  let hold: (() => void) | undefined;
  listener = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    req.on('end', () => {
      const answer = (result: string): void => {
        res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'one' });
        res.end(`{"jsonrpc":"2.0","id":${(JSON.parse(body) as { id: number }).id},"result":${result}}`);
      };
      if (req.method !== 'POST') res.writeHead(req.method === 'DELETE' ? 200 : 405).end();
      else if (body.includes('"initialize"'))
        answer('{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"a","version":"1"}}');
      else if (body.includes('notifications/initialized')) hold = () => void res.writeHead(202).end();
      else answer('{"tools":[]}');
    });
  });
  await new Promise<void>((fulfil) => listener?.listen(0, '127.0.0.1', fulfil));
  ends.push(() => {
    listener?.closeAllConnections();
    return new Promise((fulfil) => listener?.close(fulfil));
  });
  const { port } = listener.address() as AddressInfo;
  await start({ upstream: `http://127.0.0.1:${port}/mcp`, upstreamTransport: 'http' });
  const { headers } = await openSession();
  const session = { ...JSON_HEADERS, ...gateway.alice, 'mcp-session-id': String(headers['mcp-session-id']) };
  const list = send(gateway.origin, {
    method: 'POST',
    path: '/mcp',
    headers: session,
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  });
  await until('the server is told that the client is ready', () => hold !== undefined);
  const done = gateway.gateway.drain();
  hold?.();
  expect((await list).body).toBe('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}');
  await within(2000, 'drained', done);
});
