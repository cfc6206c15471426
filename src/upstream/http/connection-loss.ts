import type { Socket } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import { FAR_END_DOWN, isLoopbackAddress, nameAddress } from '../dial/dial-failure.ts';
import type { DialWay } from '../dial/dial-route.ts';
import { readTlsFailure } from '../dial/tls-failure.ts';

/** What connections of one client have in common, for errors that speak of them. */
export interface Origin {
  /** Scheme, host and port, and the proxy on the way. */
  readonly where: string;
  readonly isTls: boolean;
  readonly way: DialWay;
}

/** The other end of a connection; known only while it stands, so it is kept for when it no longer does. */
export interface Peer {
  /** Address, port and family. */
  readonly text: string;
  readonly isLoopback: boolean;
}

/** How far a connection had come: nothing was ever received on it, nothing of this response, or a part of it. */
export type Progress = 'silent' | 'waiting' | 'midway';

export function peerOf(socket: Socket): Peer {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return remoteAddress === ''
    ? { text: 'an address that is gone', isLoopback: false }
    : { text: nameAddress(remoteAddress, remotePort), isLoopback: isLoopbackAddress(remoteAddress) };
}

/** Codes by which the system says that the network, and not the other side, ended the connection. */
const NETWORK_LOST = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'ENETRESET']);

/** The connection ended, by an error or in good order, before the response that was under way was complete. */
export function lossOf(
  origin: Origin,
  peer: Peer,
  progress: Progress,
  error: NodeJS.ErrnoException | undefined,
): DrawbridgeError {
  const { where } = origin;
  const code = error?.code;
  const why = `${code ?? error?.message ?? 'closed by'} ${peer.text}`;
  const tls = error === undefined ? undefined : readTlsFailure(error);
  if (tls?.isClientRefused) {
    // TLS 1.3 tells a client that it is refused only when that has sent its first request already, which nobody read.
    return new DrawbridgeError('upstream_refused', `${where} wants another client certificate, or one at all`, {
      why,
      hint: tls.hint,
      cause: error,
    });
  }
  const when = progress === 'midway' ? 'in the middle of its response' : 'without a response';
  const isNetwork = code !== undefined && NETWORK_LOST.has(code);
  const message = isNetwork ? `the connection to ${where} was cut ${when}` : `${where} closed the connection ${when}`;
  const hint = tls?.hint ?? (isNetwork ? NETWORK_HINT : closedHint(origin, peer, progress));
  return new DrawbridgeError('upstream_lost', message, {
    why,
    ...(hint === undefined ? {} : { hint }),
    mayHaveRun: true,
    cause: error,
  });
}

const NETWORK_HINT = 'The network between was interrupted: by sleep, a VPN, or a NAT that forgot the connection.';

/** What a close says on a connection that never brought a byte; undefined where the table of errors says it as well. */
function closedHint({ isTls, way }: Origin, peer: Peer, progress: Progress): string | undefined {
  if (progress !== 'silent') return undefined;
  if (way === 'tunnel') return FAR_END_DOWN;
  if (way === 'proxy') return 'The proxy or the server closed it. Does the proxy let this server through?';
  if (isTls) return 'Does the server want a client certificate (--client-cert, --client-key)? Its log may say.';
  return peer.isLoopback
    ? FAR_END_DOWN
    : 'Is it https:// that is spoken there? The log of the MCP server may say more.';
}
