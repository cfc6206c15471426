import type { Logger } from '../../log.ts';
import type { CertificateSource, ChallengeSource } from './certificate-source.ts';

/** Options of the server that the `gateway` command starts. */
export interface ListenerOptions {
  /** Address to listen on; `localhost` is 127.0.0.1. Default 127.0.0.1. */
  readonly host?: string;
  /** 0 for any that is free. Default 8080. */
  readonly port?: number;
  /** PEM file of the certificate and its chain; read again when it changes. */
  readonly tlsCert?: string;
  /** PEM file of its private key. */
  readonly tlsKey?: string;
  /** The certificate from elsewhere, in place of the two files. */
  readonly certificates?: CertificateSource | ChallengeSource;
  /** Default `1.2`. */
  readonly tlsMinVersion?: '1.2' | '1.3';
  /** PEM file of the authorities of client certificates. */
  readonly tlsClientCa?: string;
  /** Whether a client certificate may be missing (`accept`) or not (`require`); one that does not verify never passes. */
  readonly mtls?: 'off' | 'accept' | 'require';
  /** HTTP/2 over TLS. Default true. */
  readonly http2?: boolean;
  /** Also listens here for plain HTTP, and redirects to the public URL. */
  readonly redirectPort?: number;
  /** How clients reach the gateway: the target of redirects. */
  readonly publicUrl?: string;
  /** Connections in all. Default 10000. */
  readonly maxConnections?: number;
  /** Connections of one address, of IPv6 one /64, that is no trusted proxy. Default 500. */
  readonly maxConnectionsPerAddress?: number;
  /** Connections begin with a PROXY line of a trusted proxy, and nobody else may connect. Default false. */
  readonly proxyProtocol?: boolean;
  /** CIDRs of the proxies that may send one, and that bring more connections than one client may have. */
  readonly trustProxies?: readonly string[];
  readonly logger: Logger;
}

/** Milliseconds and bytes that bound one connection. */
export const LISTENER_BOUNDS = {
  /** A TLS handshake. */
  handshakeMs: 10_000,
  /** The line that a proxy sends first. */
  proxyLineMs: 3000,
  /** The head of a request, counted from the connection or the end of the request before. */
  headMs: 14_000,
  /** A request with its body. */
  requestMs: 30_000,
  /** Longer than the usual 60 s of a proxy in front, which then is the one to close an idle connection. */
  idleMs: 65_000,
  maxHeadBytes: 16 * 1024,
  /** Streams of one HTTP/2 connection at once. */
  maxStreams: 100,
  /** How long open answers may take to leave when the listener is closed. */
  drainMs: 3000,
} as const;
