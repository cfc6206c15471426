import { DrawbridgeError } from '../errors.ts';
import { readMessages } from '../message/batch.ts';
import { cancelledKeyOf } from '../message/fields.ts';
import { errorReply, type Message, protocolVersionOf } from '../message/message.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import { AcceptanceSink } from './acceptance-sink.ts';
import { AnswerResumption } from './answer-resumption.ts';
import { AnswerSink, type BreakPoint } from './answer-sink.ts';
import { type Exchange, HttpClient } from './http/http-client.ts';
import { ListeningStream } from './listening-stream.ts';
import { errorFor } from './response-errors.ts';
import { headerLines, httpClientOptions, UPSTREAM_DEFAULTS, type UpstreamOptions } from './upstream-options.ts';

interface QueuedMessage {
  readonly message: Message;
  readonly accept: () => void;
  readonly reject: (error: DrawbridgeError) => void;
}

interface OpenExchange {
  /** The key of the request that it is to answer; undefined for other messages. */
  readonly key: string | undefined;
  /** Settles the promise of `send`. */
  readonly settle: (error?: DrawbridgeError) => void;
}

/** How long a server may take to answer a request that it knows was cancelled; many never do. */
const CANCELLED_MS = 2000;
/** How long `close` waits for the server to hear that the session is over. */
const DELETE_TIMEOUT_MS = 1000;

/**
 * Streamable HTTP (MCP 2025-03-26 to 2025-11-25), as its client: each message is a POST, whose answer is JSON or an
 * event stream; a GET stream carries what the server sends by itself. `initialize` is answered, and
 * `notifications/initialized` accepted, before anything else leaves. Ends when the server no longer knows the session.
 */
