import type { Socket } from 'node:net';
import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import { lossOf, type Origin, type Peer, peerOf } from './connection-loss.ts';
import type { ResponseHead } from './http-response-head.ts';
import { HttpResponseReader } from './http-response-reader.ts';

/** Where the response to one request goes: `head`, any `data`, then `end`; or `fail` at any point. One of the two ends it. */
export interface ResponseSink {
  head(head: ResponseHead): void;
  data(chunk: Buffer): void;
  end(): void;
  fail(error: DrawbridgeError): void;
}

/** Bodies up to this size are joined with the head into one write. */
const JOINED_BODY_BYTES = 64 * 1024;

/** One socket to the upstream, which carries one request at a time. */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #origin: Origin;
  readonly #peer: Peer;
  readonly #reader: HttpResponseReader;
  readonly #onIdle: (connection: HttpConnection) => void;
  readonly #onClosed: (connection: HttpConnection) => void;
  #sink: ResponseSink | undefined;
  #isComplete = false;
  #isReusable = true;
  #isClosed = false;
  #hasReceived = false;
  /** When the connection last became idle, in milliseconds of the monotonic clock. */
  idleSince = 0;

  constructor(
    socket: Socket,
    origin: Origin,
    onIdle: (connection: HttpConnection) => void,
    onClosed: (connection: HttpConnection) => void,
  ) {
    this.#socket = socket;
    this.#origin = origin;
    this.#peer = peerOf(socket);
    this.#onIdle = onIdle;
    this.#onClosed = onClosed;
    this.#reader = new HttpResponseReader({
      head: (head) => this.#sink?.head(head),
      data: (chunk) => this.#sink?.data(chunk),
      end: (isReusable) => {
        this.#isComplete = true;
        this.#isReusable = isReusable;
      },
    });
    socket.on('end', () => this.#closed());
    socket.on('close', () => this.#closed());
    socket.on('error', (error) => this.#closed(error));
  }

  /** Whether the server has ever sent anything on it. */
  get hasReceived(): boolean {
    return this.#hasReceived;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** `head` is the whole request head, its empty line included. */
  send(head: string, body: Buffer | undefined, sink: ResponseSink): void {
    this.#sink = sink;
    this.#isComplete = false;
    this.#reader.reset();
    if (body === undefined) this.#socket.write(head, 'latin1');
    else if (body.length <= JOINED_BODY_BYTES) {
      const joined = Buffer.allocUnsafe(head.length + body.length);
      joined.write(head, 0, 'latin1');
      body.copy(joined, head.length);
      this.#socket.write(joined);
    } else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends the connection; a response under way is not told of any more. */
  destroy(): void {
    this.#sink = undefined;
    this.#closed();
  }

  /** Bytes that arrived on the socket. */
  read(chunk: Buffer): void {
    if (this.#sink === undefined) {
      // Bytes that nobody asked for could be taken for the next answer.
      this.destroy();
      return;
    }
    this.#hasReceived = true;
    try {
      this.#reader.push(chunk);
    } catch (thrown) {
      const sink = this.#sink;
      const isComplete = this.#isComplete;
      this.destroy();
      if (isComplete) sink?.end();
      else sink?.fail(this.#invalid(thrown));
      return;
    }
    if (this.#isComplete) this.#finish();
  }

  #finish(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#isComplete = false;
    if (!this.#isReusable || this.#isClosed) this.#closed();
    else this.#onIdle(this);
    sink?.end();
  }

  #invalid(thrown: unknown): DrawbridgeError {
    const { why, hint, message } = toDrawbridgeError(thrown, 'upstream_invalid');
    return new DrawbridgeError(
      'upstream_invalid',
      `${this.#origin.where} sent a response that is not HTTP as it should be`,
      {
        why: `${why ?? message}, from ${this.#peer.text}`,
        hint,
        mayHaveRun: true,
        cause: thrown,
      },
    );
  }

  #closed(error?: NodeJS.ErrnoException): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#onClosed(this);
    const sink = this.#sink;
    if (sink === undefined) return;
    // A reset cuts a response short, even one that is to end with the connection.
    if (error === undefined && this.#reader.close()) {
      this.#finish();
      return;
    }
    this.#sink = undefined;
    const progress = this.#reader.isMidway ? 'midway' : this.#hasReceived ? 'waiting' : 'silent';
    sink.fail(lossOf(this.#origin, this.#peer, progress, error));
  }
}
