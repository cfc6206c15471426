/** An HTTP proxy on 127.0.0.1 that keeps what it was asked, and takes every host for 127.0.0.1, so that no name is resolved. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Identity } from './certificates.ts';
import { within } from './deadline.ts';

export interface TestProxy {
  readonly port: number;
  /** `http://127.0.0.1:port`, or https. */
  readonly url: string;
  /** The head of the first request of each connection. */
  readonly heads: string[];
  /** Of each TLS connection, whom the client's certificate names; empty where it showed none. */
  readonly clientNames: string[];
  /** Connections that are open. */
  readonly openCount: () => number;
  close(): Promise<void>;
}

export interface TestProxyOptions {
  /** Speaks TLS itself. */
  readonly identity?: Identity;
  /** What it answers, byte for byte, in place of opening the way; undefined for opening it. */
  readonly answer?: (head: string) => string | undefined;
  /** What it answers where it opens the way. */
  readonly established?: string;
  /** Ends the connection after its answer. */
  readonly isClosing?: boolean;
}

export async function startHttpProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  const serve = (client: Socket): void => {
    keep(client);
    let held = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      const end = held.indexOf('\r\n\r\n');
      if (end === -1) return;
      client.removeListener('data', read);
      client.pause();
      const head = held.toString('latin1', 0, end);
      heads.push(head);
      const answer = options.answer?.(head);
      if (answer === undefined) passOn(client, head, held.subarray(end + 4));
      else if (options.isClosing) client.end(answer, 'latin1');
      else client.write(answer, 'latin1');
    };
    client.on('data', read);
  };
  const passOn = (client: Socket, head: string, rest: Buffer): void => {
    const [line = '', ...lines] = head.split('\r\n');
    const [method = '', to = ''] = line.split(' ');
    const isConnect = method === 'CONNECT';
    const url = new URL(isConnect ? `http://${to}` : to);
    const upstream = keep(connect(Number(url.port), '127.0.0.1'));
    upstream.once('connect', () => {
      if (isConnect) client.write(options.established ?? 'HTTP/1.1 200 Connection established\r\n\r\n');
      else upstream.write(`${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      if (rest.length > 0) upstream.write(rest);
      client.pipe(upstream).pipe(client);
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
    });
  };
  const { identity } = options;
  const clientNames: string[] = [];
  const server =
    identity === undefined
      ? createServer(serve)
      : createTlsServer(
          { cert: identity.cert, key: identity.key, requestCert: true, rejectUnauthorized: false },
          (socket) => {
            clientNames.push(String(socket.getPeerCertificate().subject?.CN ?? ''));
            serve(socket);
          },
        );
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${identity === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    heads,
    clientNames,
    openCount: () => sockets.size,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return within(5000, 'the proxy to close', new Promise((fulfil) => server.close(() => fulfil())));
    },
  };
}
