import type { Socket } from 'node:net';
import { isIP } from 'node:net';

/** A connection over TLS, and what would be wrong with its certificate for whoever looks at it. */
export interface LookedAtTls {
  readonly socket: Socket;
  readonly version: string;
  /** OpenSSL's name for it; undefined where the certificate shows who the server is. */
  readonly distrust: string | undefined;
}

/**
 * Goes on over TLS as PostgreSQL's own clients do unless told otherwise (`sslmode=prefer`): whatever certificate there
 * is. Nothing secret is sent over it; that the certificate is not trusted is said. Rejects with what OpenSSL says.
 */
export async function goOnOverTls(
  socket: Socket,
  host: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<LookedAtTls> {
  const tls = await import('node:tls');
  const name = isIP(host) === 0 ? { servername: host } : {};
  const secure = tls.connect({ socket, host, ...name, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] });
  return new Promise((fulfil, reject) => {
    const finish = (error: Error | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      secure.removeListener('close', close);
      if (error === undefined) return;
      secure.destroy();
      reject(error);
    };
    const fail = (error: Error): void => finish(error);
    const abort = (): void => finish(new Error('given up'));
    const close = (): void => finish(new Error('it closed the connection'));
    const timer = setTimeout(() => finish(new Error('ETIMEDOUT')), timeoutMs);
    secure.on('error', fail);
    secure.once('close', close);
    secure.once('secureConnect', () => {
      finish(undefined);
      const { authorizationError: error } = secure;
      // Not an Error but its code, whatever the types say.
      const distrust = secure.authorized ? undefined : String((error as NodeJS.ErrnoException | null)?.code ?? error);
      fulfil({ socket: secure, version: secure.getProtocol() ?? 'TLS', distrust });
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
}
