import { DrawbridgeError } from '../errors.ts';
import { cleanLine, secretsOf } from '../log.ts';
import type { SseEvent } from '../message/sse-decoder.ts';
import type { HttpProxy } from '../upstream/dial/dial-route.ts';
import { isLoopback } from '../upstream/dial/loopback.ts';
import { proxyFor } from '../upstream/dial/proxy-route.ts';
import { HttpClient, type HttpClientOptions, type HttpRequest } from '../upstream/http/http-client.ts';
import { headerLines } from '../upstream/upstream-options.ts';
import { type CurlParts, curlCommand } from './curl.ts';
import type { Finding, Hop, Verdict } from './finding.ts';
import type { Asked, McpSession, Reply } from './mcp-session.ts';
import { type ResolvedAddress, WALK_DEFAULTS, type WalkOptions } from './walk-options.ts';
import { WatchedExchange } from './watched-exchange.ts';

/** How long the end of a session may take when the walk is over. */
const END_MS = 1000;

export interface DialledAddress extends ResolvedAddress {
  readonly port: number;
}

/** What one walk is about, and what it has found out so far for the hops that come after. */
export class Walk {
  readonly options: WalkOptions;
  readonly url: URL;
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly timeoutMs: number;
  /** Header lines of the configured headers. */
  readonly ownHeaders: string;
  readonly proxy: HttpProxy | undefined;
  readonly secrets: readonly string[];
  readonly #ended = new AbortController();
  readonly #clients: HttpClient[] = [];
  #client: HttpClient | undefined;
  /** Of the URL's host, as far as they are known. */
  addresses: readonly ResolvedAddress[] = [];
  /** The near end of a tunnel, in the place of the URL's host. */
  dialled: readonly DialledAddress[] | undefined;
  /** The first to which a connection was made. */
  openAddress: DialledAddress | undefined;
  /** Whether a connection stands on which HTTP can be spoken. */
  isConnected = false;
  /** Whether an MCP server has answered, were it to refuse who asks. */
  isAnswered = false;
  kind: 'sse' | 'http' | undefined;
  /** The first response: the event stream, or what `initialize` was answered. */
  first: WatchedExchange | undefined;
  /** The first request over Streamable HTTP. */
  initialize: Asked | undefined;
  initialized: Reply | undefined;
  /** Where messages are POSTed. */
  postPath: string | undefined;
  session: McpSession | undefined;

