import { setMaxListeners } from 'node:events';
import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import { bracketed } from '../dial/dial-failure.ts';
import type { DialTarget, Family } from '../dial/dial-route.ts';
import { type DialOptions, dial } from '../dial/dialer.ts';
import type { NearEnd } from '../dial/near-end.ts';
import type { ProxyOptions } from '../dial/proxy-route.ts';
import { proxyFor } from '../dial/proxy-route.ts';
import type { TlsOptions } from '../dial/tls-trust.ts';
import { TlsTrust } from '../dial/tls-trust.ts';
import { ClientExchange, type Exchange, type ExchangeClient, type HttpRequest } from './client-exchange.ts';
import type { Origin } from './connection-loss.ts';
import { ACCEPT_MS, ConnectionOrder } from './connection-order.ts';
import type { CookieJar } from './cookie-jar.ts';
import { HttpConnection, type ResponseSink } from './http-connection.ts';
import type { ResponseHead } from './http-response-head.ts';
import { redirectedPath } from './redirects.ts';

export type { Exchange, HttpRequest } from './client-exchange.ts';

export interface HttpClientOptions {
  readonly url: URL;
  /** The Host header; default: the URL's. */
  readonly hostHeader?: string;
  readonly family: Family;
  /** For one address, TLS and proxy included. */
  readonly connectTimeoutMs: number;
  /** From a request's last byte to the head of its response; 0, the default, for as long as it takes. */
  readonly headersTimeoutMs?: number;
  /** Between two pieces of a response; 0, the default, for as long as it takes. */
  readonly bodyTimeoutMs?: number;
  readonly proxy?: ProxyOptions;
  readonly tls?: TlsOptions;
  /** Asked for each connection; default: the URL's host and port. */
  readonly dialTo?: () => Promise<NearEnd>;
  readonly cookies?: CookieJar;
  /** Whether requests must reach the server in the order in which they are sent; default true. */
  readonly isOrdered?: boolean;
}

/**
 * Below Python's and Node's own 5 s: a server that closes an idle connection just as a request leaves would make it
 * unknowable whether the request ran.
 */
const IDLE_MS = 4000;

/** Connections that are made at the same time; a hundred calls that were held must not wait for a hundred of them. */
const MAX_DIALS = 8;

/**
 * A client for one origin that keeps connections alive, the last used first. One belongs to each session, so that no
 * byte of one session's responses can ever meet another session (DESIGN: state belongs to a session). Requests without a
 * session, which are whole in themselves, share one.
 */
export class HttpClient implements ExchangeClient {
  readonly where: string;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly cookies: CookieJar | undefined;
  /** Of the tunnel that was dialled last. */
  explain: NearEnd['explain'];
  readonly #url: URL;
  readonly #hostHeader: string;
  readonly #target: DialTarget;
  readonly #dialOptions: DialOptions;
  readonly #origin: Origin;
  /** What stands before the path in a request's first line: the origin, where a proxy must be told it. */
  readonly #pathPrefix: string;
  /** The header lines of every request. */
  readonly #fixedHeaders: string;
  readonly #idle: HttpConnection[] = [];
  /**
   * Each connection with the exchange that it carries. A connection stays in while it is idle: a map in which things come
   * and go outgrows its tables, each of which keeps what was in it until the next full garbage collection.
   */
  readonly #exchanges = new Map<HttpConnection, ClientExchange | undefined>();
  readonly #closing = new AbortController();
  /** Exchanges without a connection, the first first. */
  readonly #waiting: ClientExchange[] = [];
  readonly #order = new ConnectionOrder();
  readonly #isOrdered: boolean;
  /** Connections that are being made. */
  #dialCount = 0;
  /** When those that wait are looked at again. */
  #look: NodeJS.Timeout | undefined;
  /** Settles when the connection dialled last, and all before it, are made or have failed. */
  #lastDial: Promise<void> = Promise.resolve();
  #sweeper: NodeJS.Timeout | undefined;

