import type { Transport } from '../../relay/transport.ts';
import { createUpstream, type UpstreamKind } from '../../upstream/detection.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { createReadinessCheck, type Readiness } from '../readiness.ts';
import type { RequestContext } from '../request-context.ts';
import { upstreamHeadersFor } from '../upstream-headers.ts';
import { ModernRequests, refuseModern } from './modern-requests.ts';
import { hostHeaderFor, type ResolvedServer } from './server-options.ts';

/** One MCP server behind the gateway, as sessions come to it. */
export class UpstreamServer {
  readonly #server: ResolvedServer;
  readonly #options: ResolvedGatewayOptions;
  readonly isReady: () => Promise<Readiness>;
  /** What the server was found to speak; asking again would cost it a session each time. */
  #kind: UpstreamKind;
  readonly #modern: ModernRequests;

  constructor(server: ResolvedServer, options: ResolvedGatewayOptions) {
    this.#server = server;
    this.#options = options;
    this.#kind = server.transport;
    this.#modern = new ModernRequests(server, server.urls[0]!, options, refuseModern);
    this.isReady = createReadinessCheck(server.urls[0]!, options.family);
  }

  get name(): string {
    return this.#server.name;
  }

  /** A transport for a session of its own, not started yet. */
  connect(context: RequestContext): Transport {
    const { family, maxMessageBytes, logger } = this.#options;
    const url = this.#server.urls[0]!;
    return createUpstream({
      url,
      kind: this.#kind,
      onDetected: (kind) => {
        this.#kind = kind;
      },
      hostHeader: hostHeaderFor(this.#server, url),
      headers: upstreamHeadersFor(context, this.#server, this.#options),
      family,
      connectTimeoutMs: this.#options.upstreamConnectTimeoutMs,
      headersTimeoutMs: this.#options.upstreamReadTimeoutMs,
      acceptTimeoutMs: this.#options.upstreamSendTimeoutMs,
      maxMessageBytes,
      logger,
    });
  }

  /** A transport for one request of the modern era, which has no session; not started yet. */
  connectStateless(context: RequestContext): Transport {
    return this.#modern.connect(context, this.#kind);
  }

  /** Gives back what it holds; sessions and requests that are open keep their transports. */
  close(): Promise<void> {
    this.#modern.close();
    return Promise.resolve();
  }
}
