import type { TLSSocket } from 'node:tls';

/** What a failure of TLS means to who reads of it. */
export interface TlsFailure {
  /** Facts beyond OpenSSL's code, such as the names that a certificate has. */
  readonly detail?: string;
  readonly hint: string;
  /** The server's certificate does not show who it is. */
  readonly isUntrusted?: boolean;
  /** The server wants a client certificate, or another one than it got. */
  readonly isClientRefused?: boolean;
}

/** An error of node:tls. */
export interface TlsError extends NodeJS.ErrnoException {
  readonly cert?: ReturnType<TLSSocket['getPeerCertificate']>;
  readonly reason?: string;
}

const UNKNOWN_AUTHORITY = new Set([
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** A certificate's names may be hundreds. */
const MAX_NAMES_CHARS = 200;

const CLIENT_CERTIFICATE = 'Give a client certificate that the server accepts with --client-cert and --client-key.';
const SPEAKS_HTTP = 'What listens there does not speak TLS. If it speaks plain HTTP, begin the URL with http://.';
const OUTDATED = 'The server speaks only versions of TLS that are no longer secure; it must offer TLS 1.2 or later.';

/** By OpenSSL's name for it, alerts by their own name (RFC 8446 §6); what stands before the names differs by version. */
const HINTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'Its owner must renew the certificate. Is the clock of this machine right?',
  CERT_NOT_YET_VALID: 'Is the clock of this machine right?',
  CERT_REVOKED: 'Its owner must replace the certificate.',
  WRONG_VERSION_NUMBER: SPEAKS_HTTP,
  PACKET_LENGTH_TOO_LONG: SPEAKS_HTTP,
  HTTP_REQUEST: SPEAKS_HTTP,
  UNEXPECTED_MESSAGE: SPEAKS_HTTP,
  EPROTO: SPEAKS_HTTP,
  UNSUPPORTED_PROTOCOL: OUTDATED,
  PROTOCOL_VERSION: OUTDATED,
  DH_KEY_TOO_SMALL: OUTDATED,
  UNRECOGNIZED_NAME: 'The server does not know the host name of the URL.',
  NO_APPLICATION_PROTOCOL: 'The server does not offer HTTP/1.1, which this package speaks.',
  HANDSHAKE_FAILURE: `The server found nothing in common. ${CLIENT_CERTIFICATE}`,
};

/** Alerts by which servers refuse a client for its certificate or for having none (RFC 8446 §6.2). */
const CLIENT_REFUSED =
  /^(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/;

export function isUnknownAuthority(code: string | undefined): boolean {
  return code !== undefined && UNKNOWN_AUTHORITY.has(code);
}

/** What an error on a TLS connection means; undefined for one that is not of TLS. */
export function readTlsFailure(error: TlsError): TlsFailure | undefined {
  const { code = '' } = error;
  if (UNKNOWN_AUTHORITY.has(code)) {
    return {
      isUntrusted: true,
      detail: 'its certificate is signed by an authority that is not trusted here',
      hint: 'Give the certificate of that authority with --ca or NODE_EXTRA_CA_CERTS. Company networks that inspect TLS sign all they let through with an authority of their own.',
    };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      isUntrusted: true,
      detail: `its certificate is for ${namesOf(error.cert)}`,
      hint: 'Use a name that the certificate has in the URL; through a tunnel, the name of the server itself.',
    };
  }
  const name = code.replace(/^ERR_SSL_((SSL\/TLS|SSLV3|TLSV1|TLSV13)_(ALERT_)?)?/, '');
  if (name !== code && CLIENT_REFUSED.test(name)) return { hint: CLIENT_CERTIFICATE, isClientRefused: true };
  const hint = HINTS[name];
  if (code === 'CERT_HAS_EXPIRED' && hint !== undefined) {
    return { isUntrusted: true, detail: 'its certificate has expired', hint };
  }
  if (hint !== undefined) return { isUntrusted: code.startsWith('CERT_'), hint };
  return code.startsWith('ERR_SSL_') || code.startsWith('CERT_')
    ? { hint: 'The two sides do not agree on TLS. openssl s_client -connect host:port shows more.' }
    : undefined;
}

/** The names and addresses that a certificate is for. */
export function namesOf(certificate: TlsError['cert']): string {
  const names = (certificate?.subjectaltname ?? '').replace(/\b(DNS|IP Address):/g, '');
  const common = certificate?.subject?.CN;
  return (names || (Array.isArray(common) ? common.join(', ') : common) || 'no name').slice(0, MAX_NAMES_CHARS);
}
