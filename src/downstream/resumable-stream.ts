import { DrawbridgeError } from '../errors.ts';
import { errorReply, type Message } from '../message/message.ts';
import type { EventStream } from './event-stream.ts';
import { type KeepingStream, keptBytesOf, type ReplayStore, withOwnBytes } from './replay-store.ts';

/** Events that one stream keeps; the oldest gives way. */
const MAX_EVENTS = 256;

/**
 * One event stream of a session as its client knows it, whatever connections it comes over: its events have ids, and
 * are kept for a while, so that a client whose connection was cut goes on where it was (MCP 2025-11-25, resumability
 * and redelivery). One connection at a time; a newer one takes the place of an older.
 */
export class ResumableStream implements KeepingStream {
  readonly #name: number;
  readonly #store: ReplayStore;
  readonly #requestId: string | undefined;
  #connection: EventStream | undefined;
  /** The last ones sent, with no gap between them; the last of all is number `#count`. */
  #kept: Message[] = [];
  #count = 0;
  /** Number of the last event that was written to any connection. */
  #written = 0;
  #endedAt: number | undefined;

  /** `requestId` is the id text of the request that the stream answers; undefined for the listening stream. */
  constructor(name: number, store: ReplayStore, requestId?: string) {
    this.#name = name;
    this.#store = store;
    this.#requestId = requestId;
  }

  get isLive(): boolean {
    return this.#connection !== undefined && !this.#connection.isClosed;
  }

  /** When its last message was sent, in milliseconds of the monotonic clock; undefined while more may come. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** Whether a client may hold an event id of it. */
  has(sequence: number): boolean {
    return sequence <= this.#count;
  }

  /** Whether a client that has this event has them all, and no more will come. */
  isOverAfter(sequence: number): boolean {
    return this.#endedAt !== undefined && sequence >= this.#count;
  }

  /** Sends on this connection from now on, with nothing replayed; `isPrimed` where its client takes an event without data. */
  attach(connection: EventStream, isPrimed: boolean): void {
    this.#replace(connection);
    if (isPrimed) connection.prime(this.#idOf(this.#written));
  }

  /** The same, after all that was never written to any connection. */
  attachWithWaiting(connection: EventStream, isPrimed: boolean): void {
    this.attach(connection, isPrimed);
    this.#replay(connection, this.#written);
  }

  /** Sends on this connection all that came after the event with this number, and goes on with it. */
  resume(connection: EventStream, after: number, isPrimed: boolean): void {
    this.#replace(connection);
    connection.open();
    // Clients count anew on each connection, and one that is cut before its first event needs an id again.
    if (isPrimed) connection.prime(this.#idOf(after));
    this.#replay(connection, after);
    if (this.#endedAt !== undefined) connection.end();
  }

  /** The connection is gone; what comes is kept for the next. */
  detach(connection: EventStream): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  send(message: Message): void | Promise<void> {
    this.#count++;
    const kept = withOwnBytes(message);
    this.#kept.push(kept);
    if (this.#kept.length > MAX_EVENTS) this.#store.free(this.dropOldest());
    const connection = this.#connection;
    // Sent before it is counted: what is too large to be kept is still sent.
    const sent = this.isLive ? connection?.sendMessage(message, this.#idOf(this.#count)) : undefined;
    if (this.isLive) this.#written = this.#count;
    this.#store.add(this, keptBytesOf(kept));
    return sent;
  }

  /** Sends the last message. */
  sendLast(message: Message): void | Promise<void> {
    const sent = this.send(message);
    this.#endedAt = performance.now();
    this.#connection?.end();
    return sent;
  }

  /** Ends the stream without an answer; a client that comes back is told that there is nothing more. */
  endUnanswered(): void {
    this.#endedAt = performance.now();
    this.hangUp();
  }

  beat(idleMs: number): void {
    this.#connection?.beat(idleMs);
  }

  /** Ends the connection, not the stream; with `retryMs` its client is told when to come back. */
  hangUp(retryMs?: number): void {
    this.#connection?.end(retryMs);
    this.#connection = undefined;
  }

  dropOldest(): number {
    const oldest = this.#kept.shift();
    return oldest === undefined ? 0 : keptBytesOf(oldest);
  }

  #replace(connection: EventStream): void {
    this.#connection?.giveWay();
    this.#connection = connection;
  }

  #replay(connection: EventStream, after: number): void {
    const first = this.#count - this.#kept.length + 1;
    const from = Math.max(after + 1, first);
    for (const [index, message] of this.#kept.slice(from - first).entries()) {
      connection.sendMessage(message, this.#idOf(from + index));
    }
    this.#written = this.#count;
    // Whoever waits for an answer must hear that it will not come.
    const isAnswerGone = this.#endedAt !== undefined && this.#kept.length === 0 && after < this.#count;
    if (isAnswerGone) connection.sendMessage(errorReply(this.#requestId, lostAnswer()), this.#idOf(this.#count));
  }

  #idOf(sequence: number): string {
    return `${this.#name}-${sequence}`;
  }
}

function lostAnswer(): DrawbridgeError {
  return new DrawbridgeError('upstream_lost', 'the answer came while its client was gone, and could not be kept', {
    hint: 'It may have run; look before you run it again.',
    mayHaveRun: true,
  });
}
