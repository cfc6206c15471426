import type { Transport } from '../../relay/transport.ts';
import { createUpstream, type UpstreamKind } from '../../upstream/detection.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { createReadinessCheck, type Readiness } from '../readiness.ts';
import type { RequestContext } from '../request-context.ts';
import { upstreamHeadersFor } from '../upstream-headers.ts';
import type { McpServer } from './mcp-server.ts';
import { hostHeaderFor, type ResolvedServer } from './server-options.ts';

/** An MCP server that is reached at a URL. */
export class UpstreamServer implements McpServer {
  readonly #server: ResolvedServer;
  readonly #options: ResolvedGatewayOptions;
  readonly isReady: () => Promise<Readiness>;
  /** What the server was found to speak; asking again would cost it a session each time. */
  #kind: UpstreamKind;

  constructor(server: ResolvedServer, options: ResolvedGatewayOptions) {
    this.#server = server;
    this.#options = options;
    this.#kind = server.transport;
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

  /** Gives back what it holds; sessions that are open keep their transports. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
