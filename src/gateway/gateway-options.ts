import { DrawbridgeError } from '../errors.ts';
import { type Logger, silentLogger } from '../log.ts';
import type { UpstreamKind } from '../upstream/detection.ts';
import type { Family } from '../upstream/dial/dial-route.ts';
import { headerLines } from '../upstream/upstream-options.ts';

/** Counters of one limit: the part of express-rate-limit's Store that is used, so that its stores fit. */
export interface RateLimitStore {
  init?(options: { readonly windowMs: number }): void;
  increment(key: string): RateLimitCount | Promise<RateLimitCount>;
  shutdown?(): Promise<void> | void;
}

export interface RateLimitCount {
  readonly totalHits: number;
  readonly resetTime: Date | undefined;
}

/** Options of `createGateway`. Sizes are in bytes, durations in milliseconds. */
export interface GatewayOptions {
  /** The MCP server behind the gateway, such as `http://127.0.0.1:8000/sse`. */
  readonly upstream: string | URL;
  /** The transport that the server speaks; found out unless fixed. Default `auto`. */
  readonly upstreamTransport?: UpstreamKind;
  /** The Host header sent upstream. Default `localhost:<port>` for http, the URL's own for https. */
  readonly upstreamHost?: string;
  /** Sent with every request upstream, such as the gateway's own credential there. */
  readonly upstreamHeaders?: Readonly<Record<string, string>>;
  /** The address family dialled. Default `4`. */
  readonly family?: Family;
  /** A file of access keys, made by `mcp-drawbridge keys add`. */
  readonly keyFile?: string;
  /** `none` asks nobody for a credential, and serves loopback connections alone. Needed where there is no `keyFile`. */
  readonly auth?: 'keys' | 'none';
  /** Host names served besides loopback names. Default none. */
  readonly allowedHosts?: readonly string[];
  /** Origins of browser pages served, to the letter. Default none. */
  readonly allowedOrigins?: readonly string[];
  /** `tools/call` requests of one principal in a minute. Default 600. */
  readonly limitCalls?: number;
  /** HTTP requests of one principal in a minute. Default 6000. */
  readonly limitRequests?: number;
  /** HTTP requests of one address in a minute, before anybody is authenticated. Default 12000. */
  readonly limitAddress?: number;
  /** Makes the counters of each limit (express-rate-limit's Store); by default they live in this process. */
  readonly createStore?: () => RateLimitStore;
  /** The largest message from a client. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** The largest message from the server. Default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Objects and arrays within one another in a client's message. Default 64. */
  readonly maxJsonDepth?: number;
  /** Members and elements in a client's message. Default 100000. */
  readonly maxJsonElements?: number;
  /** Sessions in all. Default 1000. */
  readonly maxSessions?: number;
  /** Sessions of one principal. Default 50. */
  readonly maxSessionsPerPrincipal?: number;
  /** After this much silence a stream gets a comment. At most 15000. Default 14000. */
  readonly heartbeatMs?: number;
  /** A Streamable HTTP session that is not used for this long is ended. Default 30 minutes. */
  readonly sessionIdleMs?: number;
  /** A client that reads nothing for this long is cut off. Default 60000. */
  readonly stallTimeoutMs?: number;
  /** Whether clients reach the gateway over TLS; adds Strict-Transport-Security. Default false. */
  readonly isTls?: boolean;
  /** Default: says nothing. A pino instance fits. */
  readonly logger?: Logger;
}

export type ResolvedGatewayOptions = Required<Omit<GatewayOptions, 'upstream' | 'keyFile' | 'createStore'>> & {
  readonly upstream: URL;
  readonly keyFile: string | undefined;
  readonly createStore: (() => RateLimitStore) | undefined;
};

/** Fills in the defaults; throws `config`, naming the option, for what cannot be meant. */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  const upstream = parseUpstream(options.upstream);
  const auth = options.auth ?? (options.keyFile === undefined ? undefined : 'keys');
  if (auth === undefined || (auth === 'keys') !== (options.keyFile !== undefined)) {
    throw new DrawbridgeError('config', 'it is not said who may use the gateway', {
      why: auth === 'none' ? 'there is a key file, and auth is "none"' : 'there is no key file, and auth is not "none"',
      hint: 'Give keyFile (--key-file), or auth: "none" (--auth none) to serve this machine alone.',
    });
  }
  const port = upstream.port === '' ? '80' : upstream.port;
  // Each session's upstream would refuse them; better now than then.
  headerLines(options.upstreamHeaders ?? {});
  return {
    upstream,
    auth,
    keyFile: options.keyFile,
    createStore: options.createStore,
    upstreamTransport: options.upstreamTransport ?? 'auto',
    upstreamHost: options.upstreamHost ?? (upstream.protocol === 'https:' ? upstream.host : `localhost:${port}`),
    upstreamHeaders: options.upstreamHeaders ?? {},
    family: options.family ?? '4',
    allowedHosts: options.allowedHosts ?? [],
    allowedOrigins: options.allowedOrigins ?? [],
    limitCalls: atLeast(1, 'limitCalls', options.limitCalls ?? 600),
    limitRequests: atLeast(1, 'limitRequests', options.limitRequests ?? 6000),
    limitAddress: atLeast(1, 'limitAddress', options.limitAddress ?? 12_000),
    maxBodyBytes: atLeast(1, 'maxBodyBytes', options.maxBodyBytes ?? 4 * 1024 * 1024),
    maxMessageBytes: atLeast(1024, 'maxMessageBytes', options.maxMessageBytes ?? 64 * 1024 * 1024),
    maxJsonDepth: atLeast(4, 'maxJsonDepth', options.maxJsonDepth ?? 64),
    maxJsonElements: atLeast(16, 'maxJsonElements', options.maxJsonElements ?? 100_000),
    maxSessions: atLeast(1, 'maxSessions', options.maxSessions ?? 1000),
    maxSessionsPerPrincipal: atLeast(1, 'maxSessionsPerPrincipal', options.maxSessionsPerPrincipal ?? 50),
    heartbeatMs: Math.min(15_000, atLeast(10, 'heartbeatMs', options.heartbeatMs ?? 14_000)),
    sessionIdleMs: atLeast(1000, 'sessionIdleMs', options.sessionIdleMs ?? 30 * 60_000),
    stallTimeoutMs: atLeast(100, 'stallTimeoutMs', options.stallTimeoutMs ?? 60_000),
    isTls: options.isTls ?? false,
    logger: options.logger ?? silentLogger,
  };
}

function parseUpstream(text: string | URL): URL {
  const url = URL.canParse(String(text)) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new DrawbridgeError('config', `the upstream ${JSON.stringify(String(text))} is not an http or https URL`, {
      hint: 'Such as http://127.0.0.1:8000/sse',
    });
  }
  return url;
}

function atLeast(minimum: number, name: string, value: number): number {
  if (Number.isInteger(value) && value >= minimum) return value;
  throw new DrawbridgeError('config', `${name} must be a whole number of at least ${minimum}`, {
    why: `it is ${value}`,
  });
}
