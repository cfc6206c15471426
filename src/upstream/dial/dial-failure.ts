import { isIP } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import type { DialRoute, DialStep, DialWay } from './dial-route.ts';
import { readTlsFailure, type TlsError } from './tls-failure.ts';

export interface DialFailure {
  readonly step: DialStep;
  readonly error: TlsError;
  readonly address: string;
}

/** An address as errors name it: with its port and family. */
export function nameAddress(address: string, port: number): string {
  const family = isIP(address);
  return `${family === 6 ? `[${address}]` : address}:${port} (IPv${family})`;
}

/** No address of the hop could be used: names each with its cause, and what to try about the one that got furthest. */
export function unreachable(route: DialRoute, failures: readonly DialFailure[]): DrawbridgeError {
  const why = failures.map(({ error, address }) => {
    const detail = readTlsFailure(error)?.detail;
    return `${error.code ?? error.message} ${nameAddress(address, route.hop.port)}${detail === undefined ? '' : `, ${detail}`}`;
  });
  const telling = failures.find(({ step }) => step !== 'connect') ?? failures[0];
  const tls = telling === undefined ? undefined : readTlsFailure(telling.error);
  const code = tls?.isClientRefused ? 'upstream_refused' : tls?.isUntrusted ? 'upstream_untrusted' : undefined;
  return new DrawbridgeError(code ?? 'upstream_unreachable', cannotReach(route, telling?.step ?? 'connect'), {
    why: why.join('; '),
    ...(telling === undefined ? {} : { hint: remedy(route, telling) }),
    cause: telling?.error,
  });
}

/** The name of the hop could not be resolved. */
export function unresolved(route: DialRoute, code: string | undefined): DrawbridgeError {
  const { host } = route.hop;
  const hint =
    route.way === 'proxy'
      ? `Is the name of the proxy right? ${PROXY_SET_BY}`
      : code === 'EAI_AGAIN'
        ? 'The name server did not answer: is this machine online?'
        : 'Is the host name right? If only the network of a company knows it: is the VPN on?';
  const why = code === undefined ? `${host} has no address` : `${code} looking up ${host}`;
  return new DrawbridgeError('upstream_unreachable', cannotReach(route, 'connect'), { why, hint });
}

const PROXY_SET_BY = 'HTTP_PROXY and HTTPS_PROXY name it; NO_PROXY names servers that are reached without it.';

/** The message of an error; every such sentence names host and port of what was to be reached, and the way there. */
export function cannotReach({ target, way, hop }: DialRoute, step: DialStep): string {
  const server = `${bracketed(target.host)}:${target.port}`;
  const stop = `${bracketed(hop.host)}:${hop.port}`;
  if (way === 'tunnel') return `cannot reach ${server} through the tunnel at ${stop}`;
  if (way === 'direct') return `cannot reach ${server}`;
  return step === 'target-tls'
    ? `cannot reach ${server} through the proxy ${stop}`
    : `cannot reach the proxy ${stop} on the way to ${server}`;
}

function remedy(route: DialRoute, { step, error, address }: DialFailure): string {
  const { way, hop } = route;
  const tls = readTlsFailure(error);
  const isCertificate = tls?.detail !== undefined || tls?.isClientRefused === true;
  if (way === 'proxy' && step === 'hop-tls' && !isCertificate) {
    return 'Does the proxy speak TLS itself? If not, its URL begins with http://.';
  }
  if (tls !== undefined) return tls.hint;
  if (step !== 'connect') return tlsCutRemedy(way, error.code, address);
  if (way === 'proxy') return `Is the proxy running? ${PROXY_SET_BY}`;
  if (way === 'tunnel') return 'The near end of the tunnel is down.';
  const isIPv6 = isIP(address) === 6;
  switch (error.code) {
    case 'ECONNREFUSED':
      return isLoopbackAddress(address)
        ? `Nothing listens on ${bracketed(address)}:${hop.port}. Is the MCP server running? If an SSH tunnel (ssh -L) should lead there, it is down; --ssh keeps one up.`
        : 'The machine is there, but nothing listens on this port. Is the MCP server running, and not on 127.0.0.1 alone?';
    case 'ETIMEDOUT':
      return 'No answer came. A firewall may drop what is sent, or the VPN is off.';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
      return isIPv6
        ? 'This machine cannot go there over IPv6; --family 4 takes IPv4.'
        : 'This machine has no way there. Is it online, and the VPN on?';
    case 'ECONNRESET':
      if (isLoopbackAddress(address)) return FAR_END_DOWN;
      return 'Something on the way cut the connection: a firewall, or a network that wants a proxy in HTTPS_PROXY.';
    case 'EACCES':
    case 'EPERM':
      return 'A firewall or sandbox of this machine forbids the connection.';
    default:
      return 'Is the MCP server running, and is this its address?';
  }
}

/** The connection stood, but TLS with it did not come about. */
function tlsCutRemedy(way: DialWay, code: string | undefined, address: string): string {
  if (code === 'ETIMEDOUT') return 'It takes connections, but not part in TLS. Is it hung, or is http:// meant?';
  if (way === 'tunnel') return FAR_END_DOWN;
  if (way === 'direct' && isLoopbackAddress(address)) return `${FAR_END_DOWN} Or is http:// meant?`;
  return 'It closed the connection within the TLS handshake. A firewall may do that; or is http:// meant?';
}

/** A tunnel takes connections whether or not anything answers at its far end. */
export const FAR_END_DOWN =
  'An SSH tunnel whose far end is down does this: is the MCP server running on the other machine, on the port that the tunnel leads to?';

export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/** A host as it stands in a URL. */
export function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
