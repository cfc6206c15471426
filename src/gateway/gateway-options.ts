import { DrawbridgeError } from '../errors.ts';
import { type Logger, silentLogger } from '../log.ts';
import type { Family } from '../upstream/dial/dial-route.ts';
import { parseRate, type Rate } from './limits/rate.ts';
import { parseHttpUrl, type ResolvedServer, resolveServers, type ServerOptions } from './upstreams/server-options.ts';
import { createPseudonym } from './via.ts';

/**
 * Counters of one limit: the part of express-rate-limit's Store that is used, so that its stores fit. By default they live
 * in this process and drain evenly, as nginx's do. Stores that know windows alone, such as rate-limit-redis, are given the
 * window in which `burst + 1` places become free: on the whole they let as many pass, but all of them at once at the start
 * of each window, and they count what was refused as well.
 */
export interface RateLimitStore {
  /** A whole number of milliseconds, at least 1000. */
  init?(options: { readonly windowMs: number }): void;
  increment(key: string): RateLimitCount | Promise<RateLimitCount>;
  decrement?(key: string): Promise<void> | void;
  resetKey?(key: string): Promise<void> | void;
  shutdown?(): Promise<void> | void;
}

export interface RateLimitCount {
  readonly totalHits: number;
  readonly resetTime: Date | undefined;
}

/** Options of `createGateway`. Sizes are in bytes, durations in milliseconds, rates as docs/gateway.md has them. */
export interface GatewayOptions extends ServerOptions {
  /** Further MCP servers by name, each served under its own: `/<name>/sse`, `/<name>/mcp`. */
  readonly upstreams?: Readonly<Record<string, ServerOptions>>;
  /**
   * Whether clients that speak 2026-07-28 alone are served by servers that do not: their requests are answered from a
   * session of each principal. Default false.
   */
  readonly translateModern?: boolean;
  /** Processes of commands at once, of all servers and sessions. Default 100. */
  readonly maxCommands?: number;
  /** From the first request to a command until its first answer, installing itself included. Default 60000. */
  readonly commandStartTimeoutMs?: number;
  /** How long a command that a principal's sessions share waits for the next after the last has ended. Default 60000. */
  readonly commandIdleMs?: number;
  /** The address family dialled. Default `4`. */
  readonly family?: Family;
  /** For one address of the server. Default 60000. */
  readonly upstreamConnectTimeoutMs?: number;
  /** Until the head of a response; never cuts a stream; 0 for as long as it takes. Default 300000. */
  readonly upstreamReadTimeoutMs?: number;
  /** Until the server has accepted a message. Default 300000. */
  readonly upstreamSendTimeoutMs?: number;
  /** How long a new event stream is held, without an answer, while its server is away; 0 for not at all. Default 15000. */
  readonly upstreamHoldMs?: number;
  /** Event streams of one server held at the same time; one more is answered with 502 at once. Default 100. */
  readonly maxHeldStreams?: number;
  /**
   * Whether a session outlives the connection to its server: another is made, on any replica, and calls made meanwhile wait
   * for it as long as `upstreamHoldMs` says. Default false, since what a server keeps for a session itself is lost unnoticed.
   */
  readonly surviveRestarts?: boolean;
  /** Tells the server who the client is; empty for none. Default `X-Forwarded-User`. */
  readonly identityHeader?: string;
  /** Whether X-Real-IP and X-Forwarded-For, -Proto and -Port go upstream, written by us. Default true. */
  readonly forwardedHeaders?: boolean;

