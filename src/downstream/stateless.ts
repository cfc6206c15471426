import type { ServerResponse } from 'node:http';
import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { SUBSCRIPTION_ID } from '../message/era.ts';
import { errorReply, type Message, readMessage } from '../message/message.ts';
import type { Route, Transport, TransportEvents } from '../relay/transport.ts';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import { answerAsJson, retryAfterHeader } from './json-answer.ts';

export interface StatelessDownstreamOptions extends EventStreamOptions {
  /** What a client is told of a failure; all of it, unless given. */
  readonly describeError?: (error: DrawbridgeError) => DrawbridgeError;
}

/**
 * Streamable HTTP of MCP 2026-07-28, as its server: one POST, which is the whole connection. An answer that comes alone is
 * JSON with the status that belongs to it; where something precedes it, or it takes long, the response becomes an event
 * stream. Ends when the response is over; a client that closes it cancels its request.
 */
export class StatelessDownstream implements Transport {
  readonly #response: ServerResponse;
  readonly #options: StatelessDownstreamOptions;
  readonly #stream: EventStream;
  readonly #since = performance.now();
  #events: TransportEvents | undefined;
  #message: Message | undefined;

  constructor(response: ServerResponse, options: StatelessDownstreamOptions) {
    this.#response = response;
    this.#options = options;
    this.#stream = new EventStream(response, options);
  }

  start(events: TransportEvents): Promise<void> {
    if (this.#response.destroyed)
      return Promise.reject(new DrawbridgeError('cancelled', 'the client has left already'));
    this.#events = events;
    this.#response.on('close', () => {
      const listener = this.#events;
      this.#events = undefined;
      listener?.end();
    });
    return Promise.resolve();
  }

  /**
   * The message that was POSTed. Settles when the next hop has taken it. Rejects where it cannot be passed on: with
   * nothing written, so that whoever called answers, or with the answer on the stream that a comment has opened.
   */
  async receive(message: Message): Promise<void> {
    this.#message = message;
    try {
      await this.#events?.message(message);
    } catch (thrown) {
      if (this.#stream.isOpened) {
        const error = toDrawbridgeError(thrown);
        this.#stream.sendMessage(errorReply(message.id, this.#options.describeError?.(error) ?? error));
        this.#stream.end();
      }
      throw thrown;
    }
  }

  send(message: Message, route?: Route): void | Promise<void> {
    if (this.#stream.isClosed) return;
    const { headers, stallTimeoutMs } = this.#options;
    if (message.kind === 'response' && !this.#stream.isOpened) {
      const status = route?.status ?? message.failure?.status ?? 200;
      const all = [...headers, ...retryAfterHeader(message.failure)];
      return answerAsJson(this.#response, status, message, all, stallTimeoutMs);
    }
    const sent = this.#stream.sendMessage(message);
    if (message.kind === 'response') this.#stream.end();
    return sent;
  }

  /** Keeps the stream alive; a request that is not answered by the second beat gets its head, before a client gives up. */
  beat(idleMs: number): void {
    // A notification is accepted or refused, by a status alone.
    if (this.#message?.kind !== 'request') return;
    if (this.#stream.isOpened || performance.now() - this.#since >= idleMs) this.#stream.beat(idleMs);
  }

  /** One message is all that comes. */
  pause(): void {}
  resume(): void {}

  /**
   * Ends a subscription that is acknowledged with its result, by which its client knows that it was ended in good order
   * (MCP 2026-07-28, subscriptions), and the wish that it comes back after so long.
   */
  completeSubscription(retryMs: number): void {
    if (this.#stream.isClosed || !this.#stream.isOpened) return;
    const { id = 'null' } = this.#message ?? {};
    const result = `{"resultType":"complete","_meta":{"${SUBSCRIPTION_ID}":${id}}}`;
    this.#stream.sendMessage(readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${result}}`)));
    this.#stream.end(retryMs);
  }

  close(): Promise<void> {
    this.#events = undefined;
    if (this.#stream.isOpened) this.#stream.end();
    return Promise.resolve();
  }
}
