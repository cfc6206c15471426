import { MemoryStore } from 'express-rate-limit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RateLimitStore } from '../../../src/gateway/gateway-options.ts';
import { LeakyBucketStore } from '../../../src/gateway/limits/leaky-bucket-store.ts';
import { parseRate, windowOf } from '../../../src/gateway/limits/rate.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function storeFor(text: string, maxBuckets?: number) {
  const rate = parseRate(text, 'limit');
  const store = new LeakyBucketStore(rate, maxBuckets);
  const { limit } = windowOf(rate);
  return { store, passes: (key = 'a') => store.increment(key).totalHits <= limit };
}

/** How many of so many hits pass. */
function count(hits: number, passes: () => boolean): number {
  return Array.from({ length: hits }, passes).filter(Boolean).length;
}

describe('a rate with a burst', () => {
  it.each([
    ['5r/m burst=10 nodelay', 11],
    ['10r/s', 1],
    ['10r/s burst=20', 21],
    ['600', 600],
    ['1', 1],
  ])('%s lets %i come at once', (rate, places) => {
    const { passes } = storeFor(rate);
    expect(count(places + 50, passes)).toBe(places);
  });

  it('gives one place back after each part of the period, and no more than there are', () => {
    const { passes } = storeFor('5r/m burst=10');
    expect(count(20, passes)).toBe(11);
    vi.advanceTimersByTime(11_990);
    expect(count(5, passes)).toBe(0);
    vi.advanceTimersByTime(10);
    expect(count(5, passes)).toBe(1);
    vi.advanceTimersByTime(36_000);
    expect(count(5, passes)).toBe(3);
    vi.advanceTimersByTime(24 * 3_600_000);
    expect(count(20, passes)).toBe(11);
  });

  it('has no window at whose edge twice as many pass', () => {
    const { passes } = storeFor('60');
    vi.advanceTimersByTime(59_000);
    expect(count(100, passes)).toBe(60);
    vi.advanceTimersByTime(2000);
    expect(count(100, passes)).toBe(2);
  });

  it('does not count what was refused', () => {
    const { passes } = storeFor('5r/m');
    expect(passes()).toBe(true);
    for (let second = 0; second < 11; second++) {
      vi.advanceTimersByTime(1000);
      expect(passes()).toBe(false);
    }
    vi.advanceTimersByTime(1000);
    expect(passes()).toBe(true);
  });

  it('counts each key for itself', () => {
    const { passes } = storeFor('5r/m');
    expect(passes('a')).toBe(true);
    expect(passes('a')).toBe(false);
    expect(passes('b')).toBe(true);
  });

  it.each([
    '5r/m burst=10',
    '7r/m burst=3',
    '10r/s',
    '3r/s burst=2',
    '600',
    '1r/m burst=1',
  ])('lets pass what nginx lets pass: %s', (text) => {
    const { passes } = storeFor(text);
    const { count: perPeriod, periodMs, burst } = parseRate(text, 'limit');
    // nginx's own arithmetic (ngx_http_limit_req_lookup): the excess in requests, which leaks with time.
    let excess: number | undefined;
    let last = 0;
    let now = 0;
    for (let hit = 0; hit < 3000; hit++) {
      const passedMs = ((hit * 7919) % 13) * ((hit * 104_729) % (periodMs / perPeriod > 1000 ? 900 : 17));
      vi.advanceTimersByTime(passedMs);
      now += passedMs;
      const next = excess === undefined ? 0 : Math.max(0, excess - ((now - last) * perPeriod) / periodMs + 1);
      const isLetIn = next <= burst + 1e-9;
      if (isLetIn) [excess, last] = [next, now];
      expect(passes(), `hit ${hit}`).toBe(isLetIn);
    }
  });

  it('says when the next place is free', () => {
    const { store } = storeFor('5r/m burst=1');
    store.increment('a');
    store.increment('a');
    vi.advanceTimersByTime(2000);
    expect((store.increment('a').resetTime?.getTime() ?? 0) - Date.now()).toBeCloseTo(10_000, -1);
  });
});

describe('a wall clock that is set', () => {
  it.each([3_600_000, -3_600_000])('by %i ms gives nobody a place, and takes none', (jumpMs) => {
    const { passes, store } = storeFor('5r/m burst=10');
    expect(count(20, passes)).toBe(11);
    vi.setSystemTime(Date.now() + jumpMs);
    expect(count(20, passes)).toBe(0);
    expect((store.increment('a').resetTime?.getTime() ?? 0) - Date.now()).toBeLessThanOrEqual(12_001);
    vi.advanceTimersByTime(12_000);
    expect(count(20, passes)).toBe(1);
  });
});

describe('room', () => {
  it('is made by what has drained, and nobody notices', () => {
    const { passes, store } = storeFor('10r/s', 1000);
    for (let client = 0; client < 50_000; client++) {
      expect(passes(`client ${client}`)).toBe(true);
      vi.advanceTimersByTime(1);
    }
    expect(store.size).toBeLessThan(300);
  });

  it('is at its end made by those that have taken least, so that nobody drives out their own count', () => {
    const { passes, store } = storeFor('5r/m burst=10', 1000);
    expect(count(20, () => passes('greedy'))).toBe(11);
    for (let client = 0; client < 50_000; client++) passes(`client ${client}`);
    expect(store.size).toBeLessThanOrEqual(1000);
    expect(passes('greedy')).toBe(false);
  });
});

describe('the interface of express-rate-limit', () => {
  it('is that of its own memory store too', () => {
    const stores: readonly RateLimitStore[] = [storeFor('5r/m').store, new MemoryStore()];
    expect(stores).toHaveLength(2);
  });

  it('gives a place back, forgets a key, and forgets all', () => {
    const { passes, store } = storeFor('5r/m burst=1');
    expect(count(5, passes)).toBe(2);
    store.decrement('a');
    expect(count(5, passes)).toBe(1);
    store.resetKey('a');
    expect(count(5, passes)).toBe(2);
    store.shutdown();
    expect(store.size).toBe(0);
    expect(count(5, passes)).toBe(2);
  });

  it('is told a window in which as many pass on the whole', () => {
    expect(windowOf(parseRate('5r/m burst=10', 'limit'))).toEqual({ windowMs: 132_000, limit: 11 });
    expect(windowOf(parseRate('600', 'limit'))).toEqual({ windowMs: 60_000, limit: 600 });
    expect(windowOf(parseRate('100r/s', 'limit'))).toEqual({ windowMs: 1000, limit: 100 });
  });

  it('keeps a long key apart from another', () => {
    const { passes } = storeFor('5r/m');
    expect(passes(`${'x'.repeat(10_000)}a`)).toBe(true);
    expect(passes(`${'x'.repeat(10_000)}b`)).toBe(true);
    expect(passes(`${'x'.repeat(10_000)}a`)).toBe(false);
  });
});