  /** A file of access keys, made by `mcp-drawbridge keys add`. Read again when it changes. */
  readonly keyFile?: string;
  /** Users and passwords for HTTP Basic (RFC 7617). Read again when it changes. */
  readonly htpasswdFile?: string;
  /** Takes htpasswd entries in plain text, crypt or unsalted SHA-1. Default false. */
  readonly allowWeakPasswords?: boolean;
  /** Takes JWTs of this issuer, to the letter. */
  readonly jwtIssuer?: string;
  /** One of which `aud` must have. Default: the public URL. */
  readonly jwtAudience?: readonly string[];
  /** Default: what the issuer's metadata says. */
  readonly jwtJwksUrl?: string;
  /** Default RS256, PS256, ES256, EdDSA. */
  readonly jwtAlgorithm?: readonly string[];
  /** Scopes that every token must have. */
  readonly jwtScope?: readonly string[];
  /** A verified TLS client certificate: one credential among others, or needed besides. Default `off`. */
  readonly mtls?: 'off' | 'accept' | 'require';
  /** Takes a key in the path too: `/t/<key>/sse`. Default false. */
  readonly pathKeys?: boolean;
  /** `none` asks nobody for a credential, and serves loopback connections alone. */
  readonly auth?: 'none';
  /** How clients reach the gateway, such as `https://db.example.com`. Its host is served. */
  readonly publicUrl?: string;
  /** Host names served besides loopback names. Default none. */
  readonly allowedHosts?: readonly string[];
  /** Origins of browser pages served, to the letter. Default none. */
  readonly allowedOrigins?: readonly string[];

  /** CIDRs of clients served. Default all; an empty list is nobody. */
  readonly allowAddresses?: readonly string[];
  /** CIDRs of clients refused, whatever is allowed. */
  readonly denyAddresses?: readonly string[];
  /** CIDRs of proxies whose X-Forwarded-For and Forwarded are believed. Default none. */
  readonly trustProxies?: readonly string[];

  /** `tools/call` requests of one principal. Default 600 a minute. */
  readonly limitCalls?: string | number;
  /** `tools/call` requests of one principal for one tool, by its name. */
  readonly limitTool?: Readonly<Record<string, string | number>>;
  /** HTTP requests of one principal. Default 6000 a minute. */
  readonly limitRequests?: string | number;
  /** HTTP requests of one address, before anybody is authenticated. Default 12000 a minute. */
  readonly limitAddress?: string | number;
  /** Wrong credentials of one address. Default 20 a minute. */
  readonly limitLogins?: string | number;
  /** Makes the counters of the limit with this name (express-rate-limit's Store); by default they live in this process. */
  readonly createStore?: (name: string) => RateLimitStore;
  /** Open `tools/call` requests of one principal. Default 256. */
  readonly maxConcurrentCalls?: number;
  /** Sessions in all. Default 1000. */
  readonly maxSessions?: number;
  /** Sessions of one principal. Default 50. */
  readonly maxSessionsPerPrincipal?: number;
  /** Event streams of one address. Default 200. */
  readonly maxStreamsPerAddress?: number;
  /** The largest message from a client. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** The largest message from the server. Default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Objects and arrays within one another in a client's message. Default 64. */
  readonly maxJsonDepth?: number;
  /** Members and elements in a client's message. Default 100000. */
  readonly maxJsonElements?: number;
  /** After this much silence a stream gets a comment. At most 15000. Default 14000. */
  readonly heartbeatMs?: number;
  /** A session that is not used for this long, and has no live stream, is ended. Default 30 minutes. */
  readonly sessionIdleMs?: number;
  /** Any session is ended after this long. Default 24 hours. */
  readonly sessionLifetimeMs?: number;
  /** A client that reads nothing for this long is cut off. Default 60000. */
  readonly stallTimeoutMs?: number;
  /** Whether a browser that asks for `text/html` gets a page that says how to connect. Default true. */
  readonly page?: boolean;
  /** Whether every client reaches the gateway over TLS; adds Strict-Transport-Security. Default: what the connection is. */
  readonly isTls?: boolean;
  /** Default: says nothing. A pino instance fits. */
  readonly logger?: Logger;
}

