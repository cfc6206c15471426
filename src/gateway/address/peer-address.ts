import type { Socket } from 'node:net';

/** Of connections that came with a PROXY line; each entry goes with its socket. */
const told = new WeakMap<Socket, string>();

/** For a listener that has read a PROXY line from a trusted peer: whom the connection is really from. */
export function setPeerAddress(socket: Socket, address: string): void {
  told.set(socket, address);
}

/** The address at the other end of the connection, as text; undefined for a unix socket, and for one that has closed. */
export function peerAddressOf(socket: Socket): string | undefined {
  return told.get(socket) ?? socket.remoteAddress;
}
