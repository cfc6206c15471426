import { setMaxListeners } from 'node:events';
import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { type DialOptions, dial } from './dialer.ts';
import { HttpConnection, type ResponseSink } from './http-connection.ts';
import type { NearEnd } from './near-end.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** Header lines, each with its CRLF; Host and Content-Length are added. */
  readonly headers: string;
  readonly body?: Buffer;
  /** How long the whole response may take, in milliseconds; 0 for as long as it takes. */
  readonly timeoutMs: number;
}

export interface HttpClientOptions extends DialOptions {
  readonly url: URL;
  /** The Host header; default: the URL's. */
  readonly hostHeader?: string;
  /** Asked for each connection; default: the URL's host and port. */
  readonly dialTo?: () => Promise<NearEnd>;
}

/** A request under way. */
export interface Exchange {
  /** Ends it without a further word to its sink. */
  abort(): void;
  pause(): void;
  resume(): void;
}

/**
 * Below Python's and Node's own 5 s: a server that closes an idle connection just as a request leaves would make it
 * unknowable whether the request ran.
 */
const IDLE_MS = 4000;

/**
 * A client for one origin that keeps connections alive, the last used first. One belongs to each session, so that no
 * byte of one session's responses can ever meet another session (DESIGN: state belongs to a session).
 */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #where: string;
  readonly #host: string;
  readonly #idle: HttpConnection[] = [];
  readonly #busy = new Map<HttpConnection, ClientExchange>();
  readonly #closing = new AbortController();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: HttpClientOptions) {
    const { url } = options;
    this.#options = options;
    this.#where = `${url.protocol}//${url.host}`;
    this.#host = options.hostHeader ?? url.host;
    // Each connection being dialled listens for the end; there may be many at once.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Sends a request; its sink is told of the response, or of why there is none. Never throws. */
  request(request: HttpRequest, sink: ResponseSink): Exchange {
    const exchange = new ClientExchange(sink, request.timeoutMs, this.#where);
    const connection = this.#takeIdle();
    if (connection !== undefined) this.#send(connection, request, exchange);
    else this.#dialAndSend(request, exchange);
    return exchange;
  }

  /** Ends every connection; what is under way is told nothing more. */
  close(): void {
    this.#closing.abort();
    clearInterval(this.#sweeper);
    for (const connection of this.#idle.splice(0)) connection.destroy();
    for (const exchange of [...this.#busy.values()]) exchange.abort();
  }

  async #dialAndSend(request: HttpRequest, exchange: ClientExchange): Promise<void> {
    const { url } = this.#options;
    const isTls = url.protocol === 'https:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
    try {
      let connection: HttpConnection | undefined;
      let isEarly = false;
      const nearEnd = await this.#options.dialTo?.();
      exchange.explain = nearEnd?.explain;
      const target = nearEnd === undefined ? { host, port } : { host: nearEnd.host, port: nearEnd.port };
      const socket = await dial(
        { ...target, isTls, serverName: host },
        this.#options,
        this.#closing.signal,
        (chunk) => {
          if (connection === undefined) isEarly = true;
          else connection.read(chunk);
        },
      );
      connection = new HttpConnection(
        socket,
        this.#where,
        (idle) => this.#keep(idle),
        (closed) => this.#forget(closed),
      );
      connection.explain = nearEnd?.explain;
      if (isEarly) {
        connection.destroy();
        throw new DrawbridgeError('upstream_invalid', `${this.#where} spoke before it was asked`);
      }
      if (exchange.isOver) this.#keep(connection);
      else this.#send(connection, request, exchange);
    } catch (thrown) {
      exchange.fail(toDrawbridgeError(thrown, 'upstream_unreachable'));
    }
  }

  #send(connection: HttpConnection, request: HttpRequest, exchange: ClientExchange): void {
    this.#busy.set(connection, exchange);
    exchange.carriedBy(connection);
    const length = request.body === undefined ? '' : `Content-Length: ${request.body.length}\r\n`;
    const head = `${request.method} ${request.path} HTTP/1.1\r\nHost: ${this.#host}\r\n${request.headers}${length}\r\n`;
    connection.send(head, request.body, exchange);
  }

  #takeIdle(): HttpConnection | undefined {
    const oldest = performance.now() - IDLE_MS;
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.idleSince >= oldest && !connection.isClosed) return connection;
      connection.destroy();
    }
    return undefined;
  }

  #keep(connection: HttpConnection): void {
    this.#busy.delete(connection);
    if (this.#closing.signal.aborted) {
      connection.destroy();
      return;
    }
    connection.idleSince = performance.now();
    this.#idle.push(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), IDLE_MS).unref();
  }

  #sweep(): void {
    const oldest = performance.now() - IDLE_MS;
    while (this.#idle[0] !== undefined && this.#idle[0].idleSince < oldest) this.#idle.shift()?.destroy();
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #forget(connection: HttpConnection): void {
    this.#busy.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
  }
}

/** Stands between a connection and the sink, so that an exchange that was aborted or timed out says nothing more. */
class ClientExchange implements Exchange, ResponseSink {
  readonly #sink: ResponseSink;
  #connection: HttpConnection | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #isPaused = false;
  isOver = false;
  /** Says why the connection failed, where the tunnel that it goes through may know; asked once. */
  explain: NearEnd['explain'];

  constructor(sink: ResponseSink, timeoutMs: number, where: string) {
    this.#sink = sink;
    if (timeoutMs === 0) return;
    this.#deadline = setTimeout(() => {
      const error = new DrawbridgeError('upstream_timeout', `${where} did not answer within ${timeoutMs} ms`, {
        mayHaveRun: this.#connection !== undefined,
      });
      this.#connection?.destroy();
      this.fail(error);
    }, timeoutMs);
  }

  carriedBy(connection: HttpConnection): void {
    this.#connection = connection;
    this.explain = connection.explain;
    if (this.#isPaused) connection.pause();
  }

  head(head: Parameters<ResponseSink['head']>[0]): void {
    if (!this.isOver) this.#sink.head(head);
  }

  data(chunk: Buffer): void {
    if (!this.isOver) this.#sink.data(chunk);
  }

  end(): void {
    clearTimeout(this.#deadline);
    if (this.isOver) return;
    this.isOver = true;
    // What comes next on this connection belongs to somebody else.
    if (this.#isPaused) this.#connection?.resume();
    this.#connection = undefined;
    this.#sink.end();
  }

  fail(error: DrawbridgeError): void {
    clearTimeout(this.#deadline);
    if (this.isOver) return;
    this.#connection = undefined;
    const explain = this.explain;
    if (explain !== undefined) {
      this.explain = undefined;
      explain(error).then((explained) => this.fail(explained));
      return;
    }
    this.isOver = true;
    this.#sink.fail(error);
  }

  abort(): void {
    clearTimeout(this.#deadline);
    this.isOver = true;
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  pause(): void {
    this.#isPaused = true;
    this.#connection?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#connection?.resume();
  }
}
