import type { GATEWAY_COMMAND_OPTIONS } from '../config/gateway-options.ts';
import type { OptionValues } from '../config/option.ts';
import type { SERVER_OPTIONS } from '../config/server-options.ts';
import type { GatewayOptions } from '../gateway/gateway-options.ts';
import type { ListenerOptions } from '../gateway/listener/listener-options.ts';
import type { ServerOptions } from '../gateway/upstreams/server-options.ts';
import type { Logger } from '../log.ts';
import { commandOptionsOf } from './command-settings.ts';
import { parseHeaders } from './headers.ts';
import { usageError } from './report.ts';
import { parseServerUrl } from './server-url.ts';

/** Of one MCP server, at the root or named. */
export type ServerValues = OptionValues<typeof SERVER_OPTIONS>;
export type GatewayValues = OptionValues<typeof GATEWAY_COMMAND_OPTIONS>;

/** What `createGateway` takes of the command's options, but its logger; those not given are left to its defaults. */
export function gatewayOptionsOf(values: GatewayValues): Omit<GatewayOptions, 'logger'> {
  requireUpstream(values);
  const limitTool = readPairs(values['limit-tool'] ?? [], '--limit-tool');
  return dropUndefined({
    ...serverOptionsOf(values, 'the upstream', '--upstream-header'),
    upstreams: namedServersOf(values),
    maxCommands: values['max-commands'],
    commandStartTimeoutMs: inMs(values['command-start-timeout']),
    commandIdleMs: inMs(values['command-idle']),
    translateModern: values['translate-modern'],
    family: values.family,
    upstreamConnectTimeoutMs: inMs(values['upstream-connect-timeout']),
    upstreamReadTimeoutMs: inMs(values['upstream-read-timeout']),
    upstreamSendTimeoutMs: inMs(values['upstream-send-timeout']),
    upstreamHoldMs: inMs(values['upstream-hold']),
    maxHeldStreams: values['max-held-streams'],
    surviveRestarts: values['survive-restarts'],
    identityHeader: values['identity-header'],
    forwardedHeaders: values['no-forwarded-headers'] !== true,
    keyFile: values['key-file'],
    htpasswdFile: values['htpasswd-file'],
    allowWeakPasswords: values['allow-weak-passwords'],
    jwtIssuer: values['jwt-issuer'],
    jwtAudience: values['jwt-audience'],
    jwtJwksUrl: values['jwt-jwks-url'],
    jwtAlgorithm: values['jwt-algorithm'],
    jwtScope: values['jwt-scope'],
    mtls: values.mtls ?? (values['tls-client-ca'] === undefined ? undefined : 'accept'),
    pathKeys: values['path-keys'],
    auth: values.auth,
    publicUrl: values['public-url'],
    page: values['no-page'] !== true,
    allowedHosts: values['allowed-hosts'],
    allowedOrigins: values['allowed-origins'],
    allowAddresses: values['allow-addresses'],
    denyAddresses: values['deny-addresses'],
    trustProxies: values['trust-proxies'],
    limitCalls: values['limit-calls'],
    limitTool,
    limitRequests: values['limit-requests'],
    limitAddress: values['limit-address'],
    limitLogins: values['limit-logins'],
    maxConcurrentCalls: values['max-concurrent-calls'],
    maxSessions: values['max-sessions'],
    maxSessionsPerPrincipal: values['max-sessions-per-principal'],
    maxStreamsPerAddress: values['max-streams-per-address'],
    maxBodyBytes: values['max-body-bytes'],
    sessionIdleMs: inMs(values['session-idle']),
    sessionLifetimeMs: inMs(values['session-lifetime']),
  });
}

/** Throws `usage` where there is no server to stand in front of. */
export function requireUpstream({ upstream, command, upstreams }: GatewayValues): void {
  if (upstream === undefined && command === undefined && Object.keys(upstreams ?? {}).length === 0)
    throw usageError('--upstream is missing', {
      hint: 'Such as --upstream http://127.0.0.1:8000/sse, or a command behind --. Or try --demo.',
    });
}

/** The further servers, by name. */
export function namedServersOf({ upstreams = {} }: GatewayValues): Record<string, ServerOptions> {
  return Object.fromEntries(
    Object.entries(upstreams).map(([name, values]) => [
      name,
      serverOptionsOf(values, `the upstream of ${name}`, `the upstreamHeader of ${name}`),
    ]),
  );
}

function serverOptionsOf(values: ServerValues, what: string, where: string): ServerOptions {
  const command = commandOptionsOf(values, process.env);
  if (values.upstream !== undefined && command !== undefined)
    throw usageError(`${what === 'the upstream' ? '--upstream' : what} cannot be used with a command`, {
      why: 'one server is either reached or started',
      hint: 'Leave one of the two out.',
    });
  return dropUndefined({
    ...command,
    upstream: values.upstream?.map((text) => parseServerUrl(text, what)),
    upstreamHeaders: parseHeaders(values['upstream-header'] ?? [], { where }),
    upstreamTransport: values['upstream-transport'],
    upstreamHost: values['upstream-host'],
  });
}

/** How the command stops, in milliseconds; undefined for its defaults. */
export function stopTimesOf(values: GatewayValues): {
  readonly delayMs: number | undefined;
  readonly timeoutMs: number | undefined;
} {
  return { delayMs: inMs(values['drain-delay']), timeoutMs: inMs(values['drain-timeout']) };
}

/** What the server that the command starts takes of its options. */
export function listenerOptionsOf(values: GatewayValues, logger: Logger): ListenerOptions {
  return {
    ...dropUndefined({
      host: values.host,
      port: values.port,
      tlsCert: values['tls-cert'],
      tlsKey: values['tls-key'],
      tlsMinVersion: values['tls-min-version'],
      tlsClientCa: values['tls-client-ca'],
      mtls: values.mtls ?? (values['tls-client-ca'] === undefined ? undefined : 'accept'),
      http2: values['no-http2'] !== true,
      redirectPort: values['redirect-port'],
      publicUrl: values['public-url'],
      page: values['no-page'] !== true,
      maxConnections: values['max-connections'],
      maxConnectionsPerAddress: values['max-connections-per-address'],
      proxyProtocol: values['proxy-protocol'],
      trustProxies: values['trust-proxies'],
    }),
    logger,
  };
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function dropUndefined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** `tool:rate` pairs; of two for the same tool the later counts. */
function readPairs(pairs: readonly string[], where: string): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair, index) => {
      const colon = pair.indexOf(':');
      if (colon > 0) return [pair.slice(0, colon), pair.slice(colon + 1).trim()];
      throw usageError(`${where} takes a tool, a colon and a rate`, {
        why: `number ${index + 1} of them is not that`,
        hint: `Such as ${where} "execute_sql: rate=5r/m burst=10"`,
      });
    }),
  );
}
