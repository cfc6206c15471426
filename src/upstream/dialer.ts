import { lookup } from 'node:dns';
import { connect, isIP, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { DrawbridgeError } from '../errors.ts';

/** Which addresses of a name are dialled: `4` and `6` prefer that family and use the other only where it is alone. */
export type Family = '4' | '6' | 'any';

export interface DialTarget {
  /** As in a URL, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** Whose certificate is asked for and checked, where that is not `host`. */
  readonly serverName?: string;
}

export interface DialOptions {
  readonly family: Family;
  /** For one address, from the first packet to the end of the TLS handshake. */
  readonly connectTimeoutMs: number;
}

/** Takes the bytes that a dialled connection brings; each chunk is the taker's own. */
export type TakeBytes = (chunk: Buffer) => void;

/**
 * One buffer that every connection reads into: a buffer each for every read is what costs most in receiving small
 * messages. What is read is copied out at once.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** At most this many addresses of one name are tried. */
const MAX_ADDRESSES = 8;

/** Whether the host is this machine by name or address (RFC 6761 §6.3: so is every name under `localhost`). */
export function isLoopback(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:(?=\d)/, '');
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}

/**
 * Connects to the first address that answers. `localhost` is 127.0.0.1 without asking a resolver, or ::1 for family 6:
 * what a resolver puts first is what breaks tunnels. Rejects with `upstream_unreachable`, naming each address tried.
 */
export async function dial(
  target: DialTarget,
  options: DialOptions,
  signal: AbortSignal,
  take: TakeBytes = () => {},
): Promise<Socket> {
  const where = `${target.host}:${target.port}`;
  const addresses = await resolve(target.host, options.family, where);
  const failures: string[] = [];
  for (const { address, family } of addresses.slice(0, MAX_ADDRESSES)) {
    try {
      return await dialAddress(target, address, options, signal, take);
    } catch (thrown) {
      if (signal.aborted) break;
      failures.push(
        `${reasonOf(thrown)} ${isIP(address) === 6 ? `[${address}]` : address}:${target.port} (IPv${family})`,
      );
    }
  }
  const why = signal.aborted ? 'given up' : failures.join('; ');
  throw new DrawbridgeError('upstream_unreachable', `cannot reach ${where}`, { why });
}

interface Address {
  readonly address: string;
  readonly family: number;
}

function resolve(host: string, family: Family, where: string): Promise<readonly Address[]> {
  const literal = isIP(host);
  if (literal !== 0) return Promise.resolve([{ address: host, family: literal }]);
  if (isLoopback(host)) {
    const four = { address: '127.0.0.1', family: 4 };
    const six = { address: '::1', family: 6 };
    return Promise.resolve(family === '4' ? [four] : family === '6' ? [six] : [four, six]);
  }
  return new Promise((fulfil, reject) => {
    lookup(host, { all: true, verbatim: true }, (error, found) => {
      if (error !== null || found.length === 0) {
        const why = error === null ? 'the name has no address' : `${error.code} looking up ${host}`;
        reject(
          new DrawbridgeError('upstream_unreachable', `cannot reach ${where}`, {
            why,
            hint: 'Is the host name right?',
          }),
        );
        return;
      }
      const preferred = found.filter((entry) => family === 'any' || entry.family === Number(family));
      fulfil(preferred.length > 0 ? preferred : found);
    });
  });
}

async function dialAddress(
  target: DialTarget,
  address: string,
  options: DialOptions,
  signal: AbortSignal,
  take: TakeBytes,
): Promise<Socket> {
  const onread = {
    buffer: READ_BUFFER,
    callback: (bytes: number) => {
      const chunk = Buffer.allocUnsafe(bytes);
      READ_BUFFER.copy(chunk, 0, 0, bytes);
      take(chunk);
      return true;
    },
  };
  // TLS costs a bare bridge several milliseconds of start-up, so it is loaded for https alone.
  const tls = target.isTls ? await import('node:tls') : undefined;
  const serverName = target.serverName ?? target.host;
  return new Promise((fulfil, reject) => {
    const socket =
      tls === undefined
        ? connect({ host: address, port: target.port, noDelay: true, onread })
        : tls.connect({
            host: address,
            port: target.port,
            onread,
            ALPNProtocols: ['http/1.1'],
            ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
            checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(serverName, certificate),
            // Taken, though the types leave it out.
          } as ConnectionOptions);
    const finish = (error?: Error): void => {
      clearTimeout(deadline);
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', finish);
      if (error === undefined) {
        fulfil(socket);
        return;
      }
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const abort = (): void => finish(new Error('aborted'));
    const timeoutError = (): Error => Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' });
    const deadline = setTimeout(() => finish(timeoutError()), options.connectTimeoutMs);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    socket.once('error', finish);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.setNoDelay(true);
      finish();
    });
  });
}

function reasonOf(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  return code ?? message;
}
