import { constants } from 'node:crypto';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Logger } from '../../log.ts';
import { parseCertificates, readPem } from './certificate-files.ts';
import type { CertificateSource } from './certificate-source.ts';
import { LISTENER_BOUNDS, type ListenerOptions } from './listener-options.ts';

/** Key exchange that keeps the past secret, and ciphers that authenticate what they hide; of TLS 1.3 all are such. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

export interface TlsServer {
  /** Is given accepted sockets as a `connection`. */
  readonly server: Server;
}

/**
 * TLS for sockets that something else accepts. `onSecure` gets each connection whose handshake is done, and whose client
 * certificate, where it sent one, was verified. New certificates are for handshakes to come.
 */
export function createTlsServer(
  source: CertificateSource,
  options: ListenerOptions,
  onSecure: (socket: TLSSocket) => void,
): TlsServer {
  const { logger } = options;
  const base: TlsOptions = {
    minVersion: options.tlsMinVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // A resumed session would carry over what was known of a client certificate that has ended since.
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION | (options.tlsClientCa === undefined ? 0 : constants.SSL_OP_NO_TICKET),
    ...clientCertificates(options),
  };
  const server = createServer({
    ...base,
    ...source.current(),
    ALPNProtocols: options.http2 === false ? ['http/1.1'] : ['h2', 'http/1.1'],
    handshakeTimeout: LISTENER_BOUNDS.handshakeMs,
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    logger.debug({ why: error.code ?? error.message }, 'a TLS handshake failed');
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    socket.disableRenegotiation();
    socket.on('error', () => socket.destroy());
    // Asked for and not needed: none is fine, one that does not verify is not.
    if (options.tlsClientCa !== undefined && !socket.authorized && hasCertificate(socket)) {
      logger.debug({ why: String(socket.authorizationError) }, 'a client certificate was refused');
      socket.destroy();
    } else onSecure(socket);
  });
  source.onChange(() => useCertificate(server, base, source, logger));
  return { server };
}

function useCertificate(server: Server, base: TlsOptions, source: CertificateSource, logger: Logger): void {
  try {
    server.setSecureContext({ ...base, ...source.current() });
  } catch (thrown) {
    logger.error(`the old certificate stays in use: ${(thrown as Error).message}`);
  }
}

function clientCertificates({ tlsClientCa, mtls }: ListenerOptions): TlsOptions {
  if (tlsClientCa === undefined || mtls === 'off') return {};
  const ca = readPem(tlsClientCa, '--tls-client-ca');
  parseCertificates(ca, tlsClientCa, '--tls-client-ca');
  // Node refuses the handshake of whoever has no valid one, unless told that it may be missing.
  return { ca, requestCert: true, rejectUnauthorized: mtls === 'require' };
}

function hasCertificate(socket: TLSSocket): boolean {
  return socket.getPeerX509Certificate() !== undefined;
}
