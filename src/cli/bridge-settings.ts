import { readFileSync } from 'node:fs';
import type { BridgeOptions } from '../bridge/bridge-options.ts';
import { BRIDGE_OPTIONS } from '../config/bridge-options.ts';
import { nearestName } from '../config/nearest-name.ts';
import { OAUTH_OPTIONS } from '../config/oauth-options.ts';
import type { OptionValues } from '../config/option.ts';
import { type ParsedOptions, parseOptions } from '../config/parse-options.ts';
import { type LogLevel, secretsOf } from '../log.ts';
import { readGivenHeaders } from './headers.ts';
import { type OAuthOptions, readOAuthOptions } from './oauth-options.ts';
import { proxyFromEnvironment, proxySecrets } from './proxy-environment.ts';
import { expandHome } from './read-file.ts';
import { usageError } from './report.ts';
import { parseServerUrl, refusePlainHttp, showUrl } from './server-url.ts';
import { readSshOptions } from './ssh-options.ts';
import { readTlsFiles } from './tls-files.ts';
import { expandVariables } from './variables.ts';

/** What the command line asks for, checked. */
export interface BridgeSettings {
  /** All of the bridge's options but its streams and its logger. */
  readonly options: Omit<BridgeOptions, 'input' | 'output' | 'logger'> & { readonly url: URL };
  readonly oauth: OAuthOptions;
  readonly logLevel: LogLevel;
  /** What must not be shown. */
  readonly secrets: readonly string[];
  /** For the log, once there is one. */
  readonly warnings: readonly string[];
}

/** What is asked for in place of a bridge. */
export type Question = 'help' | 'version';

type Table = typeof BRIDGE_OPTIONS;
type Values = OptionValues<Table>;
type Environment = Readonly<Record<string, string | undefined>>;

const COMMANDS = ['bridge', 'gateway', 'check', 'clients', 'keys'];
/** Written with every request anyway; mcp-remote, too, takes them and sends its own. */
const WRITTEN_ANYWAY = /^(accept|accept-encoding|connection|content-type)$/i;

/** Reads the command line, the environment and the configuration file. Throws `usage` or `config`. */
export function readBridgeSettings(args: readonly string[], env: Environment): BridgeSettings | Question {
  const readFile = (path: string): string => readFileSync(expandHome(path), 'utf8');
  const parsed = parseOptions(BRIDGE_OPTIONS, { args, env, readFile });
  const { values } = parsed;
  if (values.help === true) return 'help';
  if (values.version === true) return 'version';
  if (args.length === 0 && values.url === undefined && values.config === undefined) return 'help';
  return settingsOf(parsed, env);
}

function settingsOf(parsed: ParsedOptions<Table>, env: Environment): BridgeSettings {
  const { values, origins } = parsed;
  // First, since a header that a shell has split is what else would be taken for the URL, and shown.
  const given = readGivenHeaders(values, origins, env);
  const headers = Object.fromEntries(Object.entries(given).filter(([name]) => !WRITTEN_ANYWAY.test(name)));
  const { url, callbackPort } = readArguments(parsed, env);
  const ssh = readSshOptions(values.ssh, values['ssh-key']);
  refusePlainHttp(url, values['allow-http'] === true || ssh !== undefined);
  const tlsFiles = { ca: values.ca ?? [], cert: values['client-cert'], key: values['client-key'] };
  const tls = readTlsFiles(tlsFiles, env);
  const proxy = proxyFromEnvironment(env);
  const oauth = readOAuthOptions(values, callbackPort, env);
  const logLevel = values['log-level'] ?? 'info';
  const clientSecret = oauth.clientInfo?.['client_secret'];
  return {
    options: {
      url,
      headers,
      transport: transportOf(values.transport),
      family: values.family ?? '4',
      cookies: values['disable-cookies'] !== true,
      trace: logLevel === 'debug',
      ...durationsOf(values),
      ...(proxy === undefined ? {} : { proxy }),
      ...(tls === undefined ? {} : { tls }),
      ...(ssh === undefined ? {} : { ssh }),
      ...(values['ignore-tool'] === undefined ? {} : { ignoreTools: values['ignore-tool'] }),
      ...(values['allow-tool'] === undefined ? {} : { allowTools: values['allow-tool'] }),
    },
    oauth,
    logLevel,
    secrets: [
      ...secretsOf(headers, url),
      ...proxySecrets(proxy),
      ...(typeof clientSecret === 'string' ? [clientSecret] : []),
    ],
    warnings: warningsOf(parsed, given),
  };
}

