import type { ServerResponse } from 'node:http';
import { DrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import { chooseRetryMs, EventStream, type EventStreamOptions } from './event-stream.ts';

/** Messages that arrive before the client's stream is opened; a server that sends more speaks out of turn. */
const MAX_EARLY_MESSAGES = 64;

/**
 * The HTTP+SSE transport of MCP 2024-11-05, as its server: one response that stays open, and POSTs that others bring to
 * `receive`. Ends when the client closes the stream.
 */
export class SseDownstream implements Transport {
  readonly #response: ServerResponse;
  readonly #stream: EventStream;
  #early: Message[] | undefined = [];
  #events: TransportEvents | undefined;

  constructor(response: ServerResponse, options: EventStreamOptions) {
    this.#response = response;
    this.#stream = new EventStream(response, options);
  }

  /** Whether the client's stream is open. */
  get isInUse(): boolean {
    return !this.#stream.isClosed;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    this.#response.on('close', () => {
      const listener = this.#events;
      this.#events = undefined;
      listener?.end();
    });
    return Promise.resolve();
  }

  /** Opens the client's stream; its first event says where to POST. No event has an id: this transport knows no resumption. */
  open(endpoint: string): void {
    this.#stream.sendNamed('endpoint', endpoint, chooseRetryMs());
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.#stream.sendMessage(message);
  }

  /** A message that the client POSTed. Settles when the next hop has taken it; rejects where the poster must be told. */
  receive(message: Message): void | Promise<void> {
    if (this.#events === undefined) throw new DrawbridgeError('session_unknown', 'no such session');
    return this.#events.message(message);
  }

  send(message: Message): void | Promise<void> {
    if (this.#early === undefined) return this.#stream.sendMessage(message);
    if (this.#early.length < MAX_EARLY_MESSAGES) this.#early.push(message);
  }

  beat(idleMs: number): void {
    if (this.#early === undefined) this.#stream.beat(idleMs);
  }

  /** POSTs are answered only when they were passed on, which is back-pressure enough. */
  pause(): void {}
  resume(): void {}

  /** Ends the client's stream, and with it the session; the client is asked to come back after so long. */
  endWithRetry(retryMs: number): void {
    if (this.#early === undefined) this.#stream.end(retryMs);
  }

  close(): Promise<void> {
    this.#events = undefined;
    // Before it is opened, whoever opens it answers with the reason.
    if (this.#early === undefined) this.#stream.end();
    return Promise.resolve();
  }
}
