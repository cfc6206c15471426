export interface Pebble {
  directory: string;
  /** Says which root it signs with; another one after each start. */
  rootUrl: string;
  log(): string;
  end(): Promise<void>;
  /** Starts it again on its port, with no memory. */
  start(): Promise<void>;
  stop(): Promise<void>;
}
/**
 * `certFile`, `keyFile`: of the directory's own TLS; `httpPort`: where it asks for http-01; `tlsPort`: where it asks for
 * tls-alpn-01, by default where nobody is; `dnsPort`: of its DNS.
 */
export function startPebble(options: {
  certFile: string;
  keyFile: string;
  httpPort: number;
  tlsPort?: number;
  dnsPort: number;
}): Promise<Pebble>;
