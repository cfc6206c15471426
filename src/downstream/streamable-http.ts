import type { ServerResponse } from 'node:http';
import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { cancelledKeyOf } from '../message/fields.ts';
import { errorReply, type Message } from '../message/message.ts';
import type { Route, Transport, TransportEvents } from '../relay/transport.ts';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import { answerAsJson, retryAfterHeader } from './json-answer.ts';

export interface StreamableHttpDownstreamOptions {
  readonly sessionId: string;
  readonly stallTimeoutMs: number;
  readonly logger: Logger;
  /** What a client is told of a failure; all of it, unless given. */
  readonly describeError?: (error: DrawbridgeError) => DrawbridgeError;
}

/** Messages kept for a client whose GET stream is not open; the oldest gives way. */
const MAX_WAITING_MESSAGES = 256;
/** How long an answer to a request that was cancelled may still take; a little more than the upstream is given. */
const CANCELLED_MS = 2500;

interface OpenRequest {
  readonly response: ServerResponse;
  /** With the id of the session, and without. */
  readonly headers: readonly string[];
  readonly bareHeaders: readonly string[];
  readonly isInitialize: boolean;
  readonly stream: EventStream;
  readonly since: number;
}

/**
 * Streamable HTTP (MCP 2025-03-26 to 2025-11-25), as its server: requests are POSTs that stay open for their answer.
 * An answer that comes alone is JSON; where something precedes it, or it takes long, the response becomes an event
 * stream. What answers no request goes to the GET stream.
 */
export class StreamableHttpDownstream implements Transport {
  readonly #options: StreamableHttpDownstreamOptions;
  readonly #requests = new Map<string, OpenRequest>();
  #events: TransportEvents | undefined;
  #listening: EventStream | undefined;
  #waiting: { message: Message; eventId: string | undefined }[] = [];

  constructor(options: StreamableHttpDownstreamOptions) {
    this.#options = options;
  }

