import type { ServerResponse } from 'node:http';
import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { cancelledKeyOf } from '../message/fields.ts';
import { errorReply, type Message } from '../message/message.ts';
import type { Route, Transport, TransportEvents } from '../relay/transport.ts';
import { EventStream } from './event-stream.ts';
import { answerAsJson, retryAfterHeader } from './json-answer.ts';
import type { ReplayBudget } from './replay-store.ts';
import { ResumableStreams } from './resumable-streams.ts';

export interface StreamableHttpDownstreamOptions {
  readonly sessionId: string;
  readonly stallTimeoutMs: number;
  readonly logger: Logger;
  /** What this and other sessions keep for clients that come back. */
  readonly replayBudget: ReplayBudget;
  /** What a client is told of a failure; all of it, unless given. */
  readonly describeError?: (error: DrawbridgeError) => DrawbridgeError;
}

/** From this version on, clients take events without data (MCP 2025-11-25); older ones take them for broken messages. */
const PRIMED_SINCE = '2025-11-25';
/** How long an answer to a request that was cancelled may still take; a little more than the upstream is given. */
const CANCELLED_MS = 2500;

/** A request whose response is no event stream yet, as far as its client can tell. */
interface OpenRequest {
  readonly id: string | undefined;
  readonly response: ServerResponse;
  /** With the id of the session, and without. */
  readonly headers: readonly string[];
  readonly bareHeaders: readonly string[];
  readonly isInitialize: boolean;
  readonly connection: EventStream;
  readonly isPrimed: boolean;
  readonly since: number;
}

/**
 * Streamable HTTP (MCP 2025-03-26 to 2025-11-25), as its server: requests are POSTs that stay open for their answer.
 * An answer that comes alone is JSON; where something precedes it, or it takes long, the response becomes an event
 * stream. What answers no request goes to the GET stream. A client whose stream was cut goes on with it by a GET.
 */
export class StreamableHttpDownstream implements Transport {
  readonly #options: StreamableHttpDownstreamOptions;
  readonly #requests = new Map<string, OpenRequest>();
  readonly #streams: ResumableStreams;
  #events: TransportEvents | undefined;

  constructor(options: StreamableHttpDownstreamOptions) {
    this.#options = options;
    this.#streams = new ResumableStreams(options);
  }

