import { DrawbridgeError } from '../../errors.ts';
import { bucketOfAddress } from '../address/canonical-address.ts';
import type { RateLimitCount, RateLimitStore } from '../gateway-options.ts';
import { type Rate, windowOf } from '../limits/rate.ts';
import type { Policy, Refusal } from '../refusal.ts';
import type { RequestContext } from '../request-context.ts';

/** Rates that are counted apart from the gateway's own; of more than this the oldest start anew. */
const MAX_OWN_RATES = 256;

/** A request's place in a limit. */
export interface Bucket {
  readonly key: string;
  /** In place of the limit's own rate. */
  readonly rate?: Rate | undefined;
}

export interface RateLimitOptions {
  readonly rate: Rate;
  /** What is limited, as a sentence says it: `tools/call requests`. */
  readonly what: string;
  /** Makes the counters of one rate: the limit's, or one that some principals have of their own. */
  readonly createStore: (rate: Rate, isOwn: boolean) => RateLimitStore;
  /** The bucket that the request falls into; undefined where this limit does not concern it. */
  readonly bucketOf: (context: RequestContext) => Bucket | undefined;
}

export interface RateLimit {
  readonly policy: Policy;
  /** Gives back the counters. */
  close(): void;
}

/**
 * Refuses what finds no place in its bucket: with 429 and `Retry-After` (RFC 6585 §4), and a JSON-RPC error that says in
 * words how long to wait.
 */
export function rateLimit({ rate, what, createStore, bucketOf }: RateLimitOptions): RateLimit {
  const common = new Counters(rate, what, createStore(rate, false));
  const own = new Map<string, Counters>();
  const countersOf = (ownRate: Rate): Counters => {
    const name = nameOfRate(ownRate);
    const known = own.get(name);
    if (known !== undefined) return known;
    const [oldest] = own;
    if (oldest !== undefined && own.size >= MAX_OWN_RATES) {
      own.delete(oldest[0]);
      oldest[1].close();
    }
    const made = new Counters(ownRate, what, createStore(ownRate, true));
    own.set(name, made);
    return made;
  };
  return {
    policy: (context) => {
      const bucket = bucketOf(context);
      if (bucket === undefined) return undefined;
      return (bucket.rate === undefined ? common : countersOf(bucket.rate)).count(bucket.key);
    },
    close: () => {
      for (const counters of [common, ...own.values()]) counters.close();
    },
  };
}

/** One rate and the store that counts for it. */
class Counters {
  readonly #store: RateLimitStore;
  readonly #what: string;
  readonly #windowMs: number;
  readonly #limit: number;

  constructor(rate: Rate, what: string, store: RateLimitStore) {
    this.#store = store;
    this.#what = what;
    const { windowMs, limit } = windowOf(rate);
    this.#windowMs = windowMs;
    this.#limit = limit;
    store.init?.({ windowMs });
  }

  count(key: string): Refusal | undefined | Promise<Refusal | undefined> {
    const counted = this.#store.increment(key);
    return counted instanceof Promise ? counted.then((count) => this.#judge(count)) : this.#judge(counted);
  }

  close(): void {
    this.#store.shutdown?.();
  }

  #judge({ totalHits, resetTime }: RateLimitCount): Refusal | undefined {
    if (totalHits <= this.#limit) return undefined;
    const waitMs = Math.max(1, Math.ceil((resetTime?.getTime() ?? Date.now() + this.#windowMs) - Date.now()));
    return refuseFor(`too many ${this.#what}`, waitMs);
  }
}

/** The same for equal rates alone. */
export function nameOfRate({ count, periodMs, burst }: Rate): string {
  return `${count}/${periodMs}/${burst}`;
}

/** What is refused now, and may come again after a while. */
export function refuseFor(what: string, waitMs: number): Refusal {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const error = new DrawbridgeError('rate_limited', `${what}; try again in ${seconds} s`, {
    hint: `Wait ${seconds} s, then try again.`,
    retryAfterMs: waitMs,
  });
  return { error, headers: ['Retry-After', String(seconds)], goesToStream: true };
}

/** One bucket for each IPv4 address and each IPv6 /56, which is what one customer commonly has. */
export function byAddress({ address }: RequestContext): Bucket {
  return { key: bucketOfAddress(address) };
}

export function byPrincipal({ principal }: RequestContext): Bucket | undefined {
  return principal === undefined ? undefined : { key: principal.id };
}

/** Tool calls alone: the handshake, lists, pings and notifications never wait for a place among them. */
export function byPrincipalAndCall({ principal, message }: RequestContext): Bucket | undefined {
  if (principal === undefined || message?.method !== 'tools/call') return undefined;
  return { key: principal.id, rate: principal.limitCalls };
}

/** Calls of this tool alone. */
export function byPrincipalAndTool(name: string): RateLimitOptions['bucketOf'] {
  return ({ principal, tool }) => (principal === undefined || tool !== name ? undefined : { key: principal.id });
}
