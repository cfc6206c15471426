/** Bytes on a socket as they are: what any HTTP client would correct stays wrong. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { answerExpectations } from '../../src/gateway/listener/expectations.ts';
import { until, within } from './deadline.ts';

export interface RawSocket {
  readonly socket: Socket;
  /** All that was received. */
  text(): string;
  /** Settles when the other side has closed it. */
  readonly closed: Promise<void>;
  /** Waits until this text was received. */
  arrival(of: string): Promise<void>;
}

export function openSocket(port: number, bytes: string | Buffer): RawSocket {
  let text = '';
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(bytes);
  });
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  // A socket that is closed while we still send tells so by an error; what it said before counts.
  socket.on('error', () => {});
  const closed = new Promise<void>((fulfil) => socket.on('close', () => fulfil()));
  return {
    socket,
    text: () => text,
    closed,
    arrival: (of) => until(`on the socket: ${JSON.stringify(of)}, after ${text}`, () => text.includes(of)),
  };
}

/** Sends the bytes and gives all that was answered, once the other side has closed the connection. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const raw = openSocket(port, bytes);
  try {
    await within(5000, 'the connection is closed', raw.closed);
  } finally {
    raw.socket.destroy();
  }
  return raw.text();
}

/** A head of lines, and the empty line after it. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);

export interface ListeningServer {
  readonly server: Server;
  readonly port: number;
  close(): Promise<void>;
}

/** A server set up as the command line sets up its own. */
export async function listenAsCli(handler: RequestListener): Promise<ListeningServer> {
  const server = createServer({ maxHeaderSize: 16 * 1024, connectionsCheckingInterval: 1000 }, handler);
  server.maxHeadersCount = 0;
  answerExpectations(server, handler);
  return listen(server);
}

/** A server as somebody writes it who embeds the gateway. */
export function listenPlainly(handler: RequestListener): Promise<ListeningServer> {
  return listen(createServer(handler));
}

async function listen(server: Server): Promise<ListeningServer> {
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        server.closeAllConnections();
      }),
  };
}
