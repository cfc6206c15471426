/**
 * The attack (L11): whoever has a /32 of IPv6 has 16 million /56 networks, and sends one request from each. A limiter that
 * keeps a counter for each of them runs out of memory; one that forgets all when it is full lets everybody start anew, the
 * attacker first; one that searches for what it can forget stops the process. What must happen: under a million distinct
 * networks memory grows by less than 100 MB, no turn of the event loop takes 100 ms, and who has used up their
 * places before has none afterwards.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bucketOfAddress } from '../../src/gateway/address/canonical-address.ts';
import { LeakyBucketStore } from '../../src/gateway/limits/leaky-bucket-store.ts';
import { parseRate, windowOf } from '../../src/gateway/limits/rate.ts';

const NETWORKS = 1_000_000;
/** As many as could arrive in one turn of the event loop, and more than do. */
const IN_ONE_TURN = 500;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is held, without what only waits to be collected. */
function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const addressOf = (index: number): string =>
  `2001:db${(index >>> 16).toString(16)}:${(index & 0xffff).toString(16)}:ff00::${(index % 7).toString(16)}`;

async function flood(store: LeakyBucketStore): Promise<{ grownBytes: number; slowestMs: number }> {
  const before = heldBytes();
  let grownBytes = 0;
  let slowestMs = 0;
  for (let index = 0; index < NETWORKS; ) {
    // Garbage is collected by the test between the parts, which is no delay that the limiter has made.
    for (const part = index + NETWORKS / 10; index < part; ) {
      // In time of the processor, since the machine may do other things as well.
      const start = process.cpuUsage();
      for (const end = index + IN_ONE_TURN; index < end; index++) store.increment(bucketOfAddress(addressOf(index)));
      const { user, system } = process.cpuUsage(start);
      slowestMs = Math.max(slowestMs, (user + system) / 1000);
      await new Promise((fulfil) => setImmediate(fulfil));
    }
    grownBytes = Math.max(grownBytes, heldBytes() - before);
  }
  return { grownBytes, slowestMs };
}

describe.each(['12000', '20', '5r/m burst=10'])('a million networks under a limit of %s', (text) => {
  it('cost neither memory nor time, and clear nobody', async () => {
    const rate = parseRate(text, 'limit');
    const { limit } = windowOf(rate);
    const store = new LeakyBucketStore(rate);
    const hasPlace = (): boolean => store.increment('203.0.113.9').totalHits <= limit;
    while (hasPlace());
    const { grownBytes, slowestMs } = await flood(store);
    expect(grownBytes).toBeLessThan(100e6);
    expect(slowestMs).toBeLessThan(100);
    expect(store.size).toBeLessThanOrEqual(100_000);
    // Where a place takes 12 s to come back, the flood has not lasted long enough for many.
    if (rate.periodMs / rate.count > 1000) {
      let places = 0;
      while (hasPlace()) places++;
      expect(places).toBeLessThan(limit);
    }
  }, 60_000);
});
