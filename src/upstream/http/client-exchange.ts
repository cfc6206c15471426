import { DrawbridgeError } from '../../errors.ts';
import type { NearEnd } from '../dial/near-end.ts';
import type { CookieJar } from './cookie-jar.ts';
import type { HttpConnection, ResponseSink } from './http-connection.ts';
import type { ResponseHead } from './http-response-head.ts';
import { MAX_REDIRECTS } from './redirects.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'OPTIONS';
  /** Path and query. */
  readonly path: string;
  /** Header lines, each with its CRLF; Host and Content-Length are added. */
  readonly headers: string;
  readonly body?: Buffer;
  /** How long the whole response may take, in milliseconds; 0 for as long as it takes. */
  readonly timeoutMs: number;
}

/** A request under way. */
export interface Exchange {
  /** Ends it without a further word to its sink. */
  abort(): void;
  pause(): void;
  resume(): void;
}

/** What exchanges need of their client. */
export interface ExchangeClient {
  readonly where: string;
  /** From the request's last byte to the response's head; 0 for as long as it takes. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of a response; 0 for as long as it takes. */
  readonly bodyTimeoutMs: number;
  readonly cookies: CookieJar | undefined;
  /** Says why a connection failed, where the tunnel that it went through may know. */
  readonly explain: NearEnd['explain'];
  /** The response on this connection has begun. */
  accepted(connection: HttpConnection): void;
  /** Where a response sends the same request on the same origin. */
  redirectedPath(head: ResponseHead, request: HttpRequest): string | undefined;
  /** Sends the exchange's request as it is now. */
  send(exchange: ClientExchange): void;
}

/** How long the body of a redirect may take, so that its connection can be used again. */
const REDIRECT_BODY_MS = 1000;
/** How long the body of a refusal may take: what it is about is known from its head, and some never end. */
const REFUSAL_BODY_MS = 2000;

/**
 * Stands between a connection and the sink, so that an exchange that was aborted or timed out says nothing more. Follows
 * redirects on the same origin; the sink is told of the last response alone.
 */
export class ClientExchange implements Exchange, ResponseSink {
  readonly #client: ExchangeClient;
  readonly #sink: ResponseSink;
  #request: HttpRequest;
  #connection: HttpConnection | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** Ends when the head is late, and then when the body pauses. */
  #silence: NodeJS.Timeout | undefined;
  /** Runs while the body of a redirect is read. */
  #redirect: NodeJS.Timeout | undefined;
  #redirects = 0;
  #isExplained = false;
  #isPaused = false;
  isOver = false;

