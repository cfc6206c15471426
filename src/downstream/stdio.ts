import type { Readable, Writable } from 'node:stream';
import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { maskSecrets } from '../log.ts';
import { splitBatch } from '../message/batch.ts';
import { encodeLine, encodeLineParts } from '../message/encode.ts';
import { LineDecoder } from '../message/line-decoder.ts';
import { findShapeFault, findTextFault, replyIdOf } from '../message/line-fault.ts';
import { errorReply, type Message, readMessage } from '../message/message.ts';
import { peekHead } from '../message/peek.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';

export interface StdioDownstreamOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** The longest line taken; a longer one is answered with an error and passed over. Default 64 MiB. */
  readonly maxLineBytes?: number;
  /** Masked in the errors that are ours; a server's own messages pass as they are. */
  readonly secrets?: readonly string[];
  /** Told once, when the client has closed its side. Answers can still be sent. */
  readonly onInputEnd: () => void;
}

/** Past this, no more is taken in one turn of the event loop. */
const MAX_WAITING_BYTES = 1024 * 1024;
const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

/** MCP's stdio transport, as its server: one message a line on either stream, and nothing else on the output. */
export class StdioDownstream implements Transport {
  readonly #options: StdioDownstreamOptions;
  readonly #decoder: LineDecoder;
  #events: TransportEvents | undefined;
  #drained: Promise<void> | undefined;
  #isClosed = false;
  #isPaused = false;
  /** Of chunks that are read at the end of this turn. */
  #waitingBytes = 0;
  #hasReceived = false;
  /** What is still answered after the close, and who waits for it. */
  #refusal: { readonly error: DrawbridgeError; readonly done: () => void } | undefined;

  constructor(options: StdioDownstreamOptions) {
    this.#options = options;
    this.#decoder = new LineDecoder(
      { line: (line) => this.#receive(line), tooLong: (limit, head) => this.#refuseLongLine(limit, head) },
      options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES,
    );
  }

  start(events: TransportEvents): Promise<void> {
    const { input, output } = this.#options;
    this.#events = events;
    let hasEnded = false;
    const inputEnded = (): void => {
      if (hasEnded) return;
      hasEnded = true;
      this.#decoder.end();
      this.#options.onInputEnd();
    };
    input.on('data', (chunk: Buffer) => this.#pushLater(chunk));
    input.on('end', () => afterSockets(inputEnded));
    input.on('close', () => afterSockets(inputEnded));
    input.on('error', () => afterSockets(inputEnded));
    // EPIPE: the client is gone, and nobody reads what we might still say.
    output.on('error', (error) => this.#end(toDrawbridgeError(error)));
    output.on('close', () => this.#end());
    return Promise.resolve();
  }

  send(message: Message): void | Promise<void> {
    const { output } = this.#options;
    if (this.#isClosed || output.destroyed) return;
    if (this.#write(encodeLineParts(this.#withoutSecrets(message)))) return;
    this.#drained ??= new Promise((fulfil) => {
      const settle = (): void => {
        output.off('drain', settle).off('close', settle);
        this.#drained = undefined;
        fulfil();
      };
      output.on('drain', settle).on('close', settle);
    });
    return this.#drained;
  }

  /** Tells whether the output takes more, as `write` of a stream does. */
  #write(parts: readonly Buffer[]): boolean {
    const { output } = this.#options;
    if (parts.length > 1) output.cork();
    let isReady = true;
    for (const part of parts) isReady = output.write(part);
    if (parts.length > 1) output.uncork();
    return isReady;
  }

  pause(): void {
    this.#isPaused = true;
    this.#options.input.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#options.input.resume();
  }

  /** An input in memory may bring any number of chunks in one turn. */
  #pushLater(chunk: Buffer): void {
    const { input } = this.#options;
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) input.pause();
    afterSockets(() => {
      const wasFull = this.#waitingBytes > MAX_WAITING_BYTES;
      this.#waitingBytes -= chunk.length;
      this.#decoder.push(chunk);
      if (wasFull && this.#waitingBytes <= MAX_WAITING_BYTES && !this.#isPaused && !this.#isClosed) input.resume();
    });
  }

  /** Settles when everything sent has been handed to the operating system, or nobody can take it any more. */
  close(): Promise<void> {
    const { input, output } = this.#options;
    this.#events = undefined;
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    input.pause();
    if (output.destroyed || output.writableLength === 0) return Promise.resolve();
    return new Promise((fulfil) => {
      // An empty write is over when all before it is; `drain` comes only after a write that was told to wait.
      output.write('', () => fulfil());
      output.once('close', fulfil);
    });
  }

  /**
   * After the close: answers the first request that still comes with the error, waiting for it no longer than `waitMs`.
   * Does nothing where the client had said anything before, which then was answered.
   */
  async refuseFirst(error: DrawbridgeError, waitMs: number): Promise<void> {
    const { input, output } = this.#options;
    if (this.#hasReceived || input.readableEnded || output.destroyed) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((done) => {
      timer = setTimeout(done, waitMs);
      this.#refusal = { error, done };
      input.once('end', () => afterSockets(done)).once('close', () => afterSockets(done));
      output.once('close', done);
      input.resume();
    });
    clearTimeout(timer);
    input.pause();
  }

