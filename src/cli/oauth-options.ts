import type { BRIDGE_OPTIONS } from '../config/bridge-options.ts';
import type { OptionValues } from '../config/option.ts';
import { DrawbridgeError } from '../errors.ts';
import { isLoopback } from '../upstream/dial/loopback.ts';
import { readTextFile } from './read-file.ts';
import { usageError } from './report.ts';
import { expandVariables } from './variables.ts';

/** How to sign in, as the command line says it, checked. */
export interface OAuthOptions {
  readonly redirectHost: string;
  readonly callbackPath: string;
  /** Where one is given, no other is tried. */
  readonly callbackPort?: number;
  readonly signInTimeoutMs: number;
  readonly successUrl?: URL;
  /** Absent: the server's own; `none`: it is not sent. */
  readonly resource?: URL | 'none';
  readonly authorizeParams: Readonly<Record<string, string>>;
  readonly clientMetadata?: Readonly<Record<string, unknown>>;
  readonly clientInfo?: Readonly<Record<string, unknown>>;
  readonly clientMetadataUrl?: URL;
  readonly grant: 'authorization-code' | 'device-code' | 'client-credentials';
  readonly tokenEndpoint?: URL;
  readonly usesIdToken: boolean;
  /** Where mcp-remote keeps what it was given. */
  readonly storeFolder?: string;
}

type Values = OptionValues<typeof BRIDGE_OPTIONS>;
type Environment = Readonly<Record<string, string | undefined>>;

/** What the client itself says of a request, and of which a second one would make it mean something else. */
const OWN_PARAMETERS = /^(client_id|redirect_uri|response_type|state|code_challenge|code_challenge_method)$/;
const OWN_PATHS = ['/wait-for-auth', '/.mcp-remote/id'];

/** Checks the options about signing in. Throws `usage` or `config`, quoting nothing that may be secret. */
export function readOAuthOptions(values: Values, callbackPort: number | undefined, env: Environment): OAuthOptions {
  const plain = values['allow-http'] === true ? 'anywhere' : 'on this machine';
  const clientInfo = readClientInfo(values['static-oauth-client-info'], env);
  const clientMetadata = readJson(values['static-oauth-client-metadata'], '--static-oauth-client-metadata');
  const successUrl = readUrl(values['auth-success-url'], '--auth-success-url', { http: plain, isBare: true });
  const metadataUrl = readUrl(values['client-metadata-url'], '--client-metadata-url', {
    http: 'never',
    needsPath: true,
  });
  const tokenEndpoint = readUrl(values['token-endpoint'], '--token-endpoint', { http: 'on this machine' });
  const resource = readResource(values);
  const storeFolder = env['MCP_REMOTE_CONFIG_DIR'];
  const grant = readGrant(values, clientInfo);
  return {
    redirectHost: readHost(values.host ?? 'localhost'),
    callbackPath: readCallbackPath(values['callback-path'] ?? '/oauth/callback'),
    signInTimeoutMs: Math.round((values['auth-timeout'] ?? 30) * 1000),
    authorizeParams: readAuthorizeParams(values['authorize-param'] ?? []),
    grant,
    usesIdToken: values['use-id-token'] === true,
    ...(callbackPort === undefined || callbackPort === 0 ? {} : { callbackPort }),
    ...(successUrl === undefined ? {} : { successUrl }),
    ...(resource === undefined ? {} : { resource }),
    ...(clientMetadata === undefined ? {} : { clientMetadata }),
    ...(clientInfo === undefined ? {} : { clientInfo }),
    ...(metadataUrl === undefined ? {} : { clientMetadataUrl: metadataUrl }),
    ...(tokenEndpoint === undefined ? {} : { tokenEndpoint }),
    ...(storeFolder === undefined || storeFolder === '' ? {} : { storeFolder }),
  };
}

function readGrant(values: Values, clientInfo: OAuthOptions['clientInfo']): OAuthOptions['grant'] {
  const isClient = values['client-credentials'] === true;
  if (isClient && values['device-code'] === true) {
    throw usageError('--client-credentials cannot be used with --device-code', {
      why: 'one signs in as the client, the other as a person',
      hint: 'Leave one of the two out.',
    });
  }
  if (isClient && typeof clientInfo?.['client_secret'] !== 'string') {
    throw usageError('--client-credentials needs a client_secret', {
      why: '--static-oauth-client-info has none',
      hint: 'Such as DRAWBRIDGE_STATIC_OAUTH_CLIENT_INFO_FILE with {"client_id":"…","client_secret":"…"}',
    });
  }
  if (!isClient && values['token-endpoint'] !== undefined) {
    throw usageError('--token-endpoint needs --client-credentials', {
      why: 'other sign-ins ask the authorization server for its endpoints',
      hint: 'Leave it out, or add --client-credentials.',
    });
  }
  if (isClient) return 'client-credentials';
  return values['device-code'] === true ? 'device-code' : 'authorization-code';
}

