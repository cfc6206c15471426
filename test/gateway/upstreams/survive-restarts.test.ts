/** Sessions while their upstream is killed and started again, with and without the option to survive it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { connectTo, type TestClient } from '../../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../../parts/raw-http.ts';

const WAYS = [
  ['sse', 'sse'],
  ['sse', 'http'],
  ['http', 'sse'],
  ['http', 'http'],
] as const;
type Transport = (typeof WAYS)[number][0];

let upstream: TestMcpServer;
let gateway: TestGateway;
let client: TestClient | undefined;
afterEach(async () => {
  await client?.close().catch(() => {});
  client = undefined;
  await gateway.close();
  await upstream.kill();
});

async function start(upstreamTransport: Transport, options: Partial<GatewayOptions> = {}): Promise<void> {
  upstream = await startMcpServer();
  gateway = await startGateway({
    upstream: upstreamTransport === 'sse' ? upstream.sseUrl : upstream.httpUrl,
    ...options,
  });
}

async function connect(downstream: Transport): Promise<TestClient> {
  client = await connectTo(downstream, gateway.origin, gateway.alice);
  return client;
}

async function restart(): Promise<void> {
  await upstream.kill();
  upstream = await startMcpServer({ port: upstream.port });
}

describe.each(WAYS)('a session from %s to %s that survives restarts', (downstream, transport) => {
  const survive = { surviveRestarts: true } as const;

  it('goes on after a restart without the client’s knowing', async () => {
    await start(transport, survive);
    const { callText } = await connect(downstream);
    expect(await callText('echo', { text: 'before' })).toBe('before');
    await restart();
    expect(await within(5000, 'a call after it', callText('echo', { text: 'after' }))).toBe('after');
    expect(gateway.gateway.sessionCount).toBe(1);
  });

  it('answers calls in flight with an error at once, runs none twice, and holds those made meanwhile', async () => {
    await start(transport, survive);
    const { callText } = await connect(downstream);
    const inFlight = callText('slow', { ms: 60_000 }).catch(String);
    await until('the call is there', () => upstream.seen.filter(({ method }) => method === 'POST').length >= 3);
    const killedAt = performance.now();
    await upstream.kill();
    const lost = await within(1000, 'the answer to the call in flight', inFlight);
    expect(performance.now() - killedAt).toBeLessThan(1000);
    expect(lost).toContain('was lost');
    expect(lost).not.toContain('127.0.0.1');
    const held = Promise.all(['a', 'b', 'c', 'd', 'e'].map((text) => callText('echo', { text })));
    upstream = await startMcpServer({ port: upstream.port });
    expect(await within(5000, 'the calls that waited', held)).toEqual(['a', 'b', 'c', 'd', 'e']);
    const count = (method: string): number => upstream.methods.filter((other) => other === method).length;
    // One handshake for all of them, and no second try of the call that was lost.
    expect([count('initialize'), count('tools/call')]).toEqual([1, 5]);
  });

  it('says 502 to calls that have waited in vain, and goes on when the upstream comes later', async () => {
    await start(transport, { ...survive, upstreamHoldMs: 400 });
    const { callText } = await connect(downstream);
    await upstream.kill();
    const refused = await within(3000, 'the answer', callText('echo', { text: 'x' }).catch(String));
    expect(refused).toContain('the MCP server behind this gateway');
    expect(refused).not.toContain('127.0.0.1');
    expect(gateway.gateway.sessionCount).toBe(1);
    upstream = await startMcpServer({ port: upstream.port });
    await until('calls pass again', async () => (await callText('echo', { text: 'y' }).catch(String)) === 'y');
  });

  it('sets the log level again that the client had set', async () => {
    await start(transport, survive);
    const { client: sdk, callText } = await connect(downstream);
    await sdk.setLoggingLevel('error');
    await restart();
    expect(await within(5000, 'a call after it', callText('echo', { text: 'after' }))).toBe('after');
    expect(upstream.methods).toEqual(['initialize', 'notifications/initialized', 'logging/setLevel', 'tools/call']);
  });
});

it('a session over Streamable HTTP keeps its id over a restart', async () => {
  await start('http', { surviveRestarts: true });
  const headers = { ...JSON_HEADERS, ...gateway.alice };
  const post = (body: string, id?: string): ReturnType<typeof send> =>
    send(gateway.origin, {
      method: 'POST',
      path: '/mcp',
      headers: id === undefined ? headers : { ...headers, 'mcp-session-id': id },
      body,
    });
  const id = String((await post(INITIALIZE)).headers['mcp-session-id']);
  await post('{"jsonrpc":"2.0","method":"notifications/initialized"}', id);
  await restart();
  const pong = await post('{"jsonrpc":"2.0","id":1,"method":"ping"}', id);
  expect(pong.status).toBe(200);
  expect(pong.headers['mcp-session-id']).toBe(id);
});

describe('a session that would survive restarts, but cannot begin', () => {
  it.each([
    'sse',
    'http',
  ] as const)('over %s upstream, is answered 502 at once with the id of its request', async (to) => {
    await start(to, { surviveRestarts: true });
    await upstream.kill();
    const startedAt = performance.now();
    const answer = await send(gateway.origin, {
      method: 'POST',
      path: '/mcp',
      headers: { ...JSON_HEADERS, ...gateway.alice },
      body: INITIALIZE,
    });
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toMatchObject({ id: 0, error: { data: { reason: 'upstream_unreachable' } } });
    expect(answer.body).not.toContain('127.0.0.1');
    await until('nothing is left of it', () => gateway.gateway.sessionCount === 0);
  });

  it('is held as a stream, like any other', async () => {
    await start('sse', { surviveRestarts: true });
    const { port } = upstream;
    await upstream.kill();
    const connecting = connect('sse');
    await until('the stream waits', () => gateway.gateway.sessionCount === 1);
    upstream = await startMcpServer({ port });
    expect(await (await within(5000, 'it opens', connecting)).callText('echo', { text: 'x' })).toBe('x');
  });
});

it('a session that survives goes on on another replica where its own stays away', async () => {
  upstream = await startMcpServer();
  const other = await startMcpServer();
  gateway = await startGateway({ upstream: [upstream.sseUrl, other.sseUrl], surviveRestarts: true });
  const { callText } = await connect('sse');
  const [own, spare] = upstream.sessionCount() === 1 ? [upstream, other] : [other, upstream];
  await own.kill();
  expect(await within(5000, 'a call', callText('echo', { text: 'on the other' }))).toBe('on the other');
  expect(spare.sessionCount()).toBe(1);
  await other.kill();
});

describe.each(WAYS)('a session from %s to %s without the option', (downstream, transport) => {
  it('ends with its upstream: calls in flight are answered at once, and the client may open another', async () => {
    await start(transport);
    const first = await connect(downstream);
    const inFlight = first.callText('slow', { ms: 60_000 }).catch(String);
    await until('the call is there', () => upstream.seen.filter(({ method }) => method === 'POST').length >= 3);
    await upstream.kill();
    expect(await within(1000, 'the answer to the call in flight', inFlight)).toContain('MCP');
    expect(await within(1000, 'a call after it', first.callText('echo', { text: 'x' }).catch(String))).toMatch(
      /MCP server behind|no such session|session_unknown|Not connected|closed/,
    );
    await until('the session is gone', () => gateway.gateway.sessionCount === 0);
    upstream = await startMcpServer({ port: upstream.port });
    expect(await (await connect(downstream)).callText('echo', { text: 'again' })).toBe('again');
  });
});
