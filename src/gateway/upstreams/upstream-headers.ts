import { DrawbridgeError } from '../../errors.ts';
import { headerLines } from '../../upstream/upstream-options.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { RequestContext } from '../request-context.ts';
import { viaFor } from '../via.ts';
import type { ResolvedServer } from './server-options.ts';

type HeaderOptions = Pick<ResolvedGatewayOptions, 'identityHeader' | 'forwardedHeaders' | 'pseudonym'>;

const FORWARDED = ['X-Real-IP', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Port'] as const;

/** Throws `config` where a header is given twice, or cannot be sent: each session's upstream would refuse it. */
export function checkUpstreamHeaders({ headers }: ResolvedServer, options: HeaderOptions): void {
  const { identityHeader, forwardedHeaders } = options;
  const own = ['Via', ...(identityHeader === '' ? [] : [identityHeader]), ...(forwardedHeaders ? FORWARDED : [])];
  headerLines({ ...headers, ...Object.fromEntries(own.map((name) => [name, ''])) });
  const given = new Set(Object.keys(headers).map(spell));
  const twice = own.find((name) => given.has(spell(name)));
  if (twice === undefined) return;
  throw new DrawbridgeError('config', `the header ${twice} is written by the gateway itself`, {
    why: 'it is among the headers for the upstream as well',
    hint: 'Leave it out there, or switch it off: identityHeader (--identity-header ""), forwardedHeaders (--no-forwarded-headers).',
  });
}

/**
 * What a session's requests upstream carry, all of it written here: nothing that a client sends under these names ever
 * goes upstream. The address is that of the client that opened the session.
 */
export function upstreamHeadersFor(
  context: RequestContext,
  server: ResolvedServer,
  options: HeaderOptions,
): Record<string, string> {
  const { principal, address, scheme, req } = context;
  const headers: Record<string, string> = { ...server.headers, Via: viaFor(req, options.pseudonym) };
  if (options.identityHeader !== '' && principal !== undefined && principal.method !== 'none')
    headers[options.identityHeader] = printable(principal.id);
  if (options.forwardedHeaders) {
    if (address !== '') Object.assign(headers, { 'X-Real-IP': address, 'X-Forwarded-For': address });
    headers['X-Forwarded-Proto'] = scheme;
    if (req.socket.localPort !== undefined) headers['X-Forwarded-Port'] = String(req.socket.localPort);
  }
  return headers;
}

/** Servers of the CGI family read a dash and an underscore as the same. */
function spell(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** A name in the characters that every server reads alike; others, and the escape itself, as UTF-8 percent escapes. */
function printable(name: string): string {
  return name.replace(/[^\x21-\x24\x26-\x7e]+/gu, encodeURIComponent);
}
