/** A server that accepts connections and never answers. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { within } from './deadline.ts';

export interface BlackHole {
  readonly url: (path: string) => string;
  /** Settles when somebody has connected and said something. */
  asked(): Promise<void>;
  /** Ends every connection at once and listens no more. */
  close(): Promise<void>;
}

export async function startBlackHole(): Promise<BlackHole> {
  const sockets = new Set<Socket>();
  let hear: () => void;
  const heard = new Promise<void>((fulfil) => {
    hear = fulfil;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', () => hear());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    asked: () => within(10_000, 'somebody asks the black hole', heard),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((fulfil) => server.close(fulfil));
    },
  };
}
