import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { send } from '../parts/raw-http.ts';
import { openSse, type RawSseSession } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, shakeHands, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let session: RawSseSession;

beforeEach(async () => {
  upstream = await startSilentUpstream();
});
afterEach(async () => {
  vi.useRealTimers();
  session.close();
  await gateway.close();
  await upstream.close();
});

const note = (n: number): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"n":${n}}}`;

describe('an SSE stream through the gateway', () => {
  it('tells buffering proxies and caches to keep out', async () => {
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    expect(session.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(session.response.headers['content-length']).toBeUndefined();
  });

  it('announces an endpoint of the gateway, and nothing of the upstream', async () => {
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    expect(session.endpoint).toMatch(/^\/sse\/messages\?session=[\w-]{32}$/);
    expect(session.text()).not.toContain('session_id');
    expect(session.text()).not.toContain(String(upstream.port));
  });

  it('puts an event of the upstream on the wire within 50 ms (median of 41)', async () => {
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    const delays: number[] = [];
    for (let n = 0; n < 41; n++) {
      const arrival = session.arrival(`"n":${n}}`);
      const sentAt = performance.now();
      upstream.write(`event: message\r\ndata: ${note(n)}\r\n\r\n`);
      delays.push((await arrival) - sentAt);
    }
    expect(delays.sort((a, b) => a - b)[20]).toBeLessThan(50);
  });

  it('outlives six minutes of silence, with a comment at least every 15 s', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'Date', 'performance'] });
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    const comments = (): number => session.text().split(': ping\n\n').length - 1;
    for (let elapsed = 0; elapsed < 6 * 60_000; elapsed += 15_000) {
      const before = comments();
      vi.advanceTimersByTime(15_000);
      await until('a comment', () => comments() > before);
    }
    expect(comments()).toBeGreaterThanOrEqual(24);
    upstream.write(`event: message\ndata: ${note(1)}\n\n`);
    await until('the event after the silence', () => session.text().includes(note(1)));
    expect(gateway.gateway.sessionCount).toBe(1);
  });

  it('takes events cut at any byte, with CRLF, comments and several data lines', async () => {
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    for (const byte of `: hi\r\nevent: message\r\ndata: {"jsonrpc":"2.0",\r\ndata: "method":"x/ünï🏰"}\r\n\r\n`)
      upstream.write(byte);
    await session.arrival('"method":"x/ünï🏰"}\n\n');
    expect(session.text()).toContain('event: message\ndata: {"jsonrpc":"2.0", "method":"x/ünï🏰"}\n\n');
  });
});

describe('when the upstream ends the stream', () => {
  it('answers what is open with the byte-identical id, ends the client’s stream and forgets the session', async () => {
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    await shakeHands(session, upstream);
    const ended = new Promise((fulfil) => session.response.on('end', fulfil));
    for (const id of ['9007199254740993', '"1"', '1', '1e2', '"\\u0061"']) {
      await session.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"x"}}`);
    }
    upstream.endStreams();
    await ended;
    for (const id of ['9007199254740993', '"1"', '1', '1e2', '"\\u0061"']) {
      expect(session.text()).toContain(
        `data: {"jsonrpc":"2.0","id":${id},"error":{"code":-32603,"message":"the connection to the MCP server behind this gateway was lost","data":{"reason":"upstream_lost"`,
      );
    }
    expect(gateway.gateway.sessionCount).toBe(0);
    expect((await session.post('{"jsonrpc":"2.0","id":5,"method":"ping"}')).status).toBe(404);
  });
});

describe('when the client goes', () => {
  it('ends the upstream’s stream and frees the session', async () => {
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    expect(upstream.streamCount()).toBe(1);
    session.close();
    await until('the upstream stream ends', () => upstream.streamCount() === 0);
    expect(gateway.gateway.sessionCount).toBe(0);
  });
});

describe('when the upstream cannot be reached', () => {
  it('a stream that is not held is answered 502 at once, and a stream opened later works', async () => {
    gateway = await startGateway({ upstream: 'http://127.0.0.1:1/sse', upstreamHoldMs: 0 });
    const answer = await send(gateway.origin, { path: '/sse', headers: gateway.alice });
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: { code: -32603, data: { reason: 'upstream_unreachable' } },
    });
    expect(gateway.gateway.sessionCount).toBe(0);
    await gateway.close();
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
  });
});
