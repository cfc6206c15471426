import { isIP, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** A connection over TLS, and what would be wrong with its certificate for whoever looks at it. */
export interface LookedAtTls {
  readonly socket: TLSSocket;
  readonly version: string;
  /** OpenSSL's name for it; undefined where the certificate shows who the server is. */
  readonly distrust: string | undefined;
}

/**
 * Goes on over TLS whatever certificate there is, to say what is wrong with it, or as PostgreSQL's own clients do unless
 * told otherwise (`sslmode=prefer`). Nothing secret may be sent over it. Rejects with what OpenSSL says.
 */
export async function goOnWithAnyCertificate(
  socket: Socket,
  host: string,
  bounds: { readonly protocol: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<LookedAtTls> {
  const { protocol, timeoutMs, signal } = bounds;
  const tls = await import('node:tls');
  const name = isIP(host) === 0 ? { servername: host } : {};
  const secure = tls.connect({ socket, host, ...name, rejectUnauthorized: false, ALPNProtocols: [protocol] });
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
