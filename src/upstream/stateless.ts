import { DrawbridgeError } from '../errors.ts';
import { findField } from '../message/fields.ts';
import { errorReply, type Message, nameRequest, readMessage } from '../message/message.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import { AcceptanceSink } from './acceptance-sink.ts';
import { AnswerSink } from './answer-sink.ts';
import { type Exchange, HttpClient } from './http/http-client.ts';
import type { ResponseHead } from './http/http-response-head.ts';
import { errorFromResponse } from './response-errors.ts';
import { StatelessSink } from './stateless-sink.ts';
import { httpClientOptions, UPSTREAM_DEFAULTS, type UpstreamOptions } from './upstream-options.ts';

export interface StatelessRequestOptions {
  /** Header lines, each with its CRLF; Host, Accept, Content-Type and Content-Length are added. */
  readonly headers: string;
  /**
   * Asked when the server refuses the request as one of the legacy era would, which has surely not run it then. True
   * makes `send` reject; false passes on what the server has answered.
   */
  readonly isLegacy?: () => Promise<boolean>;
}

/** By these a server says that it does not know 2026-07-28, unless the body is an error of that revision. */
const LEGACY_STATUSES = new Set([400, 404, 405, 406]);
/** By these a server or a proxy speaks of the gateway's own credential, Host or way there, and not of the request. */
const ABOUT_GATEWAY = new Set([401, 403, 407, 421]);
/** After the answer, how long a server may take to end its response, so that the connection can be used again. */
const LAST_BYTES_MS = 1000;

/**
 * Reaches one server of 2026-07-28 over Streamable HTTP. Requests there are whole in themselves and have no session, so
 * they share the connections that are kept alive; each response still belongs to its own request alone.
 */
export class StatelessClient {
  readonly #options: UpstreamOptions;
  readonly #client: HttpClient;
  #openCount = 0;
  #isClosed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#client = new HttpClient({ ...httpClientOptions(options), isOrdered: false });
  }

  /** A transport for one message, not started yet. */
  connect(request: StatelessRequestOptions): Transport {
    this.#openCount++;
    return new StatelessUpstream(this.#client, this.#options, request, () => {
      this.#openCount--;
      this.#closeWhenIdle();
    });
  }

  /** Ends its connections when the last transport is closed. */
  close(): void {
    this.#isClosed = true;
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    if (this.#isClosed && this.#openCount === 0) this.#client.close();
  }
}

/**
 * One message of 2026-07-28 to its server, and what comes back: a POST, answered by JSON or an event stream, by an error
 * with a status, or for a notification by its acceptance. `close` ends the exchange, which is how such a request is
 * cancelled (MCP 2026-07-28, cancellation).
 */
class StatelessUpstream implements Transport {
  readonly #client: HttpClient;
  readonly #options: UpstreamOptions;
  readonly #request: StatelessRequestOptions;
  readonly #onClose: () => void;
  readonly #where: string;
  #events: TransportEvents | undefined;
  #exchange: Exchange | undefined;
  /** Settles the promise of `send`, which is waited for as long as this is there. */
  #settle: ((error?: DrawbridgeError) => void) | undefined;
  #isAnswered = false;
  #isOver = false;
  #isClosed = false;
  heardAt = 0;