type Rates = 'limitCalls' | 'limitRequests' | 'limitAddress' | 'limitLogins';
type MayBeMissing =
  | 'keyFile'
  | 'htpasswdFile'
  | 'jwtIssuer'
  | 'jwtJwksUrl'
  | 'allowAddresses'
  | 'createStore'
  | 'isTls';

export type ResolvedGatewayOptions = Required<
  Omit<GatewayOptions, MayBeMissing | Rates | keyof ServerOptions | 'upstreams' | 'limitTool' | 'auth' | 'publicUrl'>
> & { readonly [Name in MayBeMissing]: GatewayOptions[Name] | undefined } & { readonly [Name in Rates]: Rate } & {
  /** By name; the one at the root has an empty one. */
  readonly servers: ReadonlyMap<string, ResolvedServer>;
  /** What this gateway is called in Via; it stays when options change. */
  readonly pseudonym: string;
  readonly auth: 'none' | undefined;
  readonly publicUrl: URL | undefined;
  readonly limitTool: ReadonlyMap<string, Rate>;
};

/** The lowest limits of HTTP requests under which a client can still connect: a handshake is four requests. */
const MIN_REQUESTS_AT_ONCE = 20;

/** Fills in the defaults; throws `config`, naming the option, for what cannot be meant. */
export function resolveGatewayOptions(options: GatewayOptions, pseudonym = createPseudonym()): ResolvedGatewayOptions {
  checkWhoMayUse(options);
  return {
    pseudonym,
    servers: resolveServers(options, options.upstreams),
    translateModern: options.translateModern ?? false,
    maxCommands: atLeast(1, 'maxCommands', options.maxCommands ?? 100),
    commandStartTimeoutMs: atLeast(100, 'commandStartTimeoutMs', options.commandStartTimeoutMs ?? 60_000),
    commandIdleMs: atLeast(0, 'commandIdleMs', options.commandIdleMs ?? 60_000),
    family: options.family ?? '4',
    upstreamConnectTimeoutMs: atLeast(100, 'upstreamConnectTimeoutMs', options.upstreamConnectTimeoutMs ?? 60_000),
    upstreamReadTimeoutMs: atLeast(0, 'upstreamReadTimeoutMs', options.upstreamReadTimeoutMs ?? 300_000),
    upstreamSendTimeoutMs: atLeast(100, 'upstreamSendTimeoutMs', options.upstreamSendTimeoutMs ?? 300_000),
    upstreamHoldMs: atLeast(0, 'upstreamHoldMs', options.upstreamHoldMs ?? 15_000),
    maxHeldStreams: atLeast(0, 'maxHeldStreams', options.maxHeldStreams ?? 100),
    surviveRestarts: options.surviveRestarts ?? false,
    identityHeader: options.identityHeader ?? 'X-Forwarded-User',
    forwardedHeaders: options.forwardedHeaders ?? true,
    keyFile: options.keyFile,
    htpasswdFile: options.htpasswdFile,
    allowWeakPasswords: options.allowWeakPasswords ?? false,
    jwtIssuer: options.jwtIssuer,
    jwtAudience: options.jwtAudience ?? [],
    jwtJwksUrl: options.jwtJwksUrl,
    jwtAlgorithm: options.jwtAlgorithm ?? ['RS256', 'PS256', 'ES256', 'EdDSA'],
    jwtScope: options.jwtScope ?? [],
    mtls: options.mtls ?? 'off',
    pathKeys: options.pathKeys ?? false,
    auth: options.auth,
    publicUrl:
      options.publicUrl === undefined
        ? undefined
        : parseHttpUrl(options.publicUrl, 'publicUrl', 'https://db.example.com'),
    allowedHosts: options.allowedHosts ?? [],
    allowedOrigins: options.allowedOrigins ?? [],
    allowAddresses: options.allowAddresses,
    denyAddresses: options.denyAddresses ?? [],
    trustProxies: options.trustProxies ?? [],
    limitCalls: parseRate(options.limitCalls ?? 600, 'limitCalls'),
    limitTool: new Map(
      Object.entries(options.limitTool ?? {}).map(([tool, rate]) => [tool, parseRate(rate, `limitTool of "${tool}"`)]),
    ),
    limitRequests: requestRate(options.limitRequests ?? 6000, 'limitRequests'),
    limitAddress: requestRate(options.limitAddress ?? 12_000, 'limitAddress'),
    limitLogins: parseRate(options.limitLogins ?? 20, 'limitLogins'),
    createStore: options.createStore,
    maxConcurrentCalls: atLeast(1, 'maxConcurrentCalls', options.maxConcurrentCalls ?? 256),
    maxSessions: atLeast(1, 'maxSessions', options.maxSessions ?? 1000),
    maxSessionsPerPrincipal: atLeast(1, 'maxSessionsPerPrincipal', options.maxSessionsPerPrincipal ?? 50),
    maxStreamsPerAddress: atLeast(1, 'maxStreamsPerAddress', options.maxStreamsPerAddress ?? 200),
    maxBodyBytes: atLeast(1, 'maxBodyBytes', options.maxBodyBytes ?? 4 * 1024 * 1024),
    maxMessageBytes: atLeast(1024, 'maxMessageBytes', options.maxMessageBytes ?? 64 * 1024 * 1024),
    maxJsonDepth: atLeast(4, 'maxJsonDepth', options.maxJsonDepth ?? 64),
    maxJsonElements: atLeast(16, 'maxJsonElements', options.maxJsonElements ?? 100_000),
    heartbeatMs: Math.min(15_000, atLeast(10, 'heartbeatMs', options.heartbeatMs ?? 14_000)),
    sessionIdleMs: atLeast(1000, 'sessionIdleMs', options.sessionIdleMs ?? 30 * 60_000),
    sessionLifetimeMs: atLeast(1000, 'sessionLifetimeMs', options.sessionLifetimeMs ?? 24 * 3_600_000),
    stallTimeoutMs: atLeast(100, 'stallTimeoutMs', options.stallTimeoutMs ?? 60_000),
    page: options.page ?? true,
    isTls: options.isTls,
    logger: options.logger ?? silentLogger,
  };
}

