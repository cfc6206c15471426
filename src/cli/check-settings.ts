import { HOPS, type Hop } from '../check/finding.ts';
import { isPostgresUrl, parsePostgresUrl, showPostgresUrl } from '../check/postgres-url.ts';
import { nearestName } from '../config/nearest-name.ts';
import type { OptionValues } from '../config/option.ts';
import { type ParsedOptions, parseOptions } from '../config/parse-options.ts';
import { secretsOf } from '../log.ts';
import type { Family } from '../upstream/dial/dial-route.ts';
import type { ProxyOptions } from '../upstream/dial/proxy-route.ts';
import type { TlsOptions } from '../upstream/dial/tls-trust.ts';
import { CHECK_OPTIONS } from './check-options.ts';
import { readGivenHeaders } from './headers.ts';
import { proxyFromEnvironment, proxySecrets } from './proxy-environment.ts';
import { usageError } from './report.ts';
import { parseServerUrl, showUrl } from './server-url.ts';
import { readSshOptions } from './ssh-options.ts';
import { readTlsFiles } from './tls-files.ts';
import { expandVariables } from './variables.ts';

type Values = OptionValues<typeof CHECK_OPTIONS>;
type Environment = Readonly<Record<string, string | undefined>>;

/** What is to be walked. */
export type CheckTarget =
  | { readonly kind: 'server'; readonly url: URL; readonly shown: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly shown: string }
  | { readonly kind: 'machine'; readonly shown: undefined };

/** What the command line asks for, checked. */
export interface CheckSettings {
  readonly target: CheckTarget;
  readonly headers: Readonly<Record<string, string>>;
  readonly family: Family;
  readonly transport: 'auto' | 'sse' | 'http';
  readonly tls: TlsOptions | undefined;
  readonly proxy: ProxyOptions | undefined;
  readonly ssh: ReturnType<typeof readSshOptions>;
  readonly origin: string | undefined;
  readonly until: Hop | undefined;
  readonly timeoutMs: number;
  readonly heartbeatMs: number;
  readonly isJson: boolean;
  readonly mayColor: boolean;
  /** What must not be shown. */
  readonly secrets: readonly string[];
}

/** Reads the command line and the environment. Throws `usage` or `config`. */
export function readCheckSettings(
  args: readonly string[],
  env: Environment,
  readFile: (path: string) => string,
): CheckSettings | 'help' {
  const parsed = parseOptions(CHECK_OPTIONS, { args, env, readFile });
  const { values, origins } = parsed;
  if (values.help === true) return 'help';
  const headers = readGivenHeaders(values, origins, env);
  const target = readTarget(parsed, env);
  const ssh = readSshOptions(values.ssh, values['ssh-key']);
  if (ssh !== undefined && target.kind === 'postgres') {
    throw usageError('--ssh cannot be used with the URL of a database', {
      why: 'its tunnel is for MCP servers',
      hint: 'Open one with ssh -N -L 5432:127.0.0.1:5432 user@host, and check postgresql://user@127.0.0.1:5432/database',
    });
  }
  const proxy = proxyFromEnvironment(env);
  return {
    target,
    headers,
    family: values.family ?? '4',
    transport: transportOf(values.transport),
    tls: readTlsFiles({ ca: values.ca ?? [], cert: values['client-cert'], key: values['client-key'] }, env),
    proxy,
    ssh,
    origin: values.origin === undefined ? undefined : readOrigin(values.origin),
    until: values.until === undefined ? undefined : readHop(values.until),
    timeoutMs: Math.round((values.timeout ?? 10) * 1000),
    heartbeatMs: Math.round((values.heartbeat ?? 20) * 1000),
    isJson: values.json === true,
    mayColor: values['no-color'] !== true && (env['NO_COLOR'] ?? '') === '',
    secrets: [...secretsOf(headers, target.kind === 'server' ? target.url : undefined), ...proxySecrets(proxy)],
  };
}

function readTarget({ values, positionals }: ParsedOptions<typeof CHECK_OPTIONS>, env: Environment): CheckTarget {
  const [first = values.url, unexpected] = positionals;
  if (unexpected !== undefined) {
    throw usageError('unexpected argument', {
      why: 'one URL is checked at a time',
      hint: 'A shell splits at spaces: quote what belongs together.',
    });
  }
  if (first === undefined) return { kind: 'machine', shown: undefined };
  const text = expandVariables(first, env, 'the URL');
  if (isPostgresUrl(text)) return { kind: 'postgres', url: text, shown: showPostgresUrl(parsePostgresUrl(text)) };
  return { kind: 'server', url: parseServerUrl(text, 'the URL'), shown: showUrl(text) };
}

function transportOf(transport: Values['transport'] = 'auto'): CheckSettings['transport'] {
  if (transport.startsWith('sse')) return 'sse';
  return transport.startsWith('http') ? 'http' : 'auto';
}

function readOrigin(text: string): string {
  const isOrigin = URL.canParse(text) && /^https?:\/\/[^/?#]+\/?$/i.test(text);
  if (isOrigin) return new URL(text).origin;
  throw usageError(`--origin ${JSON.stringify(showUrl(text))} is no origin`, {
    why: 'an origin is a scheme, a host and perhaps a port',
    hint: 'Such as https://app.example.com',
  });
}

function readHop(text: string): Hop {
  const hop = HOPS.find((each) => each === text);
  if (hop !== undefined) return hop;
  const nearest = nearestName(text, HOPS);
  throw usageError(`--until ${JSON.stringify(text.slice(0, 60))} is no hop`, {
    why: `the hops are ${HOPS.join(', ')}`,
    ...(nearest === undefined ? {} : { hint: `Did you mean '${nearest}'?` }),
  });
}
