import type { Message } from '../message/message.ts';

/** What all sessions of one gateway keep together, in bytes; the session that was silent longest gives way. */
const MAX_GATEWAY_BYTES = 64 * 1024 * 1024;
/** What one session keeps: an answer of 10 MB fits. */
const MAX_SESSION_BYTES = 16 * 1024 * 1024;
/** What an event costs besides its message: its record, and the shared block that a short message may hold. */
const EVENT_BYTES = 1024;

/** A stream that keeps what it has sent. */
export interface KeepingStream {
  /** Drops the oldest event; gives what was kept for it, in bytes, and 0 where nothing is kept. */
  dropOldest(): number;
}

/** What a message costs while it is kept, in bytes. */
export function keptBytesOf(message: Message): number {
  return message.bytes.length + EVENT_BYTES;
}

/** The message, without the larger block of memory that its bytes may be a part of. */
export function withOwnBytes(message: Message): Message {
  const { bytes } = message;
  return bytes.length * 2 >= bytes.buffer.byteLength ? message : { ...message, bytes: Buffer.from(bytes) };
}

/** The share of all sessions of a gateway. */
export class ReplayBudget {
  readonly #maxBytes: number;
  /** The one that was silent longest first. */
  readonly #stores = new Set<ReplayStore>();
  #latest: ReplayStore | undefined;
  #bytes = 0;

  constructor(maxBytes: number = MAX_GATEWAY_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(store: ReplayStore, bytes: number): void {
    this.#bytes += bytes;
    if (this.#latest !== store) {
      this.#stores.delete(store);
      this.#stores.add(store);
      this.#latest = store;
    }
    for (const oldest of this.#stores) {
      while (this.#bytes > this.#maxBytes && oldest.dropOldest()) {}
      if (this.#bytes <= this.#maxBytes) return;
    }
  }

  free(store: ReplayStore, bytes: number): void {
    this.#bytes -= bytes;
    if (store.bytes > 0) return;
    this.#stores.delete(store);
    if (this.#latest === store) this.#latest = undefined;
  }
}

/** Counts what the streams of one session keep for a client that comes back, and has the oldest give way. */
export class ReplayStore {
  readonly #budget: ReplayBudget;
  readonly #maxBytes: number;
  /** Those that keep something; the one that was silent longest first. */
  readonly #streams = new Set<KeepingStream>();
  #latest: KeepingStream | undefined;
  #bytes = 0;

  constructor(budget: ReplayBudget, maxBytes: number = MAX_SESSION_BYTES) {
    this.#budget = budget;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `stream` keeps so many bytes more. */
  add(stream: KeepingStream, bytes: number): void {
    this.#bytes += bytes;
    if (this.#latest !== stream) {
      this.#streams.delete(stream);
      this.#streams.add(stream);
      this.#latest = stream;
    }
    this.#budget.add(this, bytes);
    while (this.#bytes > this.#maxBytes && this.dropOldest()) {}
  }

  /** `stream` keeps so many bytes less. */
  free(bytes: number): void {
    this.#bytes -= bytes;
    this.#budget.free(this, bytes);
  }

  /** Whether there was an event to drop. */
  dropOldest(): boolean {
    for (const stream of this.#streams) {
      const bytes = stream.dropOldest();
      if (bytes > 0) {
        this.free(bytes);
        return true;
      }
      this.#streams.delete(stream);
      if (this.#latest === stream) this.#latest = undefined;
    }
    return false;
  }

  /** Drops all that a stream keeps. */
  forget(stream: KeepingStream): void {
    for (let bytes = stream.dropOldest(); bytes > 0; bytes = stream.dropOldest()) this.free(bytes);
    this.#streams.delete(stream);
    if (this.#latest === stream) this.#latest = undefined;
  }
}
