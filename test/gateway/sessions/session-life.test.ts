import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { until } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { openSse, type RawSseSession } from '../../parts/raw-sse-session.ts';
import { type SilentUpstream, shakeHands, startSilentUpstream } from '../../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let session: RawSseSession;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'] });
  upstream = await startSilentUpstream();
});
afterEach(async () => {
  vi.useRealTimers();
  session.close();
  await gateway.close();
  await upstream.close();
});

/** Opens a session that has said it is initialized, and then says nothing. */
async function openSession(options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await startGateway({ upstream: upstream.url, ...options });
  session = await openSse(gateway.origin, '/sse', gateway.alice);
  await shakeHands(session, upstream);
}

/** The id of the newest sign of life that was asked for. */
const asked = (): string | undefined => [...session.text().matchAll(/"id":("drawbridge-pulse-\d+")/g)].at(-1)?.[1];

/** Lets time pass in steps, with what follows from each. */
async function pass(totalMs: number, atEach: () => Promise<unknown> = async () => {}): Promise<void> {
  for (let elapsedMs = 0; elapsedMs < totalMs; elapsedMs += 5000) {
    vi.advanceTimersByTime(5000);
    await new Promise((fulfil) => setImmediate(fulfil));
    await atEach();
  }
}

describe('a session whose client is gone without a word', () => {
  it('is asked for a sign of life, and ended within 120 s', async () => {
    await openSession();
    await pass(60_000);
    await until('the question', () => asked() !== undefined);
    expect(gateway.gateway.sessionCount).toBe(1);
    await pass(60_000);
    await until('the end of the session', () => gateway.gateway.sessionCount === 0);
    await until('the end of the upstream connection', () => upstream.streamCount() === 0);
  });

  it('is kept for as long as its client answers', async () => {
    await openSession();
    const answered = new Set<string>();
    await pass(10 * 60_000, async () => {
      const id = asked();
      if (id === undefined || answered.has(id)) return;
      answered.add(id);
      await session.post(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    });
    expect(answered.size).toBeGreaterThan(5);
    expect(gateway.gateway.sessionCount).toBe(1);
    // The answers are for the gateway; the server has asked nothing.
    expect(upstream.posts.map(({ body }) => body).join()).not.toContain('drawbridge-pulse');
  });

  it('is kept for as long as its client says anything, and a question of old is taken back', async () => {
    await openSession();
    await pass(10 * 60_000, async () => {
      if (asked() !== undefined) await session.post('{"jsonrpc":"2.0","method":"notifications/progress"}');
    });
    expect(gateway.gateway.sessionCount).toBe(1);
    await pass(60_000);
    await until('the question of old is taken back', () => session.text().includes('"requestId":"drawbridge-pulse-1"'));
  });

  it('is not asked before it has said that it is initialized', async () => {
    gateway = await startGateway({ upstream: upstream.url });
    session = await openSse(gateway.origin, '/sse', gateway.alice);
    await pass(6 * 60_000);
    expect(asked()).toBeUndefined();
    expect(gateway.gateway.sessionCount).toBe(1);
  });
});

describe('a session', () => {
  it('ends at its greatest age, however much it is used', async () => {
    await openSession({ sessionLifetimeMs: 100_000 });
    await pass(95_000, () => session.post('{"jsonrpc":"2.0","method":"notifications/progress"}'));
    expect(gateway.gateway.sessionCount).toBe(1);
    await pass(20_000);
    await until('the end of the session', () => gateway.gateway.sessionCount === 0);
  });

  it('has its calls answered before it ends, within 30 s', async () => {
    await openSession({ sessionLifetimeMs: 20_000 });
    await session.post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}');
    await session.post('{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"slower"}}');
    await pass(25_000);
    upstream.write('event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
    await session.arrival('"id":1,"result":{}');
    expect(gateway.gateway.sessionCount).toBe(1);
    await pass(25_000);
    await session.arrival('"id":2,"error"');
    await until('the end of the session', () => gateway.gateway.sessionCount === 0);
  });
});