  /** Whether the client waits for anything of this session at the moment. */
  get isInUse(): boolean {
    return this.#requests.size > 0 || (this.#listening !== undefined && !this.#listening.isClosed);
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  /**
   * A request that was POSTed; its answer goes to `response`. Rejects where it cannot be passed on: with nothing
   * written, so that whoever called answers, or with the answer on the stream that a comment has opened meanwhile.
   */
  async receiveRequest(message: Message, response: ServerResponse, headers: readonly string[]): Promise<void> {
    const events = this.#openEvents();
    const key = message.key ?? '';
    const withSession = [...headers, 'Mcp-Session-Id', this.#options.sessionId];
    const stream = new EventStream(response, this.#streamOptions(withSession));
    const isInitialize = message.method === 'initialize';
    const since = performance.now();
    const request = { response, headers: withSession, bareHeaders: headers, isInitialize, stream, since };
    // An id in use is refused by the relay, and must not take the place of the request that has it.
    const isNew = !this.#requests.has(key);
    if (isNew) {
      this.#requests.set(key, request);
      response.on('close', () => this.#forget(key, request));
    }
    try {
      await events.message(message);
    } catch (thrown) {
      if (isNew) this.#forget(key, request);
      // Once a comment has opened the stream, a status can tell nothing any more, so the stream does.
      if (stream.isOpened) {
        const { describeError } = this.#options;
        const error = toDrawbridgeError(thrown);
        stream.sendMessage(errorReply(message.id, describeError?.(error) ?? error));
        stream.end();
      }
      throw thrown;
    }
  }

  /** A notification or an answer that was POSTed. Settles when the next hop has taken it. */
  receive(message: Message): void | Promise<void> {
    const taken = this.#openEvents().message(message);
    if (message.method === 'notifications/cancelled') this.#leaveCancelled(message);
    return taken;
  }

  /** Takes a GET as the stream of the server's own messages; a newer one replaces an older. */
  listen(response: ServerResponse, headers: readonly string[]): void {
    this.#openEvents();
    this.#listening?.end();
    const stream = new EventStream(
      response,
      this.#streamOptions([...headers, 'Mcp-Session-Id', this.#options.sessionId]),
    );
    this.#listening = stream;
    response.on('close', () => {
      if (this.#listening === stream) this.#listening = undefined;
    });
    stream.open();
    for (const { message, eventId } of this.#waiting.splice(0)) stream.sendMessage(message, eventId);
  }

  send(message: Message, route?: Route): void | Promise<void> {
    const key = message.kind === 'response' ? message.key : route?.relatedTo;
    const request = key === undefined ? undefined : this.#requests.get(key);
    if (message.kind === 'response') {
      if (request === undefined || key === undefined) return this.#lose(message);
      this.#requests.delete(key);
      return this.#answer(request, message, route?.eventId);
    }
    if (request !== undefined) return request.stream.sendMessage(message, route?.eventId);
    if (this.#listening !== undefined) return this.#listening.sendMessage(message, route?.eventId);
    if (this.#waiting.length >= MAX_WAITING_MESSAGES) this.#waiting.shift();
    this.#waiting.push({ message, eventId: route?.eventId });
  }

  /** Keeps streams alive; a request that is not answered by the second beat gets its head, before a client gives up on it. */
  beat(idleMs: number): void {
    this.#listening?.beat(idleMs);
    const now = performance.now();
    for (const { stream, since } of this.#requests.values()) {
      if (stream.isOpened || now - since >= idleMs) stream.beat(idleMs);
    }
  }

  pause(): void {}
  resume(): void {}

  /** Ends the stream of the server's own messages so that its client comes back after so long. */
  endWithRetry(retryMs: number): void {
    this.#listening?.endWithRetry(retryMs);
  }

  close(): Promise<void> {
    this.#events = undefined;
    this.#listening?.end();
    for (const { stream, response } of this.#requests.values()) {
      if (stream.isOpened) stream.end();
      else response.destroy();
    }
    this.#requests.clear();
    return Promise.resolve();
  }

  #openEvents(): TransportEvents {
    if (this.#events === undefined) throw new DrawbridgeError('session_unknown', 'no such session');
    return this.#events;
  }

  #answer(request: OpenRequest, message: Message, eventId: string | undefined): void | Promise<void> {
    const { response, stream } = request;
    if (stream.isClosed) return;
    if (!stream.isOpened && eventId === undefined) {
      const { stallTimeoutMs } = this.#options;
      const { failure } = message;
      // There is no session whose id could be told, and by the status a balancer knows that another may be asked.
      if (request.isInitialize && failure?.code === 'shutting_down') {
        const headers = [...request.bareHeaders, ...retryAfterHeader(failure)];
        return answerAsJson(response, failure.status, message, headers, stallTimeoutMs);
      }
      return answerAsJson(response, 200, message, request.headers, stallTimeoutMs);
    }
    const sent = stream.sendMessage(message, eventId);
    stream.end();
    return sent;
  }

  /** A server need not answer what was cancelled: the response then ends as a stream on which there was nothing to say. */
  #leaveCancelled(cancellation: Message): void {
    const key = cancelledKeyOf(cancellation) ?? '';
    const request = this.#requests.get(key);
    if (request === undefined) return;
    const leave = (): void => {
      if (this.#requests.get(key) !== request) return;
      this.#requests.delete(key);
      request.stream.open();
      request.stream.end();
    };
    setTimeout(leave, CANCELLED_MS).unref();
  }

  /** The client closed the response of its request: it does not wait for the answer any more, but did not cancel it. */
  #forget(key: string, request: OpenRequest): void {
    if (this.#requests.get(key) === request) this.#requests.delete(key);
  }

  #lose(message: Message): void {
    this.#options.logger.debug({ bytes: message.bytes.length }, 'an answer came after its client had gone');
  }

  #streamOptions(headers: readonly string[]): EventStreamOptions {
    return { headers, stallTimeoutMs: this.#options.stallTimeoutMs };
  }
}