  /** Throws `config` for headers and proxies that cannot be used. */
  constructor(options: WalkOptions) {
    const { url, headers = {} } = options;
    this.options = options;
    this.url = url;
    this.host = url.hostname.replace(/^\[|\]$/g, '');
    this.isTls = url.protocol === 'https:';
    this.port = Number(url.port || (this.isTls ? 443 : 80));
    this.timeoutMs = options.timeoutMs ?? WALK_DEFAULTS.timeoutMs;
    this.ownHeaders = headerLines(headers);
    this.proxy = options.dialTo === undefined ? proxyFor(url, options.proxy) : undefined;
    const proxySecret = this.proxy?.authorization;
    this.secrets = [
      ...secretsOf({ ...headers, ...(proxySecret === undefined ? {} : { proxy: proxySecret }) }, url),
      ...(options.secrets ?? []),
    ].sort((a, b) => b.length - a.length);
    if (options.signal?.aborted) this.#ended.abort();
    options.signal?.addEventListener('abort', () => this.#ended.abort(), { once: true, signal: this.#ended.signal });
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get family(): '4' | '6' | 'any' {
    return this.options.family ?? WALK_DEFAULTS.family;
  }

  get heartbeatMs(): number {
    return this.options.heartbeatMs ?? WALK_DEFAULTS.heartbeatMs;
  }

  get isLoopback(): boolean {
    return isLoopback(this.host);
  }

  /** Whether the URL's host is what is dialled. */
  get isDirect(): boolean {
    return this.proxy === undefined && this.options.dialTo === undefined;
  }

  get path(): string {
    return this.url.pathname + this.url.search;
  }

  now(): number {
    return (this.options.now ?? Date.now)();
  }

  finding(hop: Hop, verdict: Verdict, said: string, more: Pick<Finding, 'remedy' | 'curl'> = {}): Finding {
    return { hop, verdict, said, ...more };
  }

  /** The finding for a hop that threw. */
  failure(hop: Hop, error: DrawbridgeError, curl?: string): Finding {
    return this.finding(hop, 'fail', error.sentence, { remedy: error.hint, ...(curl === undefined ? {} : { curl }) });
  }

  /** One line a text, in which no secret stands. */
  clean(finding: Finding): Finding {
    const { said, remedy, curl } = finding;
    const clean = (text: string): string => cleanLine(text.replace(/\s+/g, ' ').trim(), this.secrets);
    return {
      ...finding,
      said: clean(said),
      ...(remedy === undefined ? {} : { remedy: clean(remedy) }),
      ...(curl === undefined ? {} : { curl: clean(curl) }),
    };
  }

  /** A request to the server; `own` ones carry the configured headers. */
  request(
    request: Omit<HttpRequest, 'timeoutMs'>,
    how: { readonly onEvent?: (event: SseEvent) => void; readonly client?: HttpClient } = {},
  ): WatchedExchange {
    this.#client ??= this.newClient();
    return new WatchedExchange(how.client ?? this.#client, { ...request, timeoutMs: 0 }, this.signal, how.onEvent);
  }

  newClient(changes: Partial<HttpClientOptions> = {}): HttpClient {
    const { proxy, tls, dialTo, hostHeader } = this.options;
    const client = new HttpClient({
      url: this.url,
      family: this.family,
      connectTimeoutMs: this.timeoutMs,
      isOrdered: false,
      ...(proxy === undefined ? {} : { proxy }),
      ...(tls === undefined ? {} : { tls }),
      ...(dialTo === undefined ? {} : { dialTo }),
      ...(hostHeader === undefined ? {} : { hostHeader }),
      ...changes,
    });
    this.#clients.push(client);
    return client;
  }

  curl(
    parts: Partial<CurlParts> & {
      readonly isAnonymous?: boolean;
      readonly family?: 4 | 6;
      readonly seconds?: number;
    } = {},
  ): string {
    const { isAnonymous = false, options = [], plain = [], family = this.family, ...rest } = parts;
    const { seconds = Math.ceil(this.timeoutMs / 1000) } = rest;
    const { hostHeader, tls } = this.options;
    return curlCommand({
      url: this.url,
      secret: isAnonymous ? [] : Object.keys(this.options.headers ?? {}),
      options: [
        `-m ${seconds}`,
        ...(family === 'any' ? [] : [`-${family}`]),
        ...(tls?.ca === undefined ? [] : ['--cacert "$CA_FILE"']),
        ...options,
      ],
      plain: [...(hostHeader === undefined ? [] : [`Host: ${hostHeader}`]), ...plain],
      ...rest,
    });
  }

  /** Waits for a promise, but no longer than a hop may take, and not past the end of the walk. */
  within<T>(promise: Promise<T>, what: string, ms = this.timeoutMs): Promise<T> {
    return new Promise((fulfil, reject) => {
      const abort = (): void => reject(new DrawbridgeError('cancelled', 'the check was given up'));
      const timer = setTimeout(
        () => reject(new DrawbridgeError('upstream_timeout', `${what} took more than ${ms} ms`)),
        ms,
      );
      this.signal.addEventListener('abort', abort, { once: true });
      if (this.signal.aborted) abort();
      promise.then(fulfil, reject).finally(() => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', abort);
      });
    });
  }

  /** Ends what was opened: the session first, and then every connection. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((fulfil) => {
      timer = setTimeout(fulfil, END_MS);
    });
    await Promise.race([this.session?.close(), late]);
    clearTimeout(timer);
    this.#ended.abort();
    for (const client of this.#clients) client.close();
  }
}
