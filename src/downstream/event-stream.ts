import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  encodeEvent,
  encodeEventChunk,
  encodeNamedEvent,
  encodePrimingEvent,
  encodeRetry,
  SSE_COMMENT,
} from '../message/encode.ts';
import type { Message } from '../message/message.ts';
import { waitForReader } from './slow-reader.ts';

export interface EventStreamOptions {
  /** Response headers as a flat list of names and values; those of an event stream are added. */
  readonly headers: readonly string[];
  /** A reader that takes nothing for this long is cut off, at the latest after twice as long. */
  readonly stallTimeoutMs: number;
}

/** Buffering proxies and caches are told to keep out: nginx by its own header, others by `no-transform`. */
const STREAM_HEADERS = [
  'Content-Type',
  'text/event-stream',
  'Cache-Control',
  'no-cache, no-transform',
  'X-Accel-Buffering',
  'no',
] as const;

/** A client whose stream was cut is asked to come back after one to two seconds: soon, and not all in one moment. */
const MIN_RETRY_MS = 1000;

export function chooseRetryMs(): number {
  return MIN_RETRY_MS + Math.floor(Math.random() * MIN_RETRY_MS);
}

/** One response that is an event stream. It is opened by the first thing written to it. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #options: EventStreamOptions;
  /** The connection itself, where nothing between it and us could want to see what is written. */
  #socket: Socket | undefined;
  #drained: Promise<void> | undefined;
  /** When something was last written, in milliseconds of the monotonic clock. */
  #writtenAt = performance.now();

  constructor(response: ServerResponse, options: EventStreamOptions) {
    this.#response = response;
    this.#options = options;
  }

  get isOpened(): boolean {
    return this.#response.headersSent;
  }

  get isClosed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  /** Sends the head at once, so that the client knows the stream is there. */
  open(): void {
    if (this.isOpened || this.isClosed) return;
    this.#response.writeHead(200, [...STREAM_HEADERS, ...this.#options.headers]);
    this.#response.flushHeaders();
    this.#socket = bareSocket(this.#response);
  }

  sendMessage(message: Message, eventId?: string): void | Promise<void> {
    if (this.isClosed) return;
    if (!this.isOpened) this.open();
    if (this.#socket === undefined) return this.#written(this.#response.write(encodeEvent(message, eventId)));
    return this.#written(writeInTurn(this.#socket, encodeEventChunk(message, eventId)));
  }

  sendNamed(type: string, data: string, retryMs?: number): void | Promise<void> {
    return this.#write(encodeNamedEvent(type, data, retryMs));
  }

  /** Gives the client an id to come back with before there is a message. */
  prime(eventId: string): void {
    this.#write(encodePrimingEvent(eventId, chooseRetryMs()));
  }

  /** Writes a comment where nothing was written for `idleMs`; proxies and clients cut streams that are silent. */
  beat(idleMs: number): void {
    if (this.isClosed || this.#drained !== undefined || performance.now() - this.#writtenAt < idleMs) return;
    this.#write(SSE_COMMENT);
  }

  /** Ends the stream; `retryMs`, where it is open already, tells its client when to come back. */
  end(retryMs?: number): void {
    if (this.isClosed) return;
    if (retryMs !== undefined && this.isOpened) this.#write(encodeRetry(retryMs));
    this.#response.end();
  }

  /** Gives way to another connection: in good order, or at once where its reader has not taken everything. */
  giveWay(): void {
    if (this.#drained === undefined) this.end();
    else this.#response.destroy();
  }

  #write(bytes: Buffer): void | Promise<void> {
    if (this.isClosed) return;
    if (!this.isOpened) this.open();
    return this.#written(this.#response.write(bytes));
  }

  #written(isTaken: boolean): void | Promise<void> {
    this.#writtenAt = performance.now();
    if (isTaken) return;
    this.#drained ??= this.#waitForDrain();
    return this.#drained;
  }

  async #waitForDrain(): Promise<void> {
    await waitForReader(this.#response, this.#socket ?? this.#response, this.#options.stallTimeoutMs);
    this.#drained = undefined;
  }
}

/**
 * The socket of a response that is Node's own, over HTTP/1.1 and untouched by compression or other middleware; writing
 * to it costs half of what `response.write` does with its four pieces for each chunk.
 */
function bareSocket(response: ServerResponse): Socket | undefined {
  const isOwn = Object.getPrototypeOf(response) === ServerResponse.prototype && !Object.hasOwn(response, 'write');
  return isOwn && response.chunkedEncoding && response.socket !== null ? response.socket : undefined;
}

const NOW = Promise.resolve();

/** What is written in one turn leaves together. */
function writeInTurn(socket: Socket, bytes: Buffer): boolean {
  if (socket.writableCorked === 0) {
    socket.cork();
    NOW.then(() => socket.uncork());
  }
  return socket.write(bytes);
}
