import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/gateway.ts';
import { until, within } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

const slow = (id: number, ms: number): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'slow', arguments: { ms } } });

let upstream: TestMcpServer;
let gateway: TestGateway;

beforeEach(async () => {
  upstream = await startMcpServer();
  gateway = await startGateway({ upstream: upstream.httpUrl });
});
afterEach(async () => {
  await gateway.close();
  await upstream.kill();
});

async function openHttp(): Promise<Record<string, string>> {
  const headers = { ...JSON_HEADERS, ...gateway.alice };
  const { headers: given } = await send(gateway.origin, { method: 'POST', path: '/mcp', headers, body: INITIALIZE });
  return { ...headers, 'mcp-session-id': String(given['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' };
}

/** A request over a connection that would be kept. */
function sendKept(agent: Agent, headers: Record<string, string>, body: string): Promise<IncomingMessage> {
  return new Promise((fulfil, reject) => {
    const { port } = gateway;
    const options = { host: '127.0.0.1', port, path: '/mcp', method: 'POST', headers, agent };
    const req: ClientRequest = request(options, fulfil).on('error', reject);
    req.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

const callsAreOpen = (count: number) =>
  until('calls are under way', () => upstream.seen.filter(({ method }) => method === 'POST').length >= count);

describe('from its call on', () => {
  it('/ready answers 503, while /health stays', async () => {
    expect((await send(gateway.origin, { path: '/ready' })).status).toBe(200);
    await gateway.gateway.drain();
    const answer = await send(gateway.origin, { path: '/ready' });
    expect([answer.status, answer.body]).toEqual([503, '{"status":"draining"}']);
    expect((await send(gateway.origin, { path: '/health' })).status).toBe(200);
  });

  it('an announced stop changes /ready alone', async () => {
    gateway.gateway.announceStop();
    expect((await send(gateway.origin, { path: '/ready' })).status).toBe(503);
    expect(await openHttp()).toHaveProperty('mcp-session-id');
  });

  it('a new session is refused with the id of its request, on either transport', async () => {
    await gateway.gateway.drain();
    const headers = { ...JSON_HEADERS, ...gateway.alice };
    const agent = new Agent({ keepAlive: true });
    const answer = await sendKept(agent, headers, INITIALIZE);
    expect(answer.statusCode).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
    expect(JSON.parse(await textOf(answer))).toMatchObject({ id: 0, error: { data: { reason: 'shutting_down' } } });
    const sse = await send(gateway.origin, {
      path: '/sse',
      headers: { ...gateway.alice, accept: 'text/event-stream' },
    });
    expect([sse.status, sse.headers['retry-after']]).toEqual([503, '1']);
    agent.destroy();
  });

  it('options are not taken any more', async () => {
    await gateway.gateway.drain();
    expect(() => gateway.gateway.reload({ upstream: 'no url', auth: 'none' })).not.toThrow();
  });
});

describe('a session with a call under way', () => {
  it('gets its answer, and then its connection ends', async () => {
    const session = await openHttp();
    const agent = new Agent({ keepAlive: true });
    const answer = sendKept(agent, session, slow(7, 300));
    await callsAreOpen(2);
    const drained = gateway.gateway.drain();
    const response = await answer;
    expect(response.headers['connection']).toBe('close');
    expect(await textOf(response)).toContain('"text":"done"');
    await within(2000, 'drained', drained);
    expect(gateway.gateway.sessionCount).toBe(0);
    await until('the session upstream is ended', () => upstream.sessionCount() === 0);
    agent.destroy();
  });

  it('is answered with an error at the bound', async () => {
    const session = await openHttp();
    const answer = send(gateway.origin, { method: 'POST', path: '/mcp', headers: session, body: slow(8, 20_000) });
    await callsAreOpen(2);
    await within(2000, 'drained', gateway.gateway.drain({ timeoutMs: 100 }));
    const { body } = await answer;
    expect(JSON.parse(body)).toMatchObject({ id: 8, error: { code: -32603, data: { reason: 'shutting_down' } } });
  });

  it('is answered at once when close follows', async () => {
    const session = await openHttp();
    const answer = send(gateway.origin, { method: 'POST', path: '/mcp', headers: session, body: slow(9, 20_000) });
    await callsAreOpen(2);
    const drained = gateway.gateway.drain({ timeoutMs: 60_000 });
    await within(2000, 'closed', Promise.all([gateway.gateway.close(), drained]));
    expect((await answer).body).toContain('shutting_down');
  });
});

describe('event streams', () => {
  it.each([
    '/sse',
    '/mcp',
  ])('that are idle end at once, with the wish that the client comes back (%s)', async (path) => {
    const over = await (path === '/sse' ? openSse(gateway.origin, '/sse', gateway.alice) : listenHttp());
    const ended = new Promise((fulfil) => over.response.once('end', fulfil));
    await within(1000, 'drained', gateway.gateway.drain({ timeoutMs: 60_000 }));
    await within(1000, 'the stream ends', ended);
    expect(over.text()).toMatch(/retry: \d{3,4}\n\n$/);
  });

  it('are told different times', async () => {
    const streams = await Promise.all(Array.from({ length: 8 }, () => openSse(gateway.origin, '/sse', gateway.alice)));
    const ended = streams.map(({ response }) => new Promise((fulfil) => response.once('end', fulfil)));
    await gateway.gateway.drain();
    await within(1000, 'the streams end', Promise.all(ended));
    const times = streams.map((stream) => Number(/retry: (\d+)\n\n$/.exec(stream.text())?.[1]));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...times)).toBeLessThan(2000);
    expect(new Set(times).size).toBeGreaterThan(1);
  });

  it('with a call under way bring its answer first', async () => {
    const stream = await openSse(gateway.origin, '/sse', gateway.alice);
    await stream.initialize();
    await stream.post(slow(5, 200));
    const ended = new Promise((fulfil) => stream.response.once('end', fulfil));
    await within(2000, 'drained', gateway.gateway.drain());
    await within(1000, 'the stream ends', ended);
    expect(stream.text()).toMatch(/"text":"done"[\s\S]*"id":5[\s\S]*retry: \d+\n\n$/);
  });

  it('with a call that takes too long bring an error first', async () => {
    const stream = await openSse(gateway.origin, '/sse', gateway.alice);
    await stream.initialize();
    await stream.post(slow(6, 20_000));
    const ended = new Promise((fulfil) => stream.response.once('end', fulfil));
    await within(2000, 'drained', gateway.gateway.drain({ timeoutMs: 50 }));
    await within(1000, 'the stream ends', ended);
    expect(stream.text()).toMatch(/"id":6[\s\S]*shutting_down[\s\S]*retry: \d+\n\n$/);
  });

  async function listenHttp(): Promise<{ response: IncomingMessage; text(): string }> {
    const session = await openHttp();
    const { 'content-type': _, ...headers } = session;
    const response = await new Promise<IncomingMessage>((fulfil, reject) => {
      const options = { host: '127.0.0.1', port: gateway.port, path: '/mcp', headers, agent: false };
      request(options, fulfil).on('error', reject).end();
    });
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    return { response, text: () => text };
  }
});

describe('what hangs', () => {
  let silent: SilentUpstream;
  afterEach(() => silent.close());

  it('such as a server that never answers is no reason not to end', async () => {
    silent = await startSilentUpstream();
    const own = createGateway({ upstream: silent.url, auth: 'none' });
    await within(1500, 'drained', own.drain({ timeoutMs: 100 }));
  });
});

it('is done once, however often it is asked for', async () => {
  await Promise.all([gateway.gateway.drain(), gateway.gateway.drain({ timeoutMs: 5 }), gateway.gateway.close()]);
  await gateway.gateway.drain();
});