  constructor(client: HttpClient, options: UpstreamOptions, request: StatelessRequestOptions, onClose: () => void) {
    this.#client = client;
    this.#options = options;
    this.#request = request;
    this.#onClose = onClose;
    this.#where = options.url.host;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  send(message: Message): Promise<void> {
    return new Promise((accept, reject) => {
      if (this.#isClosed || this.#exchange !== undefined) {
        reject(new DrawbridgeError('upstream_lost', `the exchange with ${this.#where} is over`));
        return;
      }
      this.#settle = (error) => {
        if (error === undefined) accept();
        else reject(error);
      };
      const { url, acceptTimeoutMs } = this.#options;
      const isRequest = message.kind === 'request';
      const exchange = this.#client.request(
        {
          method: 'POST',
          path: url.pathname + url.search,
          headers: `Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n${this.#request.headers}`,
          body: message.bytes,
          timeoutMs: isRequest ? 0 : (acceptTimeoutMs ?? UPSTREAM_DEFAULTS.acceptTimeoutMs),
        },
        isRequest ? this.#sinkFor(message) : new AcceptanceSink(this.#where, (error) => this.#over(error)),
      );
      this.#exchange = exchange;
    });
  }

  pause(): void {
    this.#exchange?.pause();
  }

  resume(): void {
    this.#exchange?.resume();
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    this.#events = undefined;
    const exchange = this.#exchange;
    if (exchange !== undefined && this.#isAnswered && !this.#isOver) {
      exchange.resume();
      setTimeout(() => exchange.abort(), LAST_BYTES_MS).unref();
    } else exchange?.abort();
    if (this.#settle !== undefined) {
      const why = `the exchange with ${this.#where} was given up`;
      this.#settled(new DrawbridgeError('upstream_lost', why, { mayHaveRun: true }));
    }
    this.#onClose();
    return Promise.resolve();
  }

  #sinkFor(request: Message): StatelessSink {
    const { maxMessageBytes = UPSTREAM_DEFAULTS.maxMessageBytes } = this.#options;
    const answer = new AnswerSink(request, this.#where, maxMessageBytes, {
      accepted: () => this.#accepted(),
      message: (message) => this.#receive(message, request),
      unanswered: (error) => this.#events?.message(errorReply(request.id, error), { relatedTo: request.key }),
      over: (error) => this.#over(error),
    });
    return new StatelessSink(answer, (head, body) => void this.#refused(request, head, body));
  }

  #accepted(): void {
    this.heardAt = performance.now();
    this.#settled();
  }

  #settled(error?: DrawbridgeError): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(error);
  }

  #receive(message: Message, request: Message, status?: number): void {
    this.heardAt = performance.now();
    if (message.kind === 'request') {
      const error = `${this.#where} sent a request, which servers of 2026-07-28 have not`;
      this.#events?.error(new DrawbridgeError('upstream_invalid', error));
      return;
    }
    if (message.kind === 'response' && message.key === request.key) this.#isAnswered = true;
    this.#events?.message(message, { relatedTo: request.key, status });
  }

  async #refused(request: Message, head: ResponseHead, body: Buffer): Promise<void> {
    const { status } = head;
    const answer = ABOUT_GATEWAY.has(status) ? undefined : answerIn(body, request);
    const isLegacy = isRefusedAsLegacy(status, answer, request) && (await this.#request.isLegacy?.()) === true;
    if (answer === undefined || isLegacy) {
      this.#over(refusalOf(errorFromResponse(this.#where, head, body.toString('utf8', 0, 1024), true), this.#where));
      return;
    }
    this.#accepted();
    this.#receive(answer, request, status);
    this.#over();
  }

  /** With an error, the message was not taken. */
  #over(error?: DrawbridgeError): void {
    if (error?.upstreamStatus !== undefined) this.heardAt = performance.now();
    this.#isOver = true;
    this.#exchange?.abort();
    this.#settled(error);
  }
}

/** A JSON-RPC error for this request, by its id or without one. */
function answerIn(body: Buffer, request: Message): Message | undefined {
  const message = readMessage(body);
  if (message.kind !== 'response') return undefined;
  return message.key === request.key ? message : nameRequest(message, request.id ?? 'null');
}

/** Whether a server of the legacy era could have answered so (MCP 2026-07-28, backwards compatibility). */
function isRefusedAsLegacy(status: number, answer: Message | undefined, { method }: Message): boolean {
  if (!LEGACY_STATUSES.has(status)) return false;
  const range = answer === undefined ? undefined : findField(answer, ['error', 'code']);
  const code = range === undefined ? 0 : Number(answer?.bytes.toString('latin1', range.start, range.end));
  if (code === -32601) return status !== 404 || method === 'server/discover';
  return code < -32022 || code > -32020;
}

/** There is no session that could be lost, nor one to be opened anew. */
function refusalOf(error: DrawbridgeError, where: string): DrawbridgeError {
  if (error.code !== 'session_lost') return error;
  const { why, upstreamStatus, hint } = error;
  return new DrawbridgeError('upstream_error', `${where} does not take requests of 2026-07-28 at this path`, {
    ...(why === undefined ? {} : { why }),
    ...(upstreamStatus === undefined ? {} : { upstreamStatus }),
    hint,
  });
}