  constructor(client: ExchangeClient, request: HttpRequest, sink: ResponseSink) {
    this.#client = client;
    this.#request = request;
    this.#sink = sink;
    const { timeoutMs } = request;
    if (timeoutMs === 0) return;
    this.#deadline = setTimeout(() => {
      this.#giveUp(
        new DrawbridgeError('upstream_timeout', `${client.where} did not answer within ${timeoutMs} ms`, {
          mayHaveRun: this.#connection !== undefined,
        }),
      );
    }, timeoutMs);
  }

  get request(): HttpRequest {
    return this.#request;
  }

  carriedBy(connection: HttpConnection): void {
    this.#connection = connection;
    if (this.#isPaused) connection.pause();
    const { headersTimeoutMs } = this.#client;
    if (headersTimeoutMs > 0) this.#awaitWithin(headersTimeoutMs, 'sent no head of a response', '--headers-timeout');
  }

  head(head: ResponseHead): void {
    if (this.isOver) return;
    const { cookies, bodyTimeoutMs } = this.#client;
    if (this.#connection !== undefined) this.#client.accepted(this.#connection);
    if (this.#silence !== undefined) this.#stopWaiting();
    if (cookies !== undefined) {
      const setCookies = head.headers.get('set-cookie');
      if (setCookies !== undefined) cookies.store(setCookies, this.#request.path);
    }
    if (head.status >= 300 && head.status < 400 && this.#follow(head)) return;
    if (head.status >= 300) {
      clearTimeout(this.#deadline);
      this.#deadline = setTimeout(() => this.#endRefusal(head), REFUSAL_BODY_MS);
    }
    if (bodyTimeoutMs > 0) this.#awaitWithin(bodyTimeoutMs, 'stopped in the middle of its response', '--body-timeout');
    this.#sink.head(head);
  }

  data(chunk: Buffer): void {
    if (this.isOver || this.#redirect !== undefined) return;
    this.#silence?.refresh();
    this.#sink.data(chunk);
  }

  end(): void {
    if (this.#redirect !== undefined) {
      this.#sendOn();
      return;
    }
    this.#stopTimers();
    if (this.isOver) return;
    this.isOver = true;
    // What comes next on this connection belongs to somebody else.
    if (this.#isPaused) this.#connection?.resume();
    this.#connection = undefined;
    this.#sink.end();
  }

  fail(error: DrawbridgeError): void {
    if (this.#redirect !== undefined && !this.isOver) {
      // The head of the redirect has said all that is needed.
      this.#sendOn();
      return;
    }
    this.#stopTimers();
    if (this.isOver) return;
    this.#connection = undefined;
    const { explain } = this.#client;
    if (explain !== undefined && !this.#isExplained) {
      this.#isExplained = true;
      explain(error).then((explained) => this.fail(explained));
      return;
    }
    this.isOver = true;
    this.#sink.fail(error);
  }

  abort(): void {
    this.#stopTimers();
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
    this.#silence?.refresh();
    this.#connection?.resume();
  }

  /** Whether the response is a redirect that is dealt with here. */
  #follow(head: ResponseHead): boolean {
    const path = this.#client.redirectedPath(head, this.#request);
    if (path === undefined) return false;
    if (this.#redirects === MAX_REDIRECTS) {
      const { where } = this.#client;
      this.#giveUp(
        new DrawbridgeError('upstream_redirect', `${where} redirects in a circle`, {
          why: `HTTP ${head.status} to ${head.headers.get('location')} after ${MAX_REDIRECTS} redirects`,
          upstreamStatus: head.status,
        }),
      );
      return true;
    }
    this.#redirects++;
    this.#request = { ...this.#request, path };
    this.#redirect = setTimeout(() => {
      this.#connection?.destroy();
      this.#sendOn();
    }, REDIRECT_BODY_MS);
    return true;
  }

  #sendOn(): void {
    clearTimeout(this.#redirect);
    this.#redirect = undefined;
    if (this.isOver) return;
    if (this.#isPaused) this.#connection?.resume();
    this.#connection = undefined;
    this.#client.send(this);
  }

  #awaitWithin(limitMs: number, what: string, option: string): void {
    const { where } = this.#client;
    const late = (): void => {
      // While nobody reads, it is we who are slow.
      if (this.#isPaused) this.#silence?.refresh();
      else {
        this.#giveUp(
          new DrawbridgeError('upstream_timeout', `${where} ${what}`, {
            why: `nothing came for ${limitMs} ms, the limit of ${option}`,
            hint: `Is the MCP server busy or hung? ${option} 0 waits for as long as it takes (of a gateway: --upstream-read-timeout).`,
            mayHaveRun: true,
          }),
        );
      }
    };
    this.#silence = setTimeout(late, limitMs);
  }

  #endRefusal({ status }: ResponseHead): void {
    const error = `${this.#client.where} did not end its answer, HTTP ${status}`;
    this.#giveUp(new DrawbridgeError('upstream_lost', error, { upstreamStatus: status, mayHaveRun: true }));
  }

  #giveUp(error: DrawbridgeError): void {
    this.#connection?.destroy();
    this.#connection = undefined;
    clearTimeout(this.#redirect);
    this.#redirect = undefined;
    this.fail(error);
  }

  #stopWaiting(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  #stopTimers(): void {
    if (this.#deadline !== undefined) clearTimeout(this.#deadline);
    if (this.#silence !== undefined) this.#stopWaiting();
    if (this.#redirect !== undefined) clearTimeout(this.#redirect);
    this.#redirect = undefined;
  }
}
