import { DrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import type { EventStream } from './event-stream.ts';
import { type ReplayBudget, ReplayStore } from './replay-store.ts';
import { ResumableStream } from './resumable-stream.ts';

export interface ResumableStreamsOptions {
  readonly replayBudget: ReplayBudget;
}

/** The event ids that we give: the number of a stream, which is 0 for the listening stream, and of an event on it. */
const EVENT_ID = /^(\d{1,12})-(\d{1,12})$/;
const LISTENING = 0;
/** Answer streams that a client may come back to; the oldest without a connection gives way. */
const MAX_ANSWERS = 1024;
/**
 * An answer waits so long for its client, in milliseconds: a link that went dead without a word is noticed within
 * minutes, and after that nobody asks for an answer any more.
 */
const KEPT_MS = 300_000;

/** The event streams of one Streamable HTTP session: one for each request that is answered on a stream, and the listening stream. */
export class ResumableStreams {
  readonly #budget: ReplayBudget;
  /** Most sessions never have a stream, and these only then. */
  #store: ReplayStore | undefined;
  #listening: ResumableStream | undefined;
  /** By the key of the request whose answer is still to come. */
  readonly #open = new Map<string, ResumableStream>();
  /** By number; those that have ended as well. */
  readonly #answers = new Map<number, ResumableStream>();
  #count = 0;

  constructor({ replayBudget }: ResumableStreamsOptions) {
    this.#budget = replayBudget;
  }

  get isAnyLive(): boolean {
    if (this.#listening?.isLive === true) return true;
    for (const stream of this.#open.values()) if (stream.isLive) return true;
    return false;
  }

  /** The stream of the request with this key, while its answer is still to come. */
  answering(key: string | undefined): ResumableStream | undefined {
    return key === undefined ? undefined : this.#open.get(key);
  }

  /** Makes the response of a request its answer stream. */
  openAnswer(key: string, id: string | undefined, connection: EventStream, isPrimed: boolean): ResumableStream {
    if (this.#answers.size >= MAX_ANSWERS) this.#giveUpOldest();
    const number = ++this.#count;
    const stream = new ResumableStream(number, this.#openStore(), id);
    this.#answers.set(number, stream);
    this.#open.set(key, stream);
    stream.attach(connection, isPrimed);
    return stream;
  }

  /** No answer will come on this stream. */
  abandon(key: string, stream: ResumableStream): void {
    if (this.#open.get(key) === stream) this.#open.delete(key);
    stream.endUnanswered();
  }

  /** Sends a message on the stream of the request with this key, or else on the listening stream. */
  send(message: Message, key: string | undefined): void | Promise<void> {
    return (this.answering(key) ?? this.#openListening()).send(message);
  }

  /** Sends an answer, with which its stream ends. */
  answer(message: Message): void | Promise<void> {
    const key = message.key ?? '';
    const stream = this.#open.get(key);
    this.#open.delete(key);
    return stream?.sendLast(message);
  }

  /**
   * Goes on over this connection with the stream of the event with this id; `''` means the listening stream. Undefined
   * where that client has all of a stream that has ended. Throws `bad_request` where the id is none of ours, or its
   * stream is forgotten.
   */
  continue(connection: EventStream, lastEventId: string, isPrimed: boolean): ResumableStream | undefined {
    if (lastEventId === '') return this.#listen(connection, isPrimed);
    const [, name = '', sequence = ''] = EVENT_ID.exec(lastEventId) ?? unknownEvent();
    const after = Number(sequence);
    const stream = Number(name) === LISTENING ? this.#openListening() : this.#answers.get(Number(name));
    if (stream === undefined || !stream.has(after)) return unknownEvent();
    if (stream.isOverAfter(after)) return undefined;
    stream.resume(connection, after, isPrimed);
    return stream;
  }

  beat(idleMs: number, now: number): void {
    this.#listening?.beat(idleMs);
    for (const stream of this.#open.values()) stream.beat(idleMs);
    for (const [number, stream] of this.#answers) {
      if (stream.endedAt !== undefined && now - stream.endedAt > KEPT_MS) this.#giveUp(number, stream);
    }
  }

  /** Ends the connections, not the streams. */
  hangUp(retryMs?: number): void {
    this.#listening?.hangUp(retryMs);
    for (const stream of this.#open.values()) stream.hangUp(retryMs);
  }

  /** Ends the connections and gives back all that was kept. */
  close(): void {
    this.hangUp();
    this.#open.clear();
    this.#answers.clear();
    while (this.#store?.dropOldest()) {}
  }

  #listen(connection: EventStream, isPrimed: boolean): ResumableStream {
    const stream = this.#openListening();
    connection.open();
    stream.attachWithWaiting(connection, isPrimed);
    return stream;
  }

  #openListening(): ResumableStream {
    this.#listening ??= new ResumableStream(LISTENING, this.#openStore());
    return this.#listening;
  }

  #openStore(): ReplayStore {
    this.#store ??= new ReplayStore(this.#budget);
    return this.#store;
  }

  #giveUpOldest(): void {
    for (const [number, stream] of this.#answers) {
      if (stream.isLive) continue;
      this.#giveUp(number, stream);
      return;
    }
  }

  #giveUp(number: number, stream: ResumableStream): void {
    this.#answers.delete(number);
    this.#store?.forget(stream);
    if (stream.endedAt !== undefined) return;
    for (const [key, open] of this.#open) if (open === stream) this.#open.delete(key);
  }
}

function unknownEvent(): never {
  throw new DrawbridgeError('bad_request', 'the event id is not known, or not any more', {
    hint: 'Open the stream without Last-Event-ID.',
  });
}
