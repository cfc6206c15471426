import { createHash } from 'node:crypto';
import type { RateLimitCount, RateLimitStore } from '../gateway-options.ts';
import { type Rate, windowOf } from './rate.ts';

/** Buckets that are kept; some 100 bytes each. */
const MAX_BUCKETS = 100_000;
/** Buckets looked at for each new one: enough that what has drained goes faster than new ones come. */
const LOOKED_AT = 8;
/** A longer key is kept as its hash: what a token calls its subject may be long. */
const MAX_KEY_CHARS = 96;
/** What adding up fractions of a millisecond may be off. */
const TOLERANCE_MS = 0.001;

/**
 * Counters that behave as nginx's `limit_req` with `nodelay`: each key has `burst + 1` places, which become free again
 * evenly, one in `periodMs / count`. A hit that finds none is told one more than the limit of `windowOf`, and takes none. Time is that of the monotonic
 * clock, so that a wall clock that is set does nothing. Of at most 100 000 buckets, those that have drained make room for new
 * ones, which changes nothing for anybody, and otherwise those that are nearest to it.
 */
export class LeakyBucketStore implements RateLimitStore {
  readonly #maxBuckets: number;
  /** When each bucket will have drained, in milliseconds of the monotonic clock: all that there is to know of it. */
  readonly #drainedAt = new Map<string, number>();
  /** Goes round the buckets; starting anew each time would walk over all that was deleted at the front. */
  #hand = this.#drainedAt.entries();
  readonly #limit: number;
  readonly #placeMs: number;
  readonly #burstMs: number;

  constructor(rate: Rate, maxBuckets = MAX_BUCKETS) {
    this.#maxBuckets = maxBuckets;
    this.#limit = windowOf(rate).limit;
    this.#placeMs = rate.periodMs / rate.count;
    this.#burstMs = rate.burst * this.#placeMs;
  }

  /** Buckets kept at the moment. */
  get size(): number {
    return this.#drainedAt.size;
  }

  increment(name: string): RateLimitCount {
    const key = shorten(name);
    const now = performance.now();
    const known = this.#drainedAt.get(key);
    const drainedAt = Math.max(known ?? 0, now);
    const earlyMs = drainedAt - now - this.#burstMs;
    if (earlyMs > TOLERANCE_MS) return { totalHits: this.#limit + 1, resetTime: new Date(Date.now() + earlyMs) };
    if (known === undefined) this.#makeRoom(now);
    const next = drainedAt + this.#placeMs;
    this.#drainedAt.set(key, next);
    const taken = Math.ceil((next - now - TOLERANCE_MS) / this.#placeMs);
    return { totalHits: Math.min(this.#limit, taken), resetTime: new Date(Date.now() + next - now) };
  }

  /** Gives one place back. */
  decrement(name: string): void {
    const key = shorten(name);
    const drainedAt = this.#drainedAt.get(key);
    if (drainedAt !== undefined) this.#drainedAt.set(key, drainedAt - this.#placeMs);
  }

  resetKey(name: string): void {
    this.#drainedAt.delete(shorten(name));
  }

  shutdown(): void {
    this.#drainedAt.clear();
  }

  #makeRoom(now: number): void {
    const isFull = this.#drainedAt.size >= this.#maxBuckets;
    let soonest: string | undefined;
    let soonestAt = Number.POSITIVE_INFINITY;
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      const entry = this.#nextBucket();
      if (entry === undefined) return;
      const [key, drainedAt] = entry;
      if (drainedAt <= now) this.#drainedAt.delete(key);
      else if (drainedAt < soonestAt) [soonest, soonestAt] = [key, drainedAt];
    }
    if (isFull && this.#drainedAt.size >= this.#maxBuckets && soonest !== undefined) this.#drainedAt.delete(soonest);
  }

  #nextBucket(): readonly [string, number] | undefined {
    let next = this.#hand.next();
    if (next.done === true) {
      this.#hand = this.#drainedAt.entries();
      next = this.#hand.next();
    }
    return next.done === true ? undefined : next.value;
  }
}

function shorten(key: string): string {
  return key.length <= MAX_KEY_CHARS ? key : createHash('sha256').update(key).digest('base64');
}
