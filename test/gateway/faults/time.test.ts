/** Clocks that are set, and silence: R09, R15. */
import { afterEach, expect, it, vi } from 'vitest';
import { resolveGatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { until } from '../../parts/deadline.ts';
import { startGateway } from '../../parts/gateway-server.ts';
import { openClient } from '../../parts/raw-mcp-client.ts';
import { openSse } from '../../parts/raw-sse-session.ts';
import { startSilentUpstream } from '../../parts/silent-upstream.ts';
import { describePairings } from './pairings.ts';

const HOUR_MS = 3_600_000;

afterEach(() => void vi.useRealTimers());

it('a comment is due after 14 s of silence, unless another time is given, which is at most 15 s', () => {
  const base = { upstream: 'http://127.0.0.1:1/sse', auth: 'none' } as const;
  expect(resolveGatewayOptions(base).heartbeatMs).toBe(14_000);
  expect(resolveGatewayOptions({ ...base, heartbeatMs: 60_000 }).heartbeatMs).toBe(15_000);
});

it('a stream that the server says nothing on gets comment after comment, and stays', async () => {
  const upstream = await startSilentUpstream();
  const gateway = await startGateway({ upstream: upstream.url, heartbeatMs: 40 });
  const session = await openSse(gateway.origin, '/sse', gateway.alice);
  await until('a score of comments', () => session.text().split(': ping\n\n').length > 20);
  expect(gateway.gateway.sessionCount).toBe(1);
  expect(upstream.streamCount()).toBe(1);
  session.close();
  await gateway.close();
  await upstream.close();
});

describePairings('a clock that is set', (stage) => {
  it.each([
    ['an hour ahead', HOUR_MS],
    ['an hour back', -HOUR_MS],
  ])('%s cuts nothing, neither calls nor streams nor limits', async (_name, jumpMs) => {
    await stage.restartGateway({ heartbeatMs: 40, limitCalls: 'rate=2r/m burst=2' });
    const client = await stage.open();
    await client.listen();
    client.call('1');
    const call = await stage.upstream.call(0);
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + jumpMs);
    // Several beats, with each of which every session is looked at.
    const beats = performance.now() + 400;
    await until('some beats', () => performance.now() > beats);
    expect(stage.gateway.gateway.sessionCount).toBe(1);
    call.answer();
    expect(await client.answer('1')).toContain('done');
    for (const [index, id] of ['2', '3'].entries()) {
      client.call(id);
      (await stage.upstream.call(index + 1)).answer();
      expect(await client.answer(id)).toContain('done');
    }
    // Three came at once; an hour that did not pass has freed no place, nor locks out for an hour.
    await client.call('4');
    const refusal = JSON.parse(await client.answer('4'));
    expect(refusal).toMatchObject({ error: { data: { reason: 'rate_limited' } } });
    expect(refusal.error.data.retryAfterMs).toBeLessThanOrEqual(30_000);
    expect(client.isEnded).toBe(false);
  });
});

it('a key that has expired by the clock as it is now ends its session, and no other', async () => {
  const upstream = await startSilentUpstream();
  const expires = new Date(Date.now() + HOUR_MS / 2).toISOString();
  const gateway = await startGateway({ upstream: upstream.url, heartbeatMs: 40 }, { alice: { expires } });
  const alice = await openSse(gateway.origin, '/sse', gateway.alice);
  const bob = await openSse(gateway.origin, '/sse', gateway.bob);
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + HOUR_MS);
  await until('one session is over', () => gateway.gateway.sessionCount === 1);
  await until('it is that of the key', () => alice.response.closed);
  await expect(openClient(gateway.origin, 'sse', gateway.alice)).rejects.toThrow(/401/);
  expect(bob.response.closed).toBe(false);
  alice.close();
  bob.close();
  await gateway.close();
  await upstream.close();
});
