import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Passage } from './passage.ts';

/** As many and as much as this is held for a server that is away. */
const MAX_HELD = 2048;
const MAX_HELD_BYTES = 64 * 1024 * 1024;

interface Held {
  readonly passage: Passage;
  readonly deadline: NodeJS.Timeout | undefined;
}

/** The messages that wait for a connection, in the order in which they leave. */
export class HeldMessages {
  readonly #overdue: (passage: Passage) => DrawbridgeError;
  #held: Held[] = [];
  #heldBytes = 0;

  /** `overdue` says what a message is told whose time is over. */
  constructor(overdue: (passage: Passage) => DrawbridgeError) {
    this.#overdue = overdue;
  }

  get size(): number {
    return this.#held.length;
  }

  /** Whether a request waits, so that haste is worth its cost. */
  get hasRequest(): boolean {
    return this.#held.some(({ passage }) => passage.message.kind === 'request');
  }

  /** Holds a message, in the place that its number gives it, until its time is over. */
  add(passage: Passage): void {
    const { length } = passage.message.bytes;
    if (this.#held.length >= MAX_HELD || this.#heldBytes + length > MAX_HELD_BYTES) {
      passage.fail(
        new DrawbridgeError('too_many_pending', `${this.#held.length} messages wait for the server already`),
      );
      return;
    }
    this.#heldBytes += length;
    const overdue = (): void => {
      if (this.remove(passage)) passage.fail(this.#overdue(passage));
    };
    const { holdUntil } = passage;
    const deadline = holdUntil === undefined ? undefined : setTimeout(overdue, holdUntil - performance.now());
    let index = this.#held.length;
    while (index > 0 && this.#held[index - 1]!.passage.number > passage.number) index--;
    this.#held.splice(index, 0, { passage, deadline });
  }

  /** Whether it was held; it is no longer. */
  remove(passage: Passage): boolean {
    const index = this.#held.findIndex((held) => held.passage === passage);
    if (index === -1) return false;
    const [{ deadline }] = this.#held.splice(index, 1) as [Held];
    clearTimeout(deadline);
    this.#heldBytes -= passage.message.bytes.length;
    return true;
  }

  /** The held request with this key. */
  find(key: string): Passage | undefined {
    return this.#held.find(({ passage }) => passage.message.kind === 'request' && passage.message.key === key)?.passage;
  }

  /** Empties it; the oldest comes first. */
  takeAll(): Passage[] {
    const all = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const { deadline } of all) clearTimeout(deadline);
    return all.map(({ passage }) => passage);
  }

  failAll(thrown: unknown): void {
    const error = toDrawbridgeError(thrown);
    for (const passage of this.takeAll()) passage.fail(error);
  }
}
