import type { Socket } from 'node:net';

/** The two ends of a connection as a trusted proxy declared them: the client, and where the client connected to. */
export interface DeclaredEnds {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/**
 * The address of the client at the other end of a connection, in canonical form: where a PROXY line declared one, that
 * one, and otherwise the peer's. Empty for a peer that has gone.
 */
export function peerAddressOf(socket: Pick<Socket, 'remoteAddress'>): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Makes all that looks at the socket see the declared ends; what is local then is where the client connected to. */
export function declareEnds(socket: Socket, ends: DeclaredEnds): void {
  const remoteFamily = ends.remoteAddress.includes(':') ? 'IPv6' : 'IPv4';
  for (const [name, value] of Object.entries({ ...ends, remoteFamily }))
    Object.defineProperty(socket, name, { value, configurable: true });
}
