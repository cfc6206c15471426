import type { IncomingMessage } from 'node:http';
import { DrawbridgeError } from '../../errors.ts';
import { canonicalAddress } from '../address/canonical-address.ts';
import { type AddressMatcher, parseAddressRanges } from '../address/cidr.ts';
import { type ForwardedHop, hopsOfForwarded, hopsOfForwardedFor } from '../address/forwarded.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Policy, Refusal } from '../refusal.ts';
import { securityHeaders } from '../security-headers.ts';

type AddressOptions = Pick<ResolvedGatewayOptions, 'trustProxies' | 'isTls'>;
type Scheme = 'http' | 'https';

/** The client that the headers of trusted proxies lead to. */
interface Client {
  readonly address: string;
  readonly scheme: Scheme | undefined;
}

const CONFLICT: Refusal = {
  error: new DrawbridgeError('bad_request', 'X-Forwarded-For and Forwarded name different clients', {
    hint: 'Have the proxy in front remove the one that it does not write itself.',
  }),
};

/**
 * Finds out who sent the request: the peer, or, where that is a trusted proxy, whom X-Forwarded-For or Forwarded
 * (RFC 7239) leads to. They are read from the nearest hop on, and only as far as every hop so far is trusted. Where both
 * are there they must lead to the same client, since a proxy that writes one passes on the other as the client sent it.
 * What anybody else sends under these names is ignored. Throws `config`.
 */
export function findClientAddress({ trustProxies, isTls }: AddressOptions): Policy {
  const isTrusted = parseAddressRanges(trustProxies, 'trustProxies');
  const headers = {
    http: securityHeaders({ isTls: isTls ?? false }),
    https: securityHeaders({ isTls: isTls ?? true }),
  };
  return (context) => {
    const { req } = context;
    const peer = canonicalAddress(req.socket.remoteAddress ?? '') ?? '';
    context.address = peer;
    if (trustProxies.length === 0 || !isTrusted(peer)) return undefined;
    const client = readHeaders(req, peer, isTrusted);
    if (client === undefined) return CONFLICT;
    context.address = client.address;
    if (client.scheme !== undefined && client.scheme !== context.scheme) {
      context.scheme = client.scheme;
      context.headers = headers[client.scheme];
    }
    return undefined;
  };
}

/** Undefined where the two headers disagree. */
function readHeaders(req: IncomingMessage, peer: string, isTrusted: AddressMatcher): Client | undefined {
  const [list, standard, protos] = ['x-forwarded-for', 'forwarded', 'x-forwarded-proto'].map((name) =>
    textOf(req.headers[name]),
  );
  const byList = list === undefined ? undefined : walk(hopsOfForwardedFor(list), peer, isTrusted);
  const byStandard = standard === undefined ? undefined : walk(hopsOfForwarded(standard), peer, isTrusted);
  if (byList !== undefined && byStandard !== undefined && byList.address !== byStandard.address) return undefined;
  // Whoever writes headers of the one kind passes on the other kind unread.
  if (byStandard !== undefined && byList === undefined && protos === undefined) return byStandard;
  return { address: byList?.address ?? byStandard?.address ?? peer, scheme: schemeOf(protos) };
}

/** The last address that somebody trusted has told. */
function walk(hops: readonly ForwardedHop[], peer: string, isTrusted: AddressMatcher): Client {
  let client: Client = { address: peer, scheme: undefined };
  for (const { address, proto } of hops) {
    if (address === undefined) break;
    client = { address, scheme: schemeOf(proto) };
    if (!isTrusted(address)) break;
  }
  return client;
}

/** https where every hop says so: what a client puts before the rest can only take away from it. */
function schemeOf(protos: string | undefined): Scheme | undefined {
  if (protos === undefined) return undefined;
  return protos.split(',').every((proto) => proto.trim().toLowerCase() === 'https') ? 'https' : 'http';
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
