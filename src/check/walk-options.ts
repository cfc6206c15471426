import type { Family } from '../upstream/dial/dial-route.ts';
import type { NearEnd } from '../upstream/dial/near-end.ts';
import type { ProxyOptions } from '../upstream/dial/proxy-route.ts';
import type { TlsOptions } from '../upstream/dial/tls-trust.ts';
import type { Hop } from './finding.ts';

/** What the walk must know of the process that it runs in. */
export interface MachineFacts {
  /** Such as `22.14.0`. */
  readonly nodeVersion: string;
  /** Names of the variables for proxies that are set, such as `HTTPS_PROXY`; their values stand in `proxy`. */
  readonly proxyVariables?: readonly string[];
}

/** One address that the resolver of this machine knows for a name. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** What is walked to, and how; every wait has a bound of `WALK_DEFAULTS`. */
export interface WalkOptions {
  readonly url: URL;
  /** Sent with every request to the URL's origin; their values are secrets, and are never said. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further texts that no finding may hold, such as the password of a proxy. */
  readonly secrets?: readonly string[];
  readonly family?: Family;
  readonly tls?: TlsOptions;
  readonly proxy?: ProxyOptions;
  /** Where to dial in place of the URL's host and port: the near end of a tunnel. */
  readonly dialTo?: () => Promise<NearEnd>;
  /** The origin of a web page for which CORS is looked at; without it, it is not. */
  readonly origin?: string;
  /** The Host header; default: the URL's. */
  readonly hostHeader?: string;
  /** `auto` begins with what the path suggests: `/sse` is an event stream, all else Streamable HTTP. */
  readonly transport?: 'auto' | 'sse' | 'http';
  /** The last hop to look at; default: all. */
  readonly until?: Hop;
  /** How long the event stream is watched for a sign of life, in milliseconds; 0 leaves it out. */
  readonly heartbeatMs?: number;
  /** What a hop may take, in milliseconds; the heartbeat has its own time. */
  readonly timeoutMs?: number;
  readonly facts: MachineFacts;
  /** Ends the walk at once; nothing more is found then, and sessions that it opened are ended. */
  readonly signal?: AbortSignal;
  /** The clock of this machine, in milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number;
  /** Looks a name up as the system does; rejects with an error that has a `code`. Default: `dns.lookup`, all addresses as they come. */
  readonly lookup?: (host: string) => Promise<readonly ResolvedAddress[]>;
}

export const WALK_DEFAULTS = { family: '4', transport: 'auto', heartbeatMs: 20_000, timeoutMs: 10_000 } as const;