  /** Whether the client waits for anything of this session at the moment. */
  get isInUse(): boolean {
    return this.#requests.size > 0 || this.#streams.isAnyLive;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  /**
   * A request that was POSTed; its answer goes to `response`. Rejects where it cannot be passed on: with nothing
   * written, so that whoever called answers, or with the answer on the stream that was opened meanwhile.
   */
  async receiveRequest(message: Message, response: ServerResponse, headers: readonly string[]): Promise<void> {
    const events = this.#openEvents();
    const key = message.key ?? '';
    const request = this.#openRequest(message, response, headers);
    const earlier = this.#streams.answering(key);
    // An id in use is refused by the relay, and must not take the place of the request that has it.
    const isNew = !this.#requests.has(key) && earlier?.isLive !== true;
    if (isNew) {
      this.#requests.set(key, request);
      response.on('close', () => this.#forget(key, request));
    }
    try {
      const passed = events.message(message);
      // The relay does not wait for the earlier answer any more: it was cancelled.
      if (isNew && earlier !== undefined) this.#streams.abandon(key, earlier);
      await passed;
    } catch (thrown) {
      if (isNew) this.#fail(key, request, thrown);
      throw thrown;
    }
  }

  /** A notification or an answer that was POSTed. Settles when the next hop has taken it. */
  receive(message: Message): void | Promise<void> {
    const taken = this.#openEvents().message(message);
    if (message.method === 'notifications/cancelled') this.#leaveCancelled(message);
    return taken;
  }

  /**
   * Takes a GET as the stream of the server's own messages, of which a newer one replaces an older, or, with the id of
   * an event, as the rest of the stream that the event was on. Throws `bad_request` for an id that nobody was given, or
   * whose stream is forgotten.
   */
  listen(response: ServerResponse, headers: readonly string[], lastEventId = ''): void {
    this.#openEvents();
    const withSession = [...headers, 'Mcp-Session-Id', this.#options.sessionId];
    const connection = this.#openConnection(response, withSession);
    const stream = this.#streams.continue(connection, lastEventId, isPrimed(response));
    if (stream !== undefined) response.on('close', () => stream.detach(connection));
    else {
      // As in HTML's EventSource: nothing will come, so do not ask again.
      response.writeHead(204, withSession);
      response.end();
    }
  }

  send(message: Message, route?: Route): void | Promise<void> {
    const key = message.kind === 'response' ? message.key : route?.relatedTo;
    const request = key === undefined ? undefined : this.#requests.get(key);
    if (request !== undefined && key !== undefined) {
      // An answer that its server lets clients come back for is one here as well.
      const isAlone = !request.connection.isOpened && route?.eventId === undefined;
      if (message.kind === 'response' && isAlone) return this.#answer(key, request, message);
      this.#becomeStream(key, request);
    }
    if (message.kind !== 'response') return this.#streams.send(message, key);
    if (this.#streams.answering(key) !== undefined) return this.#streams.answer(message);
    this.#options.logger.debug({ bytes: message.bytes.length }, 'an answer came after its client had gone');
  }

  /** Keeps streams alive; a request that is not answered by the second beat gets its head, before a client gives up on it. */
  beat(idleMs: number): void {
    const now = performance.now();
    this.#streams.beat(idleMs, now);
    for (const [key, request] of this.#requests) {
      if (!request.connection.isOpened && now - request.since < idleMs) continue;
      // Where no event without data may be sent, there is no id to come back with either: a comment must do.
      if (request.isPrimed) this.#becomeStream(key, request);
      else request.connection.beat(idleMs);
    }
  }

  pause(): void {}
  resume(): void {}

  /**
   * Ends every event stream that its client can go on with, and asks the client to come back after so long; the session
   * stays, and keeps what comes meanwhile.
   */
  endWithRetry(retryMs: number): void {
    this.#streams.hangUp(retryMs);
  }

  close(): Promise<void> {
    this.#events = undefined;
    this.#streams.close();
    for (const { connection, response } of this.#requests.values()) {
      if (connection.isOpened) connection.end();
      else response.destroy();
    }
    this.#requests.clear();
    return Promise.resolve();
  }

  #openEvents(): TransportEvents {
    if (this.#events === undefined) throw new DrawbridgeError('session_unknown', 'no such session');
    return this.#events;
  }

  #openRequest(message: Message, response: ServerResponse, headers: readonly string[]): OpenRequest {
    const withSession = [...headers, 'Mcp-Session-Id', this.#options.sessionId];
    return {
      id: message.id,
      response,
      headers: withSession,
      bareHeaders: headers,
      isInitialize: message.method === 'initialize',
      connection: this.#openConnection(response, withSession),
      isPrimed: isPrimed(response),
      since: performance.now(),
    };
  }

  #openConnection(response: ServerResponse, headers: readonly string[]): EventStream {
    return new EventStream(response, { headers, stallTimeoutMs: this.#options.stallTimeoutMs });
  }

  #becomeStream(key: string, request: OpenRequest): void {
    const { id, response, connection } = request;
    this.#requests.delete(key);
    const stream = this.#streams.openAnswer(key, id, connection, request.isPrimed);
    response.on('close', () => stream.detach(connection));
  }

  #answer(key: string, request: OpenRequest, message: Message): void | Promise<void> {
    this.#requests.delete(key);
    const { response, headers, bareHeaders, isInitialize } = request;
    const { stallTimeoutMs } = this.#options;
    if (response.destroyed || response.writableEnded) return;
    const { failure } = message;
    if (!isInitialize || failure === undefined) return answerAsJson(response, 200, message, headers, stallTimeoutMs);
    // There is no session whose id could be told, and by the status a balancer knows that another may be asked.
    const withRetryAfter = [...bareHeaders, ...retryAfterHeader(failure)];
    return answerAsJson(response, failure.status, message, withRetryAfter, stallTimeoutMs);
  }

  /** Once the stream was opened, a status can tell nothing any more, so the stream does. */
  #fail(key: string, request: OpenRequest, thrown: unknown): void {
    if (this.#requests.get(key) === request) {
      if (request.connection.isOpened) this.#becomeStream(key, request);
      else this.#requests.delete(key);
    }
    const { describeError } = this.#options;
    const error = toDrawbridgeError(thrown);
    if (this.#streams.answering(key) === undefined) return;
    this.#streams.answer(errorReply(request.id, describeError?.(error) ?? error));
  }

  /** A server need not answer what was cancelled: the response then ends as a stream on which there was nothing to say. */
  #leaveCancelled(cancellation: Message): void {
    const key = cancelledKeyOf(cancellation) ?? '';
    const request = this.#requests.get(key);
    const stream = this.#streams.answering(key);
    const leave = (): void => {
      if (request !== undefined && this.#requests.get(key) === request) {
        this.#requests.delete(key);
        request.connection.open();
        request.connection.end();
      } else if (stream !== undefined && this.#streams.answering(key) === stream) {
        this.#streams.abandon(key, stream);
      }
    };
    if (request !== undefined || stream !== undefined) setTimeout(leave, CANCELLED_MS).unref();
  }

  /**
   * The client closed the response of its request: it did not cancel it, but holds no event id by which it could ask
   * for the answer.
   */
  #forget(key: string, request: OpenRequest): void {
    if (this.#requests.get(key) === request) this.#requests.delete(key);
  }
}

/** Clients say in each request after `initialize` what was settled on; those before 2025-06-18 say nothing. */
function isPrimed({ req }: ServerResponse): boolean {
  const version = req.headers['mcp-protocol-version'];
  return typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) && version >= PRIMED_SINCE;
}