/** Fails closed: it must be said who may come in, and said once. */
function checkWhoMayUse(options: GatewayOptions): void {
  const { auth, keyFile, htpasswdFile, jwtIssuer, mtls } = options;
  const asksSomebody = [keyFile, htpasswdFile, jwtIssuer].some((value) => value !== undefined);
  const hasCredentials = asksSomebody || (mtls !== undefined && mtls !== 'off');
  if (hasCredentials === (auth === undefined)) return;
  throw new DrawbridgeError('config', 'it is not said who may use the gateway', {
    why: hasCredentials
      ? 'there are credentials, and auth is "none"'
      : 'there are no credentials, and auth is not "none"',
    hint: 'Give keyFile (--key-file) or another kind of credential, or auth: "none" (--auth none) to serve this machine alone.',
  });
}

/** A limit on every HTTP request must leave room for a handshake, whatever is meant by it. */
function requestRate(text: string | number, name: string): Rate {
  const rate = parseRate(text, name);
  if (rate.burst + 1 >= MIN_REQUESTS_AT_ONCE) return rate;
  throw new DrawbridgeError('config', `${name} leaves no room for a handshake`, {
    why: `it counts every HTTP request, and lets ${rate.burst + 1} come at once; a client that connects needs a few`,
    hint: `Give it burst=${MIN_REQUESTS_AT_ONCE} or more, and limit what tools do with limitCalls (--limit-calls).`,
  });
}

function atLeast(minimum: number, name: string, value: number): number {
  if (Number.isInteger(value) && value >= minimum) return value;
  throw new DrawbridgeError('config', `${name} must be a whole number of at least ${minimum}`, {
    why: `it is ${value}`,
  });
}