  #receive(line: Buffer): void {
    const message = readMessage(line);
    this.#hasReceived = true;
    const fault = findTextFault(line);
    if (fault !== undefined) this.#answerFault(message, fault);
    else if (message.kind !== 'batch') this.#take(message);
    else this.#takeBatch(line);
  }

  #takeBatch(line: Buffer): void {
    const batch = splitBatch(line);
    const problem = batch.length === 0 ? 'an empty batch' : batch;
    if (typeof problem === 'string') {
      this.send(errorReply(undefined, new DrawbridgeError('invalid_request', `the line is ${problem}`)));
    } else for (const message of problem) this.#take(message);
  }

  #take(message: Message): void {
    const fault = findShapeFault(message);
    if (fault !== undefined) {
      this.#answerFault(message, fault);
      return;
    }
    if (this.#refusal !== undefined) {
      if (message.kind !== 'request') return;
      const reply = this.#withoutSecrets(errorReply(message.id, this.#refusal.error));
      this.#options.output.write(encodeLine(reply), this.#refusal.done);
      return;
    }
    try {
      const passed = this.#events?.message(message);
      if (passed instanceof Promise) passed.catch((thrown: unknown) => this.#refuse(message, thrown));
    } catch (thrown) {
      this.#refuse(message, thrown);
    }
  }

  #answerFault(message: Message, fault: DrawbridgeError): void {
    this.send(errorReply(replyIdOf(message), fault));
  }

  #refuse(message: Message, thrown: unknown): void {
    const error = toDrawbridgeError(thrown);
    if (message.kind === 'request') this.send(errorReply(message.id, error));
    else this.#events?.error(error);
  }

  /** A server may well say back what it was sent, and what we quote of it ends in a chat window. */
  #withoutSecrets(message: Message): Message {
    const { secrets = [] } = this.#options;
    const { failure } = message;
    if (failure === undefined) return message;
    const { code, message: what, why, hint } = failure;
    const shown = new DrawbridgeError(code, maskSecrets(what, secrets), {
      ...(why === undefined ? {} : { why: maskSecrets(why, secrets) }),
      hint: maskSecrets(hint, secrets),
    });
    return errorReply(message.id, shown);
  }

  #refuseLongLine(limit: number, head: Buffer): void {
    const error = new DrawbridgeError('body_too_large', `a line of more than ${limit} bytes was passed over`);
    this.#hasReceived = true;
    this.send(errorReply(replyIdOf({ kind: 'request', id: peekHead(head) }), error));
  }

  #end(error?: DrawbridgeError): void {
    const events = this.#events;
    this.#events = undefined;
    this.#isClosed = true;
    events?.end(error);
  }
}

/**
 * What sockets have to say in this turn of the event loop is heard first: a call is not written to a connection whose
 * end has arrived together with it, where nobody could tell whether it ran.
 */
function afterSockets(work: () => void): void {
  setImmediate(work);
}
