import { ipKeyGenerator, MemoryStore, type Options } from 'express-rate-limit';
import { DrawbridgeError } from '../../errors.ts';
import type { RateLimitCount, RateLimitStore } from '../gateway-options.ts';
import type { Rate } from '../rate.ts';
import type { Policy, Refusal } from '../refusal.ts';
import type { RequestContext } from '../request-context.ts';

export interface RateLimitOptions {
  readonly rate: Rate;
  /** Counts; express-rate-limit's memory store unless one is given. */
  readonly store: RateLimitStore;
  /** The bucket that the request falls into; undefined where this limit does not concern it. */
  readonly bucketOf: (context: RequestContext) => string | undefined;
}

/** A store for one limit; each limit counts for itself. */
export function createMemoryStore(): RateLimitStore {
  const store = new MemoryStore();
  return {
    // Of express-rate-limit's options, stores read the window alone.
    init: ({ windowMs, limit }) => store.init({ windowMs, limit } as Options),
    increment: (key) => store.increment(key),
    shutdown: () => store.shutdown(),
  };
}

/** Refuses with 429 and `Retry-After` (RFC 6585 §4) what exceeds the limit of its bucket. */
export function rateLimit(options: RateLimitOptions): Policy {
  const { rate, store, bucketOf } = options;
  const { periodMs: windowMs } = rate;
  const limit = rate.burst + 1;
  store.init?.({ windowMs, limit });
  const judge = ({ totalHits, resetTime }: RateLimitCount): Refusal | undefined => {
    if (totalHits <= limit) return undefined;
    const waitMs = Math.max(0, (resetTime?.getTime() ?? Date.now() + windowMs) - Date.now());
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    const error = new DrawbridgeError('rate_limited', `more than ${limit} in ${Math.round(windowMs / 1000)} s`, {
      hint: `Wait ${seconds} s, then try again.`,
    });
    return { error, headers: ['Retry-After', String(seconds)] };
  };
  return (context) => {
    const bucket = bucketOf(context);
    if (bucket === undefined) return undefined;
    const counted = store.increment(bucket);
    return counted instanceof Promise ? counted.then(judge) : judge(counted);
  };
}

/** One bucket for each IPv4 address and each IPv6 /56, which is what one customer commonly has. */
export function byAddress({ address }: RequestContext): string {
  return address.includes(':') ? ipKeyGenerator(address, 56) : address;
}

export function byPrincipal({ principal }: RequestContext): string | undefined {
  return principal?.id;
}

/** Tool calls alone: the handshake, lists, pings and notifications never wait for a place among them. */
export function byPrincipalAndCall({ principal, message }: RequestContext): string | undefined {
  return message?.method === 'tools/call' ? principal?.id : undefined;
}
