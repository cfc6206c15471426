import { statSync } from 'node:fs';
import type { GatewayValues } from './gateway-settings.ts';
import { whyNodeIsOld } from './node-floor.ts';

export interface Surroundings {
  /** As `process.version`. */
  readonly nodeVersion: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As `process.execArgv`. */
  readonly execArgv: readonly string[];
  /** Where each value was given. */
  readonly origins: ReadonlyMap<string, string>;
}

/** Files whose readers could come in, or pass for us. */
const SECRET_FILES = ['key-file', 'htpasswd-file', 'tls-key'] as const;
/** Variables that name a file of a secret. */
const SECRET_VARIABLES = [
  'DRAWBRIDGE_UPSTREAM_HEADER_FILE',
  'DRAWBRIDGE_COMMAND_ENV_FILE',
  'DRAWBRIDGE_PRINCIPAL_ENVIRONMENT_FILE',
] as const;
const FOR_GROUP_AND_OTHERS = 0o077;

/** What makes the gateway less safe than its options say; told at the start, and stops nothing. */
export function startWarnings(values: GatewayValues, { nodeVersion, env, execArgv, origins }: Surroundings): string[] {
  const warnings: string[] = [];
  const old = whyNodeIsOld(nodeVersion);
  if (old !== undefined) warnings.push(`${old}: update it`);
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0')
    warnings.push('NODE_TLS_REJECT_UNAUTHORIZED=0: no certificate is checked, of an upstream or an issuer either');
  if ([...execArgv, env['NODE_OPTIONS'] ?? ''].some((text) => text.includes('--insecure-http-parser')))
    warnings.push('--insecure-http-parser: requests may mean one thing here and another to a proxy in front');
  if (origins.get('upstream-header') === '--upstream-header')
    warnings.push('--upstream-header is seen by everybody who lists processes: use DRAWBRIDGE_UPSTREAM_HEADER_FILE');
  if (origins.get('upstreams') === '--upstreams' && hasHeaders(values))
    warnings.push('--upstreams is seen by everybody who lists processes: keep headers in a file that --config names');
  const files = [...SECRET_FILES.map((name) => values[name]), ...SECRET_VARIABLES.map((name) => env[name])];
  for (const path of files) {
    if (path !== undefined && isReadableByOthers(path))
      warnings.push(`${path} can be read by others than its owner: chmod 600 it`);
  }
  return warnings;
}

function hasHeaders({ upstreams = {} }: GatewayValues): boolean {
  return Object.values(upstreams).some((server) => (server['upstream-header'] ?? []).length > 0);
}

/** Windows has no such bits. */
function isReadableByOthers(path: string): boolean {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  return process.platform !== 'win32' && (mode & FOR_GROUP_AND_OTHERS) !== 0;
}