export class StreamableHttpUpstream implements Transport {
  readonly #options: UpstreamOptions;
  readonly #client: HttpClient;
  readonly #where: string;
  readonly #path: string;
  readonly #customHeaders: string;
  readonly #maxMessageBytes: number;
  readonly #queue: QueuedMessage[] = [];
  readonly #exchanges = new Map<Exchange, OpenExchange>();
  #events: TransportEvents | undefined;
  #listening: ListeningStream | undefined;
  #sessionId: string | undefined;
  #protocolVersion: string | undefined;
  /** The handshake message under way, behind which everything else waits. */
  #handshake: Message | undefined;
  #isPaused = false;
  /** The server no longer knows the session: nothing more is sent. */
  #lost: DrawbridgeError | undefined;
  #isClosed = false;
  /** When the server last answered or sent anything. */
  heardAt = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#where = options.url.host;
    this.#path = options.url.pathname + options.url.search;
    this.#client = new HttpClient(httpClientOptions(options));
    this.#customHeaders = headerLines(options.headers ?? {});
    this.#maxMessageBytes = options.maxMessageBytes ?? UPSTREAM_DEFAULTS.maxMessageBytes;
  }

  /** There is nothing to say before the first message, so this settles at once; a connection is made for it meanwhile. */
  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    this.#client.warmUp();
    return Promise.resolve();
  }

  send(message: Message): Promise<void> {
    return new Promise((accept, reject) => {
      if (this.#isClosed || this.#lost !== undefined) {
        reject(this.#lost ?? new DrawbridgeError('upstream_lost', `the connection to ${this.#where} is closed`));
        return;
      }
      const queued = { message, accept, reject };
      if (this.#handshake === undefined) this.#post(queued);
      else this.#queue.push(queued);
    });
  }

  pause(): void {
    this.#isPaused = true;
    for (const exchange of this.#exchanges.keys()) exchange.pause();
    this.#listening?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const exchange of this.#exchanges.keys()) exchange.resume();
    this.#listening?.resume();
  }

  async close(): Promise<void> {
    this.#events = undefined;
    if (this.#isClosed) return;
    const sessionId = this.#sessionId;
    this.#stop(new DrawbridgeError('upstream_lost', `the connection to ${this.#where} was closed`));
    if (sessionId !== undefined) await this.#deleteSession(sessionId);
    this.#client.close();
  }

  #post(queued: QueuedMessage): void {
    const { message } = queued;
    const isHandshake = message.method === 'initialize' || message.method === 'notifications/initialized';
    if (isHandshake) this.#handshake = message;
    const isRequest = message.kind === 'request';
    const settle = (error?: DrawbridgeError): void => {
      if (error === undefined) queued.accept();
      else queued.reject(error);
    };
    const over = (error?: DrawbridgeError): void => {
      this.#exchanges.delete(exchange);
      // Where the response goes on, as that of a message too large does, nobody wants the rest of it.
      exchange.abort();
      settle(error);
      if (error === undefined || error.upstreamStatus !== undefined) this.#heard();
      if (error?.code === 'session_lost' && this.#sessionId !== undefined) this.#end(error);
      else if (this.#handshake === message) this.#handshakeOver(message, error);
      else if (message.method === 'notifications/cancelled') this.#leaveCancelled(message);
    };
    const sink = isRequest
      ? new AnswerSink(message, this.#where, this.#maxMessageBytes, {
          accepted: (head) => {
            // An id in an error response belongs to no session: Python's servers mint one there.
            if (message.method === 'initialize') this.#sessionId = validSessionId(head.headers.get('mcp-session-id'));
            this.#heard();
            settle();
          },
          cut: (at, error) => message.method !== 'initialize' && this.#resumeAnswer(message, at, error),
          message: (answer, eventId) => this.#receive(answer, message, eventId),
          over,
          unanswered: (error) => this.#events?.message(errorReply(message.id, error), { relatedTo: message.key }),
        })
      : new AcceptanceSink(this.#where, over);
    const timeoutMs = isRequest ? 0 : (this.#options.acceptTimeoutMs ?? UPSTREAM_DEFAULTS.acceptTimeoutMs);
    const headers = `Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n${this.#sessionHeaders()}`;
    const exchange = this.#client.request(
      { method: 'POST', path: this.#path, headers, body: message.bytes, timeoutMs },
      sink,
    );
    this.#exchanges.set(exchange, { key: isRequest ? message.key : undefined, settle });
    if (this.#isPaused) exchange.pause();
  }

  /** Goes on from the last event of an answer whose stream broke off. */
  #resumeAnswer(request: Message, at: BreakPoint, error: DrawbridgeError): boolean {
    if (this.#isClosed || this.#lost !== undefined) return false;
    const resumption = new AnswerResumption({
      client: this.#client,
      path: this.#path,
      where: this.#where,
      maxMessageBytes: this.#maxMessageBytes,
      headers: () => this.#sessionHeaders(),
      request,
      message: (answer, eventId) => this.#receive(answer, request, eventId),
      unanswered: (reason) => this.#events?.message(errorReply(request.id, reason), { relatedTo: request.key }),
      over: () => this.#exchanges.delete(resumption),
    });
    this.#exchanges.set(resumption, { key: request.key, settle: () => {} });
    if (this.#isPaused) resumption.pause();
    resumption.begin(at, error);
    return true;
  }

  /** Nobody waits for the answer any more, and a server need not give one (MCP 2025-11-25, utilities/cancellation). */
  #leaveCancelled(cancellation: Message): void {
    const key = cancelledKeyOf(cancellation);
    // The handshake is not to be cancelled, and everything waits for its end.
    if (key === undefined || key === this.#handshake?.key) return;
    const cancelled = [...this.#exchanges].filter(([, open]) => open.key === key);
    const leave = (): void => {
      for (const [exchange, { settle }] of cancelled) {
        if (!this.#exchanges.delete(exchange)) continue;
        exchange.abort();
        settle();
      }
    };
    if (cancelled.length > 0) setTimeout(leave, CANCELLED_MS).unref();
  }

  #heard(): void {
    this.heardAt = performance.now();
  }

  #receive(answer: Message, request: Message, eventId: string): void {
    this.#heard();
    if (request.method === 'initialize' && answer.key === request.key) {
      this.#protocolVersion = protocolVersionOf(answer);
      this.#events?.message(answer, { relatedTo: request.key });
      // The server may leave the stream of the answer open; the handshake goes on all the same.
      if (this.#handshake === request) this.#handshakeOver(request, undefined);
      return;
    }
    this.#events?.message(answer, { relatedTo: request.key, eventId: eventId === '' ? undefined : eventId });
  }

  #handshakeOver(message: Message, error: DrawbridgeError | undefined): void {
    this.#handshake = undefined;
    if (message.method === 'notifications/initialized' && error === undefined) this.#listen();
    // The next handshake message, where there is one, stops the loop again.
    while (this.#handshake === undefined && !this.#isClosed) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#post(next);
    }
  }

  #listen(): void {
    if (this.#isClosed || this.#listening !== undefined) return;
    this.#listening = new ListeningStream({
      client: this.#client,
      path: this.#path,
      where: this.#where,
      maxMessageBytes: this.#maxMessageBytes,
      logger: this.#options.logger,
      headers: () => this.#sessionHeaders(),
      sessionLost: (error) => {
        if (this.#sessionId !== undefined) this.#end(error);
      },
      message: (bytes, eventId) => {
        this.#heard();
        const messages = readMessages(bytes);
        if (typeof messages === 'string') {
          this.#events?.error(new DrawbridgeError('upstream_invalid', `${this.#where} sent ${messages}`));
          return;
        }
        const route = { eventId: eventId === '' ? undefined : eventId };
        for (const message of messages) this.#events?.message(message, route);
      },
    });
    this.#listening.open();
    if (this.#isPaused) this.#listening.pause();
  }

  #sessionHeaders(): string {
    const session = this.#sessionId === undefined ? '' : `Mcp-Session-Id: ${this.#sessionId}\r\n`;
    const version = this.#protocolVersion === undefined ? '' : `MCP-Protocol-Version: ${this.#protocolVersion}\r\n`;
    return this.#customHeaders + session + version;
  }

  /** Best effort: a server may answer 405, or be gone. */
  #deleteSession(sessionId: string): Promise<void> {
    const version = this.#protocolVersion === undefined ? '' : `MCP-Protocol-Version: ${this.#protocolVersion}\r\n`;
    const headers = `${this.#customHeaders}Mcp-Session-Id: ${sessionId}\r\n${version}`;
    return new Promise((fulfil) => {
      const request = { method: 'DELETE', path: this.#path, headers, timeoutMs: DELETE_TIMEOUT_MS } as const;
      this.#client.request(request, {
        head: () => fulfil(),
        data: () => {},
        end: () => fulfil(),
        fail: () => fulfil(),
      });
    });
  }

  /** The session is over; requests that are under way get the answer that the server has for each. */
  #end(error: DrawbridgeError): void {
    if (this.#lost !== undefined || this.#isClosed) return;
    this.#lost = errorFor(error, false);
    this.#sessionId = undefined;
    this.#listening?.close();
    for (const queued of this.#queue.splice(0)) queued.reject(this.#lost);
    this.#events?.end(error);
  }

  #stop(error: DrawbridgeError): void {
    this.#isClosed = true;
    this.#sessionId = undefined;
    this.#listening?.close();
    for (const [exchange, { settle }] of this.#exchanges) {
      exchange.abort();
      settle(errorFor(error, true));
    }
    this.#exchanges.clear();
    for (const queued of this.#queue.splice(0)) queued.reject(errorFor(error, false));
  }
}

/** Visible ASCII only (MCP 2025-11-25, transports, session management). */
function validSessionId(value: string | undefined): string | undefined {
  return value !== undefined && /^[\x21-\x7e]{1,1024}$/.test(value) ? value : undefined;
}