function readArguments(
  { values, positionals }: ParsedOptions<Table>,
  env: Environment,
): { url: URL; callbackPort: number | undefined } {
  const [first = values.url, port, unexpected] = positionals;
  if (first === undefined)
    throw usageError('the URL of the MCP server is missing', {
      hint: 'Such as mcp-drawbridge http://127.0.0.1:8000/sse',
    });
  if (/^[a-z][a-z-]*$/i.test(first)) {
    const command = nearestName(first, COMMANDS);
    throw usageError(`unknown command '${first.slice(0, 60)}'`, {
      why: 'it is the name of no command, and no URL',
      ...(command === undefined ? {} : { hint: `Did you mean 'mcp-drawbridge ${command}'?` }),
    });
  }
  const isPort = port === undefined || (/^\d{1,5}$/.test(port) && Number(port) <= 65_535);
  const excess = isPort ? unexpected : port;
  if (excess !== undefined) {
    // Anything else may be what a shell has split off a header.
    const shown = /^https?:\/\//i.test(excess) ? ` '${showUrl(excess)}'` : '';
    throw usageError(`unexpected argument${shown}`, {
      why: 'after the URL there may be a callback port from 0 to 65535, and nothing more',
      hint: 'A shell splits at spaces, as some clients on Windows do: quote what belongs together, or give it in the environment.',
    });
  }
  const url = parseServerUrl(expandVariables(first, env, 'the URL'), 'the URL');
  return { url, callbackPort: port === undefined ? values['callback-port'] : Number(port) };
}

function transportOf(transport: Values['transport'] = 'auto'): NonNullable<BridgeOptions['transport']> {
  if (transport === 'sse-only') return 'sse';
  return transport === 'http-only' ? 'http' : transport;
}

function durationsOf(values: Values): Partial<Omit<BridgeOptions, 'url'>> {
  const inMs = (seconds = 0): number => Math.round(seconds * 1000);
  return {
    connectTimeoutMs: inMs(values['connect-timeout']),
    headersTimeoutMs: inMs(values['headers-timeout']),
    bodyTimeoutMs: inMs(values['body-timeout']),
    initializeTimeoutMs: inMs(values['initialize-timeout']),
    holdMs: inMs(values.hold),
    pingIntervalMs: inMs(values['ping-interval']),
    pongTimeoutMs: inMs(values['pong-timeout']),
    requestTimeoutMs: inMs(values['request-timeout']),
    progressHeartbeatMs: inMs(values['progress-heartbeat']),
  };
}

function warningsOf({ values, origins }: ParsedOptions<Table>, headers: Readonly<Record<string, string>>): string[] {
  const warnings = Object.keys(headers)
    .filter((name) => WRITTEN_ANYWAY.test(name))
    .map((name) => `the header ${name} is written by the bridge itself; the one given is left out`);
  const signIn = OAUTH_OPTIONS.filter(({ name }) => origins.has(name)).map(({ name }) => `--${name}`);
  if (signIn.length > 0) warnings.push(`signing in with OAuth is not there yet: ${signIn.join(', ')} has no effect`);
  if (values.protocol === 'auto') warnings.push('--protocol auto: the revision 2026-07-28 is not spoken yet');
  return warnings;
}
