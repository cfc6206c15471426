import { createServer, type Server, type Socket } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { AddressMatcher } from '../address/cidr.ts';
import type { ConnectionCaps } from './connection-caps.ts';
import { LISTENER_BOUNDS } from './listener-options.ts';
import { type DeclaredEnds, peerAddressOf } from './peer-address.ts';
import { takeProxyHeader } from './proxy-protocol.ts';

export interface AcceptorOptions {
  readonly caps: ConnectionCaps;
  /** Says of the address of a peer whether it is a trusted proxy. */
  readonly isProxy: AddressMatcher;
  /** Whether they, and nobody else, connect, and begin with a PROXY line. */
  readonly needsProxyLine: boolean;
  readonly logger: Logger;
  /** Gets each connection that may go on; `ends` are those that its proxy declared. */
  readonly onSocket: (socket: Socket, ends: DeclaredEnds | undefined) => void;
}

/** What is accepted before anything is read: connections are counted, and refused by being closed. */
export interface Acceptor {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
}

export function createAcceptor({ caps, isProxy, needsProxyLine, logger, onSocket }: AcceptorOptions): Acceptor {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
    const refuse = (why: string): void => {
      logger.debug({ address: peerAddressOf(socket) }, `connection refused: ${why}`);
      socket.destroy();
    };
    // Whoever takes the socket over listens too; until then an error must not be nobody's.
    socket.on('error', () => socket.destroy());
    const leave = caps.enter();
    if (leave === undefined) return refuse('too many connections');
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      leave();
    });
    const enterFrom = (address: string): boolean => {
      const leaveAddress = caps.enterFrom(address);
      if (leaveAddress !== undefined) socket.on('close', leaveAddress);
      return leaveAddress !== undefined;
    };
    const peer = peerAddressOf(socket);
    // A socket without a peer was closed before it was seen.
    if (peer === '') return refuse('its client has gone');
    if (!needsProxyLine) {
      // Whose address a proxy's connection is used for, only its requests say; event streams are counted by that.
      if (isProxy(peer) || enterFrom(peer)) onSocket(socket, undefined);
      else refuse('too many connections of its address');
      return;
    }
    if (!isProxy(peer)) return refuse('it is none of the trusted proxies');
    takeProxyHeader(socket, LISTENER_BOUNDS.proxyLineMs, (header) => {
      if (header === undefined) return refuse('it does not begin with a PROXY line');
      const { ends } = header;
      // One proxy brings many clients: they are counted, and not it.
      if (ends !== undefined && !enterFrom(ends.remoteAddress)) return refuse('too many connections of its address');
      onSocket(socket, ends);
    });
  });
  // Such as EMFILE: the connection is lost, the listener is not.
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (server.listening) logger.warn(`cannot accept a connection: ${error.code ?? error.message}`);
  });
  return { server, sockets };
}

/** Listens, and settles with the port. Throws `listen_failed`, naming the option that gave the port. */
export function bind(server: Server, host: string, port: number, option: string): Promise<number> {
  // A name would be left to a resolver, which may well say ::1.
  const address = host === 'localhost' ? '127.0.0.1' : host;
  return new Promise((fulfil, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const what =
        error.code === 'EADDRINUSE' ? `port ${port} of ${host} is in use` : `cannot listen on ${host}:${port}`;
      reject(
        new DrawbridgeError('listen_failed', what, {
          why: `${error.code} ${address}:${port}`,
          hint: option === '--port' ? 'Choose another --port or --host.' : `Choose another ${option}.`,
        }),
      );
    };
    server.once('error', fail);
    server.listen({ host: address, port, backlog: 4096 }, () => {
      server.off('error', fail);
      const bound = server.address();
      fulfil(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}
