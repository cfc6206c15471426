import type { Server as HttpServer } from 'node:http';
import { isIPv6, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DrawbridgeError } from '../../errors.ts';
import { parseAddressRanges } from '../address/cidr.ts';
import { securityHeaders } from '../security-headers.ts';
import { type Acceptor, bind, createAcceptor } from './acceptor.ts';
import { type CertificateFiles, watchCertificateFiles } from './certificate-files.ts';
import type { CertificateSource } from './certificate-source.ts';
import { ConnectionCaps } from './connection-caps.ts';
import { createHttp1Server, type Handler } from './http1-server.ts';
import { type BoundedHttp2Server, createHttp2Server } from './http2-server.ts';
import { LISTENER_BOUNDS, type ListenerOptions } from './listener-options.ts';
import { type DeclaredEnds, declareEnds } from './peer-address.ts';
import { createRedirectHandler } from './redirect-handler.ts';
import { createTlsServer } from './tls-server.ts';

/** A server that listens. */
export interface Listener {
  /** `http://` or `https://`, the address and the port. */
  readonly url: string;
  readonly port: number;
  /** Of the plain HTTP that redirects; undefined where there is none. */
  readonly redirectUrl: string | undefined;
  /** Reads the certificate's files now; one that cannot be used is logged, and the old stays. */
  reloadCertificates(): void;
  /**
   * Takes no connection any more, and closes those on which nothing is open. Open answers have until `answered` settles,
   * and then 3 s to leave. Idempotent.
   */
  close(answered?: Promise<unknown>): Promise<void>;
}

/**
 * Starts the gateway's own server: HTTP/1.1, and over TLS also HTTP/2, with every wait, size and count bounded. Throws a
 * DrawbridgeError with code `config` that names the option that cannot be used, and `listen_failed` where the address
 * cannot be had.
 */
export async function listen(handler: Handler, options: ListenerOptions): Promise<Listener> {
  const publicUrl = checkOptions(options);
  const isProxy = parseAddressRanges(options.trustProxies ?? [], '--trust-proxies');
  const needsProxyLine = options.proxyProtocol === true;
  const files =
    options.tlsCert !== undefined && options.tlsKey !== undefined
      ? watchCertificateFiles(options.tlsCert, options.tlsKey, options.logger)
      : undefined;
  const source = options.certificates ?? files;
  const { logger, host = '127.0.0.1' } = options;
  const caps = new ConnectionCaps(options.maxConnections ?? 10_000, options.maxConnectionsPerAddress ?? 500);
  const running = new Running(files);
  try {
    const onSocket = serve(handler, source, options, running);
    const main = running.add(createAcceptor({ caps, isProxy, needsProxyLine, logger, onSocket }));
    const port = await bind(main, host, options.port ?? 8080, '--port');
    let redirectUrl: string | undefined;
    if (options.redirectPort !== undefined && publicUrl !== undefined) {
      const plain = createHttp1Server(createRedirectHandler(publicUrl, source), securityHeaders({ isTls: false }));
      running.http1.push(plain);
      const redirect = running.add(
        createAcceptor({
          caps,
          isProxy,
          needsProxyLine,
          logger,
          onSocket: (socket) => plain.emit('connection', socket),
        }),
      );
      redirectUrl = urlOf('http', host, await bind(redirect, host, options.redirectPort, '--redirect-port'));
    }
    return {
      url: urlOf(source === undefined ? 'http' : 'https', host, port),
      port,
      redirectUrl,
      reloadCertificates: () => files?.reload(),
      close: (answered) => running.close(answered),
    };
  } catch (thrown) {
    await running.close();
    throw thrown;
  }
}

/** What becomes of an accepted socket: HTTP, or TLS and then the HTTP that was agreed on. */
function serve(
  handler: Handler,
  source: CertificateSource | undefined,
  options: ListenerOptions,
  running: Running,
): (socket: Socket, ends: DeclaredEnds | undefined) => void {
  const headers = securityHeaders({ isTls: source !== undefined });
  const http1 = createHttp1Server(handler, headers);
  running.http1.push(http1);
  if (source === undefined) {
    return (socket, ends) => {
      if (ends !== undefined) declareEnds(socket, ends);
      http1.emit('connection', socket);
    };
  }
  const http2 = createHttp2Server(handler, headers);
  running.http2.push(http2);
  /** The socket inside a TLS socket is not to be had, but its ends on the wire are those of no other. */
  const declared = new Map<string, DeclaredEnds>();
  const { server } = createTlsServer(source, options, (socket: TLSSocket) => {
    const ends = declared.get(wireOf(socket));
    if (ends !== undefined) declareEnds(socket, ends);
    else if (socket.remotePort === undefined) return void socket.destroy();
    (socket.alpnProtocol === 'h2' ? http2.server : http1).emit('connection', socket);
  });
  return (socket, ends) => {
    if (ends !== undefined) {
      const wire = wireOf(socket);
      declared.set(wire, ends);
      socket.on('close', () => declared.delete(wire));
      declareEnds(socket, ends);
    }
    server.emit('connection', socket);
  };
}

function wireOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** All that a listener holds, to be given back. */
class Running {
  readonly http1: HttpServer[] = [];
  readonly http2: BoundedHttp2Server[] = [];
  readonly #acceptors: Acceptor[] = [];
  readonly #files: CertificateFiles | undefined;
  #closed: Promise<void> | undefined;

  constructor(files: CertificateFiles | undefined) {
    this.#files = files;
  }

  add(acceptor: Acceptor): Server {
    this.#acceptors.push(acceptor);
    return acceptor.server;
  }

  close(answered: Promise<unknown> = Promise.resolve()): Promise<void> {
    this.#closed ??= this.#close(answered);
    return this.#closed;
  }

  async #close(answered: Promise<unknown>): Promise<void> {
    this.#files?.close();
    const stopped = this.#acceptors.map(({ server }) => new Promise<void>((fulfil) => server.close(() => fulfil())));
    const closeIdle = (): void => {
      for (const server of this.http1) server.closeIdleConnections();
      for (const { closeSessions } of this.http2) closeSessions();
    };
    closeIdle();
    const idle = setInterval(closeIdle, 20);
    let end: NodeJS.Timeout | undefined;
    let hasStopped = false;
    const cutLater = (): void => {
      if (hasStopped) return;
      end = setTimeout(() => {
        for (const { sockets } of this.#acceptors) for (const socket of sockets) socket.destroy();
      }, LISTENER_BOUNDS.drainMs);
    };
    answered.then(cutLater, cutLater);
    await Promise.all(stopped);
    hasStopped = true;
    clearInterval(idle);
    clearTimeout(end);
    // Ends the watch on timeouts of servers that never listened themselves.
    for (const server of this.http1) server.close();
  }
}

/** Throws `config` for options that contradict each other; the public URL, where it is needed. */
function checkOptions(options: ListenerOptions): URL | undefined {
  const { tlsCert, tlsKey, tlsClientCa, certificates, redirectPort, publicUrl, proxyProtocol, trustProxies } = options;
  const refuse = (message: string, why: string, hint: string): never => {
    throw new DrawbridgeError('config', message, { why, hint });
  };
  if (tlsCert !== undefined && tlsKey === undefined)
    refuse('--tls-key is missing', `--tls-cert ${tlsCert} is of no use without its key`, 'Give --tls-key.');
  if (tlsKey !== undefined && tlsCert === undefined)
    refuse('--tls-cert is missing', `--tls-key ${tlsKey} is of no use without its certificate`, 'Give --tls-cert.');
  const isTls = tlsCert !== undefined || certificates !== undefined;
  if (tlsCert !== undefined && certificates !== undefined)
    refuse('--tls-cert cannot be used with --acme', 'there would be two certificates', 'Leave one of the two out.');
  if (tlsClientCa !== undefined && !isTls)
    refuse('--tls-client-ca needs TLS', 'a client certificate is shown in the TLS handshake', 'Give --tls-cert.');
  if (options.mtls !== undefined && options.mtls !== 'off' && tlsClientCa === undefined)
    refuse('--tls-client-ca is missing', '--mtls needs the authorities of the certificates', 'Give --tls-client-ca.');
  if (proxyProtocol === true && (trustProxies ?? []).length === 0)
    refuse('--proxy-protocol needs --trust-proxies', 'nobody could connect', 'Give the addresses of the proxies.');
  if (redirectPort === undefined) return undefined;
  if (!isTls) refuse('--redirect-port needs TLS', 'there is nothing to redirect to', 'Give --tls-cert.');
  if (publicUrl === undefined || !URL.canParse(publicUrl) || new URL(publicUrl).protocol !== 'https:')
    return refuse('--redirect-port needs --public-url', 'redirects name it', 'Such as https://db.example.com');
  return new URL(publicUrl);
}

function urlOf(scheme: string, host: string, port: number): string {
  const address = host === 'localhost' ? '127.0.0.1' : host;
  return `${scheme}://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
