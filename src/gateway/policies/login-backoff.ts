import { ipKeyGenerator } from 'express-rate-limit';
import type { Logger } from '../../log.ts';
import type { Rate } from '../limits/rate.ts';

export interface LoginBackoffOptions {
  /** How many wrong credentials one address may show. */
  readonly rate: Rate;
  readonly logger: Logger;
  /** The monotonic clock, in milliseconds. */
  readonly now?: () => number;
  /** Addresses remembered; those longest without a wrong credential are forgotten first. Default 100000. */
  readonly maxAddresses?: number;
}

interface Offender {
  /** When the rate is used up no more, in nginx's leaky bucket. */
  emptyAt: number;
  blockedUntil: number;
  /** How often it was blocked. */
  blocks: number;
  lastAt: number;
}

const FIRST_BLOCK_MS = 60_000;
const LONGEST_BLOCK_MS = 15 * 60_000;
const FORGOTTEN_AFTER_MS = 60 * 60_000;
const MAX_ADDRESSES = 100_000;

/**
 * Who guesses is kept waiting: an address that shows more wrong credentials than the rate allows is blocked for 1
 * minute, then 2, 4, 8 and at last 15, until an hour has passed without a wrong one. Accounts are never locked, so nobody
 * can lock out somebody else, except those behind the same address.
 */
export class LoginBackoff {
  readonly #options: LoginBackoffOptions;
  readonly #now: () => number;
  /** In the order of their last wrong credential. */
  readonly #offenders = new Map<string, Offender>();

  constructor(options: LoginBackoffOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#offenders.size;
  }

  /** How long the address has to wait before a credential of it is looked at; 0 for not at all. */
  waitMs(address: string): number {
    if (this.#offenders.size === 0) return 0;
    const offender = this.#offenders.get(bucketOf(address));
    return offender === undefined ? 0 : Math.max(0, offender.blockedUntil - this.#now());
  }

  countWrong(address: string): void {
    const { rate, logger, maxAddresses = MAX_ADDRESSES } = this.#options;
    const bucket = bucketOf(address);
    const now = this.#now();
    let offender = this.#offenders.get(bucket);
    if (offender === undefined || now - offender.lastAt > FORGOTTEN_AFTER_MS) {
      offender = { emptyAt: now, blockedUntil: 0, blocks: 0, lastAt: now };
    }
    this.#offenders.delete(bucket);
    this.#offenders.set(bucket, offender);
    if (this.#offenders.size > maxAddresses) this.#forgetOldest();
    const intervalMs = rate.periodMs / rate.count;
    offender.lastAt = now;
    offender.emptyAt = Math.max(offender.emptyAt, now) + intervalMs;
    if (now < offender.blockedUntil || offender.emptyAt - now <= rate.burst * intervalMs) return;
    const blockMs = Math.min(LONGEST_BLOCK_MS, FIRST_BLOCK_MS * 2 ** offender.blocks);
    offender.blocks++;
    offender.blockedUntil = now + blockMs;
    logger.warn({ address: bucket, seconds: blockMs / 1000 }, 'too many wrong credentials: the address has to wait');
  }

  /** A tenth at once: taking the first of a map costs more the more were taken from it before. */
  #forgetOldest(): void {
    let left = Math.ceil(this.#offenders.size / 10);
    for (const bucket of this.#offenders.keys()) {
      if (left-- === 0) break;
      this.#offenders.delete(bucket);
    }
  }
}

/** An IPv6 host has a /64 to itself, and may choose among its addresses. */
function bucketOf(address: string): string {
  return address.includes(':') ? ipKeyGenerator(address, 64) : address;
}
