import { DrawbridgeError } from '../../errors.ts';
import { Backoff } from '../../relay/backoff.ts';

/** Delays after starts that failed: a command that ends at once must not be started as often as clients ask. */
const BACKOFF = { firstMs: 250, capMs: 5000 } as const;
/** Principals whose last start has failed; the oldest gives way. */
const MAX_FAILURES = 1000;
/** How long a failure counts against the gateway's readiness. */
const UNREADY_MS = 30_000;

interface Failure {
  readonly backoff: Backoff;
  error: DrawbridgeError;
  /** Until then it is not started again, in milliseconds of the monotonic clock. */
  until: number;
}

/**
 * Which starts have failed, by principal, since each may have an environment of its own. A start has failed when the
 * process could not be started, or ended before it had said anything.
 */
export class CommandStarts {
  readonly #failures = new Map<string, Failure>();
  #last: { readonly error: DrawbridgeError | undefined; readonly at: number } = { error: undefined, at: 0 };

  /** Throws the error of the last start while it is too early for another. */
  check(principalId: string): void {
    const failure = this.#failures.get(principalId);
    if (failure === undefined) return;
    const waitMs = Math.ceil(failure.until - performance.now());
    if (waitMs <= 0) return;
    const { code, message, why, hint } = failure.error;
    throw new DrawbridgeError(code, message, {
      ...(why === undefined ? {} : { why }),
      hint,
      retryAfterMs: waitMs,
    });
  }

  noteFailure(principalId: string, error: DrawbridgeError): void {
    const failure = this.#failures.get(principalId) ?? { backoff: new Backoff(BACKOFF), error, until: 0 };
    // The first delay of a backoff is none.
    if (failure.until === 0) failure.backoff.next();
    failure.error = error;
    this.#last = { error, at: performance.now() };
    failure.until = performance.now() + failure.backoff.next();
    this.#failures.delete(principalId);
    this.#failures.set(principalId, failure);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_FAILURES && oldest !== undefined) this.#failures.delete(oldest);
  }

  noteSuccess(principalId: string): void {
    this.#failures.delete(principalId);
    this.#last = { error: undefined, at: 0 };
  }

  /**
   * What the last start failed with; undefined where another has succeeded since, and after 30 s, since a gateway that
   * says it is not ready may never be asked to start another.
   */
  get lastFailure(): DrawbridgeError | undefined {
    const { error, at } = this.#last;
    return performance.now() - at < UNREADY_MS ? error : undefined;
  }
}

/** How many commands may run at once, of all servers. */
export class CommandSlots {
  #taken = 0;
  limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Gives what gives it back, once. Throws `too_many_sessions` with the status 503. */
  take(): () => void {
    if (this.#taken >= this.limit) {
      throw new DrawbridgeError('too_many_sessions', 'the gateway runs as many commands as it may', { status: 503 });
    }
    this.#taken++;
    let isTaken = true;
    return () => {
      if (isTaken) this.#taken--;
      isTaken = false;
    };
  }
}
