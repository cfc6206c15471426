import type { Socket } from 'node:net';
import { MAX_MESSAGE_BYTES, readMessage, type ServerMessage } from './postgres-wire.ts';

/** How a connection came to nothing. */
export type Silence = 'closed' | 'reset' | 'silent' | 'aborted';

/** Nothing more comes; `seen` is what came before. */
export class ConnectionEnd extends Error {
  readonly how: Silence;
  readonly seen: Buffer;

  constructor(how: Silence, seen: Buffer) {
    super(how);
    this.how = how;
    this.seen = seen;
  }
}

/** Reads what a server sends, no more than it may send before a sign-in, and no longer than it may take. */
export class PostgresConnection {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  #held: Buffer = Buffer.alloc(0);
  #end: Silence | undefined;
  #wake: (() => void) | undefined;
  readonly #onData = (chunk: Buffer): void => {
    this.#held = Buffer.concat([this.#held, chunk]);
    if (this.#held.length > 2 * MAX_MESSAGE_BYTES) this.#socket.pause();
    this.#wake?.();
  };

  constructor(socket: Socket, timeoutMs: number, signal: AbortSignal) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    const finish = (how: Silence): void => {
      this.#end ??= how;
      this.#wake?.();
    };
    socket.on('data', this.#onData);
    socket.on('error', () => finish('reset'));
    socket.on('close', () => finish('closed'));
    socket.on('end', () => finish('closed'));
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** All that came with the first bytes of an answer. Rejects with ConnectionEnd. */
  async first(): Promise<Buffer> {
    await this.#until(() => this.#held.length > 0);
    return this.#held;
  }

  /** Rejects with ConnectionEnd, or with a RangeError for what is no message. */
  async message(): Promise<ServerMessage> {
    let found: ReturnType<typeof readMessage>;
    await this.#until(() => {
      found = readMessage(this.#held);
      return found !== undefined;
    });
    this.#held = this.#held.subarray(found!.bytes);
    this.#socket.resume();
    return found!.message;
  }

  /** Leaves the socket to somebody else, who reads what comes next; what was read is dropped. */
  release(): Socket {
    this.#socket.pause();
    this.#socket.removeListener('data', this.#onData);
    return this.#socket;
  }

  /** Says these last bytes and goes. */
  finish(bytes?: Buffer): void {
    if (this.#signal.aborted) this.#socket.destroy();
    if (bytes !== undefined && this.#end === undefined) this.#socket.write(bytes);
    this.#socket.destroySoon();
  }

  async #until(isThere: () => boolean): Promise<void> {
    const deadline = Date.now() + this.#timeoutMs;
    while (!isThere()) {
      const left = deadline - Date.now();
      const how = this.#signal.aborted ? 'aborted' : (this.#end ?? (left <= 0 ? 'silent' : undefined));
      if (how !== undefined) throw new ConnectionEnd(how, this.#held);
      await this.#change(left);
    }
  }

  #change(ms: number): Promise<void> {
    return new Promise((fulfil) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        fulfil();
      };
      const timer = setTimeout(wake, ms);
      this.#signal.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}
