import { DrawbridgeError } from '../../errors.ts';

/** A limit in nginx's terms (`limit_req`): so many in a period, and so many more at once. */
export interface Rate {
  /** Requests that may come in one period, evenly. At least 1. */
  readonly count: number;
  readonly periodMs: number;
  /** How many may come before their time, without delay (`nodelay`). */
  readonly burst: number;
}

const RATE = /^(?:rate=)?(\d{1,9})r\/([sm])(?: +burst=(\d{1,9}))?(?: +nodelay)?$/;
const PERIOD_MS = { s: 1000, m: 60_000 } as const;

/** Stores have windows in whole milliseconds, and some of them in whole seconds. */
const MIN_WINDOW_MS = 1000;

/** The window in which all places of a rate become free, and how many hits it has: what a store without rates can count. */
export function windowOf({ count, periodMs, burst }: Rate): { readonly windowMs: number; readonly limit: number } {
  const placeMs = periodMs / count;
  const windowMs = Math.max(MIN_WINDOW_MS, Math.ceil((burst + 1) * placeMs));
  return { windowMs, limit: Math.max(burst + 1, Math.floor(windowMs / placeMs)) };
}

/**
 * Reads `rate=5r/m burst=10 nodelay`, of which all but `5r/m` may be left out, or a plain number: so many a minute, any
 * number of them at once. Throws `config` naming the option.
 */
export function parseRate(text: string | number, name: string): Rate {
  const plain = /^\d{1,9}$/.test(String(text)) ? Number(text) : 0;
  if (plain > 0) return { count: plain, periodMs: 60_000, burst: plain - 1 };
  const [, count = '0', unit, burst = '0'] = RATE.exec(String(text).trim()) ?? [];
  if (Number(count) > 0) return { count: Number(count), periodMs: PERIOD_MS[unit as 's' | 'm'], burst: Number(burst) };
  throw new DrawbridgeError('config', `${name} is not a rate`, {
    why: `it is ${JSON.stringify(String(text).slice(0, 60))}`,
    hint: 'Such as 600 (a minute), 10r/s, or "rate=5r/m burst=10 nodelay".',
  });
}
