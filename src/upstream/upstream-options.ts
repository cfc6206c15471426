import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Family } from './dial/dial-route.ts';
import type { NearEnd } from './dial/near-end.ts';
import type { ProxyOptions } from './dial/proxy-route.ts';
import type { TlsOptions } from './dial/tls-trust.ts';
import type { CookieJar } from './http/cookie-jar.ts';
import type { HttpClientOptions } from './http/http-client.ts';

/** How a server is reached; every bound has its default in `UPSTREAM_DEFAULTS`. */
export interface UpstreamOptions {
  readonly url: URL;
  readonly logger: Logger;
  /** Sent with every request to this origin and to no other. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The Host header; default: the URL's. */
  readonly hostHeader?: string;
  readonly family?: Family;
  /** For one address, TLS included. */
  readonly connectTimeoutMs?: number;
  /** Until the head of a response; 0 for as long as it takes. */
  readonly headersTimeoutMs?: number;
  /** Between two pieces of a response; 0 for as long as it takes. */
  readonly bodyTimeoutMs?: number;
  readonly proxy?: ProxyOptions;
  readonly tls?: TlsOptions;
  /** Where to dial in place of the URL's host and port, such as the near end of a tunnel. Asked for each connection. */
  readonly dialTo?: () => Promise<NearEnd>;
  /** Cookies that the server has set, sent back to it. Belongs to the URL's origin; may outlive one connection. */
  readonly cookies?: CookieJar;
  /** Until an event stream has told its endpoint. */
  readonly endpointTimeoutMs?: number;
  /** Until a message is accepted where acceptance is all that is awaited (legacy SSE, notifications). */
  readonly acceptTimeoutMs?: number;
  /** One message from the server. */
  readonly maxMessageBytes?: number;
}

export const UPSTREAM_DEFAULTS = {
  family: '4',
  connectTimeoutMs: 10_000,
  endpointTimeoutMs: 30_000,
  acceptTimeoutMs: 60_000,
  maxMessageBytes: 64 * 1024 * 1024,
} as const;

/** What this package writes itself, and of which a second one would make a request mean two things. */
const RESERVED =
  /^(host|content-length|content-type|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|accept|accept-encoding|last-event-id|mcp-session-id|mcp-protocol-version|mcp-method|mcp-name)$/i;

/** Header lines of a fixed set; throws `config` for names and values that would make other headers. */
export function headerLines(headers: Readonly<Record<string, string>>): string {
  let lines = '';
  for (const [name, value] of Object.entries(headers)) {
    if (
      !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ||
      /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(value)
    ) {
      throw new DrawbridgeError('config', `the header ${JSON.stringify(name)} cannot be sent`, {
        why: 'its name or value has characters that HTTP does not allow',
      });
    }
    if (RESERVED.test(name)) {
      throw new DrawbridgeError('config', `the header ${name} cannot be set`, {
        why: 'it is written with every request already',
      });
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** The part of the options that its HTTP client needs. A cookie among the headers stands in place of the jar. */
export function httpClientOptions(options: UpstreamOptions): HttpClientOptions {
  const { url, headers = {}, hostHeader, headersTimeoutMs, bodyTimeoutMs, proxy, tls, dialTo, cookies } = options;
  const hasOwnCookie = Object.keys(headers).some((name) => name.toLowerCase() === 'cookie');
  const isJarUsed = cookies !== undefined && cookies.origin === url.origin && !hasOwnCookie;
  return {
    url,
    family: options.family ?? UPSTREAM_DEFAULTS.family,
    connectTimeoutMs: options.connectTimeoutMs ?? UPSTREAM_DEFAULTS.connectTimeoutMs,
    ...(hostHeader === undefined ? {} : { hostHeader }),
    ...(headersTimeoutMs === undefined ? {} : { headersTimeoutMs }),
    ...(bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(tls === undefined ? {} : { tls }),
    ...(dialTo === undefined ? {} : { dialTo }),
    ...(isJarUsed ? { cookies } : {}),
  };
}
