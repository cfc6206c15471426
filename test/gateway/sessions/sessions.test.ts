import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { connectSse } from '../../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';

let upstream: TestMcpServer;
let gateway: TestGateway;
beforeEach(async () => {
  upstream = await startMcpServer();
});
afterEach(async () => {
  await gateway.close();
  await upstream.kill();
});

const initialize = (headers: Record<string, string>): Promise<RawAnswer> =>
  send(gateway.origin, { method: 'POST', path: '/mcp', headers: { ...JSON_HEADERS, ...headers }, body: INITIALIZE });

const PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}';

describe('a Streamable HTTP session', () => {
  beforeEach(async () => {
    gateway = await startGateway({ upstream: upstream.httpUrl });
  });

  it('has an id of our own, not the upstream’s', async () => {
    const { status, headers } = await initialize(gateway.alice);
    expect(status).toBe(200);
    expect(headers['mcp-session-id']).toMatch(/^[\w-]{32}$/);
    expect(upstream.seen.map(({ headers: sent }) => sent['mcp-session-id'])).not.toContain(headers['mcp-session-id']);
  });

  it('is not begun by an initialize that is a notification, whose sender could never name it', async () => {
    const body = '{"jsonrpc":"2.0","method":"initialize","params":{}}';
    const headers = { ...JSON_HEADERS, ...gateway.alice };
    expect((await send(gateway.origin, { method: 'POST', path: '/mcp', headers, body })).status).toBe(400);
    expect(gateway.gateway.sessionCount).toBe(0);
  });

  it('is, for another principal, the same 404 as one that never was, on every verb', async () => {
    const id = String((await initialize(gateway.alice)).headers['mcp-session-id']);
    const before = upstream.seen.length;
    for (const method of ['POST', 'GET', 'DELETE']) {
      const body = method === 'POST' ? { body: PING } : {};
      const headers = { ...JSON_HEADERS, ...gateway.bob };
      const stolen = await send(gateway.origin, {
        method,
        path: '/mcp',
        headers: { ...headers, 'mcp-session-id': id },
        ...body,
      });
      const unknown = await send(gateway.origin, {
        method,
        path: '/mcp',
        headers: { ...headers, 'mcp-session-id': 'x' },
        ...body,
      });
      expect(stolen.status).toBe(404);
      expect(stolen.body).toBe(unknown.body);
      expect({ ...stolen.headers, date: '' }).toEqual({ ...unknown.headers, date: '' });
    }
    expect(upstream.seen.length).toBe(before);
    const mine = { ...JSON_HEADERS, ...gateway.alice, 'mcp-session-id': id };
    expect((await send(gateway.origin, { method: 'POST', path: '/mcp', headers: mine, body: PING })).status).toBe(200);
  });

  it('is missing where it must be named: 400, not 404', async () => {
    const answer = await send(gateway.origin, {
      method: 'POST',
      path: '/mcp',
      headers: { ...JSON_HEADERS, ...gateway.alice },
      body: PING,
    });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ id: 7, error: { code: -32600 } });
  });

  it('ends by DELETE, upstream too', async () => {
    const id = String((await initialize(gateway.alice)).headers['mcp-session-id']);
    const headers = { ...JSON_HEADERS, ...gateway.alice, 'mcp-session-id': id };
    expect((await send(gateway.origin, { method: 'DELETE', path: '/mcp', headers })).status).toBe(200);
    expect(upstream.sessionCount()).toBe(0);
    expect((await send(gateway.origin, { method: 'POST', path: '/mcp', headers, body: PING })).status).toBe(404);
  });

  it('cannot be used through the SSE route, nor the other way round', async () => {
    const id = String((await initialize(gateway.alice)).headers['mcp-session-id']);
    const headers = { ...JSON_HEADERS, ...gateway.alice };
    expect(
      (await send(gateway.origin, { method: 'POST', path: `/sse/messages?session=${id}`, headers, body: PING })).status,
    ).toBe(404);
  });
});

describe('an SSE session', () => {
  it('takes messages under /messages/ as well', async () => {
    gateway = await startGateway({ upstream: upstream.sseUrl });
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    const path = session.endpoint.replace('/sse/messages', '/messages/');
    expect(path).not.toBe(session.endpoint);
    expect(
      (
        await send(gateway.origin, {
          method: 'POST',
          path,
          headers: { ...JSON_HEADERS, ...gateway.alice },
          body: INITIALIZE,
        })
      ).status,
    ).toBe(202);
    await session.arrival('"id":0');
    session.close();
  });

  it('is the principal’s own at every message: a key that is good but another’s is 404', async () => {
    gateway = await startGateway({ upstream: upstream.sseUrl });
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    expect((await session.post(INITIALIZE, gateway.bob)).status).toBe(404);
    expect((await session.post(INITIALIZE, { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await session.post(INITIALIZE)).status).toBe(202);
    session.close();
  });
});

describe('the caps on sessions', () => {
  it('refuse one principal too many, leave others room, and give the place back when a stream is cut', async () => {
    gateway = await startGateway({ upstream: upstream.sseUrl, maxSessionsPerPrincipal: 2 });
    const first = await openSse(gateway.origin, '/sse', gateway.alice);
    const second = await openSse(gateway.origin, '/sse', gateway.alice);
    const refused = await send(gateway.origin, { path: '/sse', headers: gateway.alice });
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.body)).toMatchObject({ error: { data: { reason: 'too_many_sessions' } } });
    const other = await openSse(gateway.origin, '/sse', gateway.bob);
    first.close();
    await until('the place is free', () => gateway.gateway.sessionCount === 2);
    const third = await openSse(gateway.origin, '/sse', gateway.alice);
    for (const session of [second, other, third]) session.close();
    await until('all are gone', () => gateway.gateway.sessionCount === 0 && upstream.sessionCount() === 0);
  });

  it('hold for all together: 503', async () => {
    gateway = await startGateway({ upstream: upstream.sseUrl, maxSessions: 1 });
    const first = await openSse(gateway.origin, '/sse', gateway.alice);
    expect((await send(gateway.origin, { path: '/sse', headers: gateway.bob })).status).toBe(503);
    first.close();
  });
});

describe('closing the gateway', () => {
  it('answers what is open, then ends every session', async () => {
    gateway = await startGateway({ upstream: upstream.sseUrl });
    const client = await connectSse(`${gateway.origin}/sse`, gateway.alice);
    const call = client.callText('slow', { ms: 60_000 });
    await until('the call is upstream', () => upstream.seen.filter(({ method }) => method === 'POST').length >= 3);
    await Promise.all([expect(call).rejects.toThrow('the gateway is being stopped'), gateway.gateway.close()]);
    await gateway.gateway.close();
    expect(gateway.gateway.sessionCount).toBe(0);
    await until('the upstream session ends', () => upstream.sessionCount() === 0);
    await client.close();
  });
});

describe('health', () => {
  it('says alive without a credential, and ready only while the upstream takes connections, opening no session', async () => {
    gateway = await startGateway({ upstream: upstream.sseUrl });
    expect((await send(gateway.origin, { path: '/health' })).body).toBe('{"status":"ok"}');
    expect((await send(gateway.origin, { path: '/ready' })).status).toBe(200);
    expect(upstream.seen).toEqual([]);
    await gateway.close();
    gateway = await startGateway({ upstream: 'http://127.0.0.1:1/sse' });
    expect((await send(gateway.origin, { path: '/health' })).status).toBe(200);
    const { status, body } = await send(gateway.origin, { path: '/ready' });
    expect([status, body]).toEqual([503, '{"status":"upstream unreachable"}']);
  });
});