function readHost(host: string): string {
  if (/^(?:[\w.-]+|\[[\da-f:.]+\])$/i.test(host)) return host;
  throw usageError(`--host ${JSON.stringify(host.slice(0, 60))} cannot be used`, {
    why: 'it is not the name or address of a host',
    hint: 'Such as --host localhost',
  });
}

function readCallbackPath(path: string): string {
  const why = !/^\/[^\s?#\\]*$/.test(path)
    ? 'it does not begin with a slash, or has a space, a query or a fragment'
    : OWN_PATHS.includes(path)
      ? 'that path has a use already'
      : undefined;
  if (why === undefined) return path;
  throw usageError(`--callback-path ${JSON.stringify(path.slice(0, 60))} cannot be used`, {
    why,
    hint: 'Such as --callback-path /oauth/callback',
  });
}

interface UrlRules {
  readonly http: 'never' | 'on this machine' | 'anywhere';
  readonly needsPath?: boolean;
  readonly isBare?: boolean;
}

/** A query may be secret, so no URL is quoted. */
function readUrl(text: string | undefined, option: string, rules: UrlRules): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const why = reasonAgainst(url, rules);
  if (why === undefined) return url;
  throw usageError(`the URL of ${option} cannot be used`, { why, hint: `Such as ${option} https://example.com/path` });
}

function reasonAgainst(url: URL | undefined, { http, needsPath, isBare }: UrlRules): string | undefined {
  if (url === undefined) return 'it is no absolute URL';
  const isPlain = url.protocol === 'http:' && (http === 'anywhere' || (http !== 'never' && isLoopback(url.hostname)));
  if (url.protocol !== 'https:' && !isPlain) return 'it does not begin with https://';
  if (url.username !== '' || url.password !== '') return 'it has a user name or password in it';
  if (needsPath && url.pathname === '/') return 'it has no path';
  if (isBare && (url.search !== '' || url.hash !== '')) return 'it has a query or a fragment';
  return undefined;
}

function readResource(values: Values): OAuthOptions['resource'] {
  const { resource } = values;
  if (resource === '' || values['disable-resource-parameter'] === true) return 'none';
  if (resource === undefined) return undefined;
  if (URL.canParse(resource) && new URL(resource).hash === '') return new URL(resource);
  throw usageError('--resource cannot be used', {
    why: 'it is no absolute URI, or has a fragment (RFC 8707)',
    hint: 'Such as --resource https://example.com/mcp, or --resource "" for none',
  });
}

function readAuthorizeParams(pairs: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    if (equals < 1) {
      throw usageError('--authorize-param takes a name, an equals sign and a value', {
        why: 'what it was given is not that',
        hint: 'Such as --authorize-param audience=https://example.com',
      });
    }
    if (OWN_PARAMETERS.test(name)) {
      throw usageError(`--authorize-param cannot set ${name}`, {
        why: 'the sign-in itself says it, and it must be said once',
        hint: 'Leave it out.',
      });
    }
    params[name] = pair.slice(equals + 1);
  }
  return params;
}

function readClientInfo(text: string | undefined, env: Environment): OAuthOptions['clientInfo'] {
  const option = '--static-oauth-client-info';
  const info = readJson(text, option, env);
  if (info === undefined || (typeof info['client_id'] === 'string' && info['client_id'] !== '')) return info;
  throw new DrawbridgeError('config', `${option} has no client_id`, {
    why: 'it is the client that the authorization server knows already',
    hint: 'Such as {"client_id":"…"}, with a "client_secret" where there is one',
  });
}

/** An object as JSON, or `@` and the path of a file of it; with `env`, `${NAME}` is taken from there first. */
export function readJson(
  text: string | undefined,
  option: string,
  env?: Environment,
): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  const raw = text.startsWith('@') ? readTextFile(text.slice(1), option).replace(/^\ufeff/, '') : text;
  const json = env === undefined ? raw : expandVariables(raw, env, option);
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // The message would quote what may be a secret.
  }
  throw new DrawbridgeError('config', `${option} is not a JSON object`, {
    why: text.startsWith('@') ? `the file ${text.slice(1)} has something else` : 'what it was given is something else',
    hint: `A shell may have taken its quotes; ${option} @file.json has none to take.`,
  });
}
