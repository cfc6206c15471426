import type { Readable, Writable } from 'node:stream';
import type { Logger } from '../log.ts';
import type { UpstreamKind } from '../upstream/detection.ts';
import type { Family } from '../upstream/dial/dial-route.ts';
import type { ProxyOptions } from '../upstream/dial/proxy-route.ts';
import type { TlsOptions } from '../upstream/dial/tls-trust.ts';

/** Options of `createBridge`. Sizes are in bytes, durations in milliseconds. */
export interface BridgeOptions {
  /** The remote MCP server, such as `http://127.0.0.1:8000/sse`. */
  readonly url: string | URL;
  /** Where the client's messages come from, one a line; a process's stdin. */
  readonly input: Readable;
  /** Where messages for the client go, one a line, and nothing else; a process's stdout. */
  readonly output: Writable;
  /** The transport that the server speaks; found out unless fixed. Default `auto`. */
  readonly transport?: UpstreamKind;
  /** Sent with every request to the server's origin, and to no other. */
  readonly headers?: Readonly<Record<string, string>>;

  /** The address family dialled. Default `4`. */
  readonly family?: Family;
  /** For one address, TLS included. Default 10000. */
  readonly connectTimeoutMs?: number;
  /** Until the head of a response, 0 for as long as it takes. Default 0. */
  readonly headersTimeoutMs?: number;
  /** Between two pieces of a response, 0 for as long as it takes. Default 0. */
  readonly bodyTimeoutMs?: number;
  /** Whether cookies that the server sets are sent back to it, as load balancers want. Default true. */
  readonly cookies?: boolean;
  /** HTTP proxies, as HTTP_PROXY and its like name them; loopback is always reached directly. Default: none. */
  readonly proxy?: ProxyOptions;
  /** Trust and client certificate for https. */
  readonly tls?: TlsOptions;
  /** The server is reached through an SSH tunnel that the bridge starts and ends. */
  readonly ssh?: SshOptions;

  /** How long `initialize` waits for a server that cannot be reached before it is answered with the truth. Default 25000. */
  readonly initializeTimeoutMs?: number;
  /** How long other requests wait while the server is reconnected. Default 15000. */
  readonly holdMs?: number;
  /** How long the server may be silent before it is asked for a sign of life, 0 for never. Default 30000. */
  readonly pingIntervalMs?: number;
  /** How long that sign may take before the connection counts as lost. Default 10000. */
  readonly pongTimeoutMs?: number;
  /** A request that takes longer is answered with an error and cancelled upstream, 0 for never. Default 0. */
  readonly requestTimeoutMs?: number;
  /** How often the client is told of a call under way that carries a progress token, 0 for never. Default 0. */
  readonly progressHeartbeatMs?: number;
  /** How long open requests may still be answered after the input has ended. Default 2000. */
  readonly graceMs?: number;

  /** Tools that the client neither sees nor calls: globs in which `*` stands for any text, case-insensitive. */
  readonly ignoreTools?: readonly string[];
  /** Where given, the client sees and calls only tools that match one of these globs. */
  readonly allowTools?: readonly string[];

  /** The largest message from the server. Default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** The largest message from the client. Default 64 MiB. */
  readonly maxLineBytes?: number;
  /** Default: says nothing. A pino instance fits. */
  readonly logger?: Logger;
  /** Whether each message is logged at level `debug`: direction, kind, method, id, bytes; never what it says. Default false. */
  readonly trace?: boolean;
}

export interface SshOptions {
  /** `user@host`, `user@host:port` or a name from the SSH configuration. */
  readonly destination: string;
  /** A private key file; default: what ssh itself tries. */
  readonly keyFile?: string;
}