  /** Throws `config` for a proxy that cannot be used. */
  constructor(options: HttpClientOptions) {
    const { url, family, connectTimeoutMs, dialTo } = options;
    const isTls = url.protocol === 'https:';
    const proxy = dialTo === undefined ? proxyFor(url, options.proxy) : undefined;
    const through = proxy === undefined ? '' : ` through the proxy ${bracketed(proxy.host)}:${proxy.port}`;
    this.where = `${url.protocol}//${url.host}${through}`;
    this.headersTimeoutMs = options.headersTimeoutMs ?? 0;
    this.bodyTimeoutMs = options.bodyTimeoutMs ?? 0;
    this.cookies = options.cookies;
    this.#isOrdered = options.isOrdered ?? true;
    this.#url = url;
    this.#hostHeader = options.hostHeader ?? url.host;
    const port = Number(url.port || (isTls ? 443 : 80));
    this.#target = { host: url.hostname.replace(/^\[|\]$/g, ''), port, isTls };
    const dialNearEnd = dialTo === undefined ? undefined : () => this.#nearEnd(dialTo);
    this.#dialOptions = { family, connectTimeoutMs, proxy, dialTo: dialNearEnd, trust: new TlsTrust(options.tls) };
    const way = dialTo !== undefined ? 'tunnel' : proxy !== undefined ? 'proxy' : 'direct';
    this.#origin = { where: this.where, isTls, way };
    const isForwarded = proxy !== undefined && !isTls;
    this.#pathPrefix = isForwarded ? url.origin : '';
    const credential = isForwarded ? proxy.authorization : undefined;
    const proxyLine = credential === undefined ? '' : `Proxy-Authorization: ${credential}\r\n`;
    this.#fixedHeaders = `Host: ${this.#hostHeader}\r\n${proxyLine}`;
    // Each connection being dialled listens for the end; there may be many at once.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Sends a request; its sink is told of the response, or of why there is none. Never throws. */
  request(request: HttpRequest, sink: ResponseSink): Exchange {
    const exchange = new ClientExchange(this, request, sink);
    this.send(exchange);
    return exchange;
  }

  /**
   * Makes a connection for the request that comes next, so that this need not wait for it. Where it cannot be made,
   * that request is told, if it comes meanwhile; else nobody is.
   */
  warmUp(): void {
    if (this.#dialCount === 0 && this.#idle.length === 0) void this.#dialForNext();
  }

  /** Ends every connection; what is under way is told nothing more. */
  close(): void {
    this.#closing.abort();
    clearInterval(this.#sweeper);
    clearTimeout(this.#look);
    for (const connection of this.#idle.splice(0)) connection.destroy();
    for (const exchange of [...this.#exchanges.values()]) exchange?.abort();
  }

  /**
   * For exchanges: sends one on a connection that is free, or on a new one. They leave in the order in which they came,
   * and reach the server in that order as far as connections of their own can: servers accept connections in order, so
   * behind a request on a new one only newer connections keep the order.
   */
  send(exchange: ClientExchange): void {
    const connection = this.#waiting.length === 0 && !this.#order.hasUnaccepted() ? this.#takeIdle() : undefined;
    if (connection !== undefined) this.#sendOn(connection, exchange);
    else {
      this.#waiting.push(exchange);
      this.#dialForWaiting();
    }
  }

  /** For exchanges: the response on this connection has begun, so the server has accepted it. */
  accepted(connection: HttpConnection): void {
    if (!this.#order.accepted(connection)) return;
    if (this.#order.isSaturated) this.#serveWaiting();
    this.#order.settle();
  }

  /** For exchanges: where a response sends the request, on this origin. */
  redirectedPath(head: ResponseHead, request: HttpRequest): string | undefined {
    return redirectedPath(head, request, this.#url, this.#hostHeader);
  }

  #dialForWaiting(): void {
    const needed = this.#waiting.length - (this.#order.isSaturated ? this.#idle.length : 0);
    if (this.#dialCount < Math.min(needed, MAX_DIALS)) void this.#dialForNext();
    if (this.#waiting.length > 0) this.#look ??= setTimeout(() => this.#serveWaiting(), ACCEPT_MS).unref();
  }

  /** Gives the connections that are free to those that wait, as soon as that keeps the order. */
  #serveWaiting(): void {
    clearTimeout(this.#look);
    this.#look = undefined;
    while (this.#waiting.length > 0 && !this.#order.hasUnaccepted()) {
      const connection = this.#takeIdle();
      if (connection === undefined) break;
      this.#sendNextOn(connection);
    }
    if (this.#waiting.length > 0) this.#dialForWaiting();
  }

  /** Connections are used in the order in which they were dialled, which is that in which the server accepts them. */
  async #dialForNext(): Promise<void> {
    this.#dialCount++;
    this.#order.dialled();
    const earlier = this.#lastDial;
    const dialled = this.#dial().finally(() => this.#dialCount--);
    this.#lastDial = dialled.then(
      () => earlier,
      () => earlier,
    );
    try {
      const connection = await dialled;
      await earlier;
      this.#sendNextOn(connection);
    } catch (thrown) {
      const error = toDrawbridgeError(thrown, 'upstream_unreachable');
      // Whoever waits, waits for the same server.
      for (const exchange of this.#waiting.splice(0)) exchange.fail(error);
    }
    this.#dialForWaiting();
  }

  /** For the exchange that has waited longest, or to be kept. */
  #sendNextOn(connection: HttpConnection): void {
    const next = this.#closing.signal.aborted ? undefined : this.#nextWaiting();
    if (next === undefined) this.#keep(connection);
    else this.#sendOn(connection, next);
  }

  #nextWaiting(): ClientExchange | undefined {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!next.isOver) return next;
    }
    return undefined;
  }

  async #nearEnd(dialTo: () => Promise<NearEnd>): Promise<NearEnd> {
    const near = await dialTo();
    this.explain = near.explain;
    return near;
  }

  async #dial(): Promise<HttpConnection> {
    let connection: HttpConnection | undefined;
    let isEarly = false;
    const socket = await dial(this.#target, this.#dialOptions, this.#closing.signal, (chunk) => {
      if (connection === undefined) isEarly = true;
      else connection.read(chunk);
    });
    connection = new HttpConnection(
      socket,
      this.#origin,
      (idle) => this.#free(idle),
      (closed) => this.#forget(closed),
    );
    if (!isEarly) return connection;
    connection.destroy();
    throw new DrawbridgeError('upstream_invalid', `${this.where} spoke before it was asked`);
  }

  #sendOn(connection: HttpConnection, exchange: ClientExchange): void {
    this.#exchanges.set(connection, exchange);
    if (this.#isOrdered) this.#order.sentOn(connection);
    exchange.carriedBy(connection);
    const { method, path, headers, body } = exchange.request;
    const cookies = this.cookies === undefined || this.cookies.isEmpty ? '' : this.cookies.lineFor(path);
    const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`;
    const head = `${method} ${this.#pathPrefix}${path} HTTP/1.1\r\n${this.#fixedHeaders}${headers}${cookies}${length}\r\n`;
    connection.send(head, body, exchange);
  }

  #takeIdle(): HttpConnection | undefined {
    const oldest = performance.now() - IDLE_MS;
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.idleSince >= oldest && !connection.isClosed) return connection;
      connection.destroy();
    }
    return undefined;
  }

  #free(connection: HttpConnection): void {
    this.#exchanges.set(connection, undefined);
    this.#keep(connection);
    if (this.#waiting.length > 0) this.#serveWaiting();
  }

  #keep(connection: HttpConnection): void {
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
    this.#exchanges.delete(connection);
    this.#order.forget(connection);
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
  }
}
