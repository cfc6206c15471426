import { connect, isIP, type Socket, type TcpSocketConnectOpts } from 'node:net';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import type { DialRoute, DialStep, TakeBytes } from './dial-route.ts';
import { openWayThrough } from './proxy-connect.ts';
import type { TlsTrust } from './tls-trust.ts';

/**
 * One buffer that every connection reads into: a buffer each for every read is what costs most in receiving small
 * messages. What is read is copied out at once.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * After this much silence the system asks the other side for a sign of life, each second, and after ten of them without
 * an answer, some 25 s in all, it gives the connection up. So a link that sleep, a VPN or a NAT has cut is found out.
 */
const KEEP_ALIVE_MS = 15_000;

/** One address being dialled, up to the connection over which HTTP is spoken with the target, or with its proxy. */
export class DialAttempt {
  readonly address: string;
  readonly #route: DialRoute;
  readonly #timeoutMs: number;
  readonly #trust: TlsTrust;
  readonly #take: TakeBytes;
  /** What is under way, or has failed. */
  step: DialStep = 'connect';

  constructor(route: DialRoute, address: string, timeoutMs: number, trust: TlsTrust, take: TakeBytes) {
    this.#route = route;
    this.address = address;
    this.#timeoutMs = timeoutMs;
    this.#trust = trust;
    this.#take = take;
  }

  /** Rejects with what the system or OpenSSL says; with a DrawbridgeError for what a proxy or our own files say. */
  async run(signal: AbortSignal): Promise<Socket> {
    const { target, hop, proxy, way } = this.#route;
    const isThrough = proxy !== undefined && target.isTls;
    // TLS costs a bare bridge several milliseconds of start-up, so it is loaded where it is used. All of it at once: a
    // socket that is waiting for a file to load could fail without anybody listening.
    const hopTls = hop.isTls ? await this.#loadTls(way === 'proxy' ? 'proxy' : 'server') : undefined;
    const targetTls = isThrough ? await this.#loadTls('server') : undefined;
    const attempt = new AbortController();
    const abort = (): void => attempt.abort(new Error('given up'));
    const timeoutError = Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' });
    const deadline = setTimeout(() => attempt.abort(timeoutError), this.#timeoutMs);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    try {
      const socket = await this.#openHop(hopTls, !isThrough, attempt.signal);
      if (targetTls === undefined || proxy === undefined) return socket;
      // What fails below is told by what is above it.
      socket.on('error', () => {});
      await openWayThrough(socket, this.#route, proxy, this.address, attempt.signal);
      this.step = 'target-tls';
      const secure = targetTls.connect(target.host, { socket });
      secure.on('data', this.#take);
      await opened(secure, 'secureConnect', attempt.signal);
      return secure;
    } finally {
      clearTimeout(deadline);
      signal.removeEventListener('abort', abort);
    }
  }

  async #openHop(tls: LoadedTls | undefined, mayRead: boolean, signal: AbortSignal): Promise<Socket> {
    const { target, hop, way } = this.#route;
    const tcp: TcpSocketConnectOpts = { host: this.address, port: hop.port, noDelay: true };
    const options = mayRead ? { ...tcp, onread: this.#onRead() } : tcp;
    this.step = 'connect';
    const socket =
      tls === undefined ? connect(options) : tls.connect(way === 'proxy' ? hop.host : target.host, options);
    if (tls !== undefined) {
      socket.once('connect', () => {
        this.step = 'hop-tls';
      });
    }
    await opened(socket, tls === undefined ? 'connect' : 'secureConnect', signal);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return socket;
  }

  #onRead(): NonNullable<TcpSocketConnectOpts['onread']> {
    return {
      buffer: READ_BUFFER,
      callback: (bytes: number) => {
        const chunk = Buffer.allocUnsafe(bytes);
        READ_BUFFER.copy(chunk, 0, 0, bytes);
        this.#take(chunk);
        return true;
      },
    };
  }

  async #loadTls(role: 'server' | 'proxy'): Promise<LoadedTls> {
    const [tls, secureContext] = await Promise.all([import('node:tls'), this.#trust.context(role)]);
    return {
      connect: (name, options) =>
        tls.connect({
          ...options,
          secureContext,
          ALPNProtocols: ['http/1.1'],
          ...(isIP(name) === 0 ? { servername: name } : {}),
          checkServerIdentity: (_host: string, certificate) => tls.checkServerIdentity(name, certificate),
          // `onread` is taken, though the types leave it out.
        } as ConnectionOptions & { secureContext: SecureContext }),
    };
  }
}

interface LoadedTls {
  /** Begins TLS with the party of this name, over the connection given or to the address given. */
  connect(name: string, options: TcpSocketConnectOpts | { readonly socket: Socket }): Socket;
}

/** Settles with the event; rejects, and destroys the socket, when it fails or the signal aborts before that. */
function opened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((fulfil, reject) => {
    const finish = (error?: Error): void => {
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', finish);
      if (error === undefined) {
        fulfil();
        return;
      }
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const abort = (): void => finish(signal.reason as Error);
    socket.once('error', finish);
    socket.once(event, () => finish());
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
}
