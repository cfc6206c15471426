import type { DrawbridgeError } from '../errors.ts';
import { Backoff } from '../relay/backoff.ts';
import { Outage } from './outage.ts';

/** After the first try, which is made at once. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;
/** While the client waits for an answer from a server that answers, but not as it should. */
const MAX_DELAY_ANSWERING_MS = 1000;
/** While it waits for one that is not there: a few times as long as a try takes, between these two. */
const MIN_DELAY_UNREACHABLE_MS = 40;
const MAX_DELAY_UNREACHABLE_MS = 150;
const DELAY_PER_TRY = 4;
/** Tries that the client's messages bring about keep this distance. */
const MIN_DISTANCE_MS = 25;
/** A server may ask for no more with `Retry-After` or `retry:`. */
const MAX_RETRY_AFTER_MS = 60_000;
/** A connection that held for less was no success, however promising it began. */
const LASTING_MS = 2000;

/** When the next try is made, and what is known of those before it. */
export class Attempts {
  readonly #backoff = new Backoff({ firstMs: FIRST_DELAY_MS, capMs: MAX_DELAY_MS });
  #outage: Outage | undefined;
  #wake: (() => void) | undefined;
  #end: (() => void) | undefined;
  #triedAt = 0;
  #lastTryMs = 0;
  #upSince = 0;
  #hurriedAt = Number.NEGATIVE_INFINITY;

  /** Undefined while there is a server. */
  get outage(): Outage | undefined {
    return this.#outage;
  }

  /** The server is gone. */
  begin(error: DrawbridgeError): void {
    // A server that has forgotten the session is there: the next try is made at once, but not again and again.
    if (error.code === 'session_lost' && performance.now() - this.#hurriedAt > LASTING_MS) {
      this.#hurriedAt = performance.now();
      this.#backoff.reset();
    }
    if (this.#outage !== undefined) return;
    this.#outage = new Outage(error);
    if (performance.now() - this.#upSince > LASTING_MS) this.#backoff.reset();
  }

  /** A try has failed. */
  fail(error: DrawbridgeError): Outage {
    this.#lastTryMs = performance.now() - this.#triedAt;
    this.#outage ??= new Outage(error);
    this.#outage.add(error);
    return this.#outage;
  }

  /** The server is there. */
  succeed(): void {
    this.#outage = undefined;
    this.#upSince = performance.now();
  }

  /** Settles when the next try is due. `isAwaited` tells whether the client waits for an answer. */
  async nextIsDue(isAwaited: boolean): Promise<void> {
    const last = this.#outage?.last;
    const delayMs = this.#backoff.next(isAwaited ? this.#hastyCapMs : MAX_DELAY_MS);
    const askedForMs = Math.min(last?.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    if (Math.max(delayMs, askedForMs) > 0) await this.#wait(Math.max(delayMs, askedForMs), askedForMs);
    this.#triedAt = performance.now();
  }

  /** The longest delay while the client waits. */
  get #hastyCapMs(): number {
    if (this.#outage?.isUnreachable === false) return MAX_DELAY_ANSWERING_MS;
    return Math.min(Math.max(DELAY_PER_TRY * this.#lastTryMs, MIN_DELAY_UNREACHABLE_MS), MAX_DELAY_UNREACHABLE_MS);
  }

  /** The client has spoken, or the machine has woken: the next try is made now, unless the server asked for patience. */
  hasten(): void {
    this.#wake?.();
  }

  #wait(delayMs: number, atLeastMs: number): Promise<void> {
    const startedAt = performance.now();
    return new Promise((fulfil) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        this.#end = undefined;
        fulfil();
      };
      let timer = setTimeout(done, delayMs);
      let dueAt = startedAt + delayMs;
      this.#end = done;
      this.#wake = () => {
        const earliest = Math.max(startedAt + atLeastMs, this.#triedAt + MIN_DISTANCE_MS, performance.now());
        if (earliest >= dueAt) return;
        dueAt = earliest;
        clearTimeout(timer);
        timer = setTimeout(done, earliest - performance.now());
      };
    });
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#end?.();
  }
}
