import { DrawbridgeError } from '../../errors.ts';
import { BcryptThread } from './bcrypt-thread.ts';
import type { PasswordHash } from './htpasswd.ts';
import { matchesQuickly } from './password-match.ts';

interface Job {
  readonly password: string;
  readonly hash: PasswordHash;
  readonly address: string;
  readonly settle: (outcome: boolean | Error) => void;
}

export interface PasswordQueueOptions {
  /** Verifications at once, each on a thread of its own. Default 2. */
  readonly threads?: number;
  /** Verifications that may wait. Default 64. */
  readonly maxWaiting?: number;
  /** Verifications of one address, running or waiting. Default 16. */
  readonly maxPerAddress?: number;
}

/**
 * Verifies passwords a few at a time, off the event loop where it takes long: bcrypt on threads of its own, the quick
 * kinds one in a turn. Who is in the queue is served in order; no address can fill it alone.
 */
export class PasswordQueue {
  readonly #maxWaiting: number;
  readonly #maxPerAddress: number;
  readonly #threads: readonly BcryptThread[];
  readonly #idle: BcryptThread[];
  readonly #perAddress = new Map<string, number>();
  #waiting: Job[] = [];
  #isClosed = false;

  constructor({ threads = 2, maxWaiting = 64, maxPerAddress = 16 }: PasswordQueueOptions = {}) {
    this.#maxWaiting = maxWaiting;
    this.#maxPerAddress = maxPerAddress;
    this.#threads = Array.from({ length: threads }, () => new BcryptThread());
    this.#idle = [...this.#threads];
  }

  /** Whether there is no room for one more of this address. */
  isFull(address: string): boolean {
    if ((this.#perAddress.get(address) ?? 0) >= this.#maxPerAddress) return true;
    return this.#idle.length === 0 && this.#waiting.length >= this.#maxWaiting;
  }

  /** Whether it is this password; rejects when the queue is closed before that is known. */
  verify(password: string, hash: PasswordHash, address: string): Promise<boolean> {
    if (this.#isClosed) return Promise.reject(closed());
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    return new Promise((fulfil, reject) => {
      const settle = (outcome: boolean | Error): void => {
        const left = (this.#perAddress.get(address) ?? 1) - 1;
        if (left > 0) this.#perAddress.set(address, left);
        else this.#perAddress.delete(address);
        if (outcome instanceof Error) reject(outcome);
        else fulfil(outcome);
      };
      this.#waiting.push({ password, hash, address, settle });
      this.#next();
    });
  }

  /** Ends the threads; what is not verified yet is rejected. Idempotent. */
  close(): void {
    this.#isClosed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(closed());
    for (const thread of this.#threads) thread.close();
  }

  #next(): void {
    const thread = this.#waiting.length === 0 ? undefined : this.#idle.pop();
    const job = thread === undefined ? undefined : this.#waiting.shift();
    if (thread === undefined || job === undefined) return;
    const { password, hash, settle } = job;
    const outcome = hash.kind === 'bcrypt' ? thread.verify(password, hash.text) : matchInTurn(password, hash);
    outcome.then(settle, settle).finally(() => {
      this.#idle.push(thread);
      this.#next();
    });
  }
}

/** In a turn of its own, so that many of them never make one long one. */
function matchInTurn(password: string, hash: PasswordHash): Promise<boolean> {
  return new Promise((fulfil) => setImmediate(() => fulfil(matchesQuickly(password, hash))));
}

function closed(): DrawbridgeError {
  return new DrawbridgeError('shutting_down', 'the gateway is being stopped');
}
