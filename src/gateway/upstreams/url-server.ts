import { RecoveringUpstream } from '../../recovery/recovering-upstream.ts';
import type { Transport } from '../../relay/transport.ts';
import type { WaitingCalls } from '../../translation/waiting-calls.ts';
import { createUpstream } from '../../upstream/detection.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { RequestContext } from '../request-context.ts';
import { LegacyAnswers } from './legacy-answers.ts';
import type { McpServer } from './mcp-server.ts';
import { ModernRequests } from './modern-requests.ts';
import { PooledUpstream, type WayToReplica } from './pooled-upstream.ts';
import { reach } from './reachability.ts';
import { createReadinessCheck, type Readiness } from './readiness.ts';
import type { Replica } from './replica.ts';
import { ReplicaPool } from './replica-pool.ts';
import { hostHeaderFor, type ResolvedServer } from './server-options.ts';
import { StreamHold } from './stream-hold.ts';
import { upstreamHeadersFor } from './upstream-headers.ts';

/** Of a session that survives restarts: silence after which its server is pinged, and how long the answer may take. */
const PING_INTERVAL_MS = 60_000;
const PONG_TIMEOUT_MS = 20_000;

type Headers = Readonly<Record<string, string>>;

/** An MCP server that is reached at a URL. */
export class UrlServer implements McpServer {
  readonly #server: ResolvedServer;
  readonly #options: ResolvedGatewayOptions;
  readonly #pool: ReplicaPool;
  readonly #hold: StreamHold;
  /** Whether one of its replicas can be reached. */
  readonly isReady: () => Promise<Readiness>;
  readonly #modern: ModernRequests;

  /** Goes on with what a former one has learnt of the same replicas. */
  constructor(server: ResolvedServer, options: ResolvedGatewayOptions, waiting: WaitingCalls, former?: UrlServer) {
    this.#server = server;
    this.#options = options;
    this.#pool = new ReplicaPool(server, options, former === undefined ? undefined : former.#pool);
    this.#hold = new StreamHold({ holdMs: options.upstreamHoldMs, maxHeld: options.maxHeldStreams });
    this.isReady = createReadinessCheck(server.urls, options.family);
    this.#modern = new ModernRequests(
      server,
      this.#pool,
      options,
      new LegacyAnswers(options, (context) => this.connect(context), waiting),
    );
  }

  get name(): string {
    return this.#server.name;
  }

  /** A transport for a session of its own, not started yet. */
  connect(context: RequestContext): Transport {
    const headers = upstreamHeadersFor(context, this.#server, this.#options);
    let hold = context.route === 'sse-stream' ? this.#hold : undefined;
    const connect = (): Transport => {
      const upstream = this.#pooled(headers, hold);
      // Once the stream is open, it is messages that wait.
      hold = undefined;
      return upstream;
    };
    return this.#options.surviveRestarts ? this.#surviving(connect) : connect();
  }

  /** A transport for one request of the modern era, which has no session; not started yet. */
  connectStateless(context: RequestContext): Transport {
    return this.#modern.connect(context);
  }

  /** Gives back what it holds; sessions and requests that are open keep their transports. */
  async close(): Promise<void> {
    this.#pool.close();
    await this.#modern.close();
  }

  #surviving(connect: () => Transport): Transport {
    return new RecoveringUpstream({
      connect,
      where: this.#server.urls.map(({ host }) => host).join(', '),
      logger: this.#options.logger,
      holdMs: this.#options.upstreamHoldMs,
      pingIntervalMs: PING_INTERVAL_MS,
      pongTimeoutMs: PONG_TIMEOUT_MS,
    });
  }

  #pooled(headers: Headers, hold: StreamHold | undefined): PooledUpstream {
    const { family, upstreamConnectTimeoutMs } = this.#options;
    return new PooledUpstream({
      pool: this.#pool,
      connectTimeoutMs: upstreamConnectTimeoutMs,
      connect: (replica, way) => this.#transportTo(replica, headers, way),
      reach: (url, signal) => reach(url, family, signal),
      hold,
    });
  }

  #transportTo(replica: Replica, headers: Headers, way: WayToReplica): Transport {
    const { family, maxMessageBytes, logger } = this.#options;
    const legacy = createUpstream({
      url: replica.url,
      kind: replica.kind,
      onDetected: way.onDetected,
      hostHeader: hostHeaderFor(this.#server, replica.url),
      headers,
      family,
      connectTimeoutMs: way.connectTimeoutMs,
      headersTimeoutMs: this.#options.upstreamReadTimeoutMs,
      acceptTimeoutMs: this.#options.upstreamSendTimeoutMs,
      maxMessageBytes,
      logger,
    });
    return this.#modern.translating(legacy, replica, headers);
  }
}
