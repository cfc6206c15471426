import type { DrawbridgeError } from '../errors.ts';
import { Backoff } from '../relay/backoff.ts';
import { Outage } from './outage.ts';

/** After the first try, which is made at once. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;
/** While the client waits for an answer; a server that answers is tried less often than one that is not there. */
const MAX_DELAY_UNREACHABLE_MS = 150;
const MAX_DELAY_ANSWERING_MS = 1000;
/** Tries that the client's messages bring about keep this distance. */
const MIN_DISTANCE_MS = 50;
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
  #upSince = 0;

  /** Undefined while there is a server. */
  get outage(): Outage | undefined {
    return this.#outage;
  }

  /** The server is gone. */
  begin(error: DrawbridgeError): void {
    if (this.#outage !== undefined) return;
    this.#outage = new Outage(error);
    if (performance.now() - this.#upSince > LASTING_MS) this.#backoff.reset();
  }

  /** A try has failed. */
  fail(error: DrawbridgeError): Outage {
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
    const capMs = this.#outage?.isUnreachable === false ? MAX_DELAY_ANSWERING_MS : MAX_DELAY_UNREACHABLE_MS;
    const delayMs = this.#backoff.next(isAwaited ? capMs : MAX_DELAY_MS);
    const askedForMs = Math.min(last?.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    if (Math.max(delayMs, askedForMs) > 0) await this.#wait(Math.max(delayMs, askedForMs), askedForMs);
    this.#triedAt = performance.now();
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
