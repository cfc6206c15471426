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
/** `certFile`, `keyFile`: of the directory's own TLS; `httpPort`: where it asks for http-01; `dnsPort`: of its DNS. */
export function startPebble(options: {
  certFile: string;
  keyFile: string;
  httpPort: number;
  dnsPort: number;
}): Promise<Pebble>;
