/** Ends TLS in front of a port of 127.0.0.1, as a proxy before a server does. */
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { within } from './deadline.ts';

export interface TlsFront {
  readonly port: number;
  /** Of each connection, whom the client's certificate names; empty where it showed none. */
  readonly clientNames: string[];
  /** Of each connection, the host name that the client asked for in the handshake. */
  readonly serverNames: (string | false | null)[];
  close(): Promise<void>;
}

export async function startTlsFront(targetPort: number, options: TlsOptions): Promise<TlsFront> {
  const clientNames: string[] = [];
  const serverNames: (string | false | null)[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  const server = createServer(options, (client) => {
    clientNames.push(String(client.getPeerCertificate().subject?.CN ?? ''));
    serverNames.push(client.servername as string | false | null);
    const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    keep(client).pipe(keep(upstream)).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.on('connection', keep);
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return {
    port: (server.address() as AddressInfo).port,
    clientNames,
    serverNames,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return within(5000, 'the TLS front to close', new Promise((fulfil) => server.close(() => fulfil())));
    },
  };
}
