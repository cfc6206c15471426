import type { Era } from '../../message/era.ts';
import type { Message } from '../../message/message.ts';
import type { Transport, TransportEvents } from '../../relay/transport.ts';
import { ModernSession } from '../../translation/modern-session.ts';
import { StatelessClient } from '../../upstream/stateless.ts';
import { headerLines } from '../../upstream/upstream-options.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { RequestContext } from '../request-context.ts';
import { mirroredLines } from '../stateless/mirrored-headers.ts';
import { EraFindingSession } from './era-finding-session.ts';
import type { LegacyAnswers } from './legacy-answers.ts';
import { PooledRequest } from './pooled-request.ts';
import type { Replica } from './replica.ts';
import type { ReplicaPool } from './replica-pool.ts';
import { QUESTION_HEADERS, ServerEra } from './server-era.ts';
import { hostHeaderFor, type ResolvedServer } from './server-options.ts';
import { upstreamHeadersFor } from './upstream-headers.ts';

/** Modern requests to one server: to a replica of it where that is of their era, else answered on its behalf. */
export class ModernRequests {
  readonly #server: ResolvedServer;
  readonly #pool: ReplicaPool;
  readonly #options: ResolvedGatewayOptions;
  readonly #legacy: LegacyAnswers;
  readonly #replicas = new Map<Replica, ModernReplica>();

  constructor(server: ResolvedServer, pool: ReplicaPool, options: ResolvedGatewayOptions, legacy: LegacyAnswers) {
    this.#server = server;
    this.#pool = pool;
    this.#options = options;
    this.#legacy = legacy;
  }

  /** A transport for the one message of this request, not started yet. */
  connect(context: RequestContext): Transport {
    const lease = this.#pool.lease();
    // Python's legacy servers over SSE lose their session to a request that they do not know, so none is tried there.
    if (isSse(lease.replica) || this.#replicaOf(lease.replica).era.known === 'legacy') {
      lease.release();
      return this.#legacy.connect(context);
    }
    const common = headerLines(upstreamHeadersFor(context, this.#server, this.#options));
    return new PooledRequest(this.#pool, lease, (replica) => {
      const { client } = this.#replicaOf(replica);
      return new EraFindingUpstream(
        (isLegacy) => client.connect({ headers: common + mirroredLines(context.req.headers), isLegacy }),
        async () => (await this.#findEra(replica, client, common)) === 'legacy',
        () => this.#legacy.connect(context),
      );
    });
  }

  /** A session with this replica as `legacy` begins it, translated where it is of the modern era alone. */
  translating(legacy: Transport, replica: Replica, headers: Readonly<Record<string, string>>): Transport {
    const common = headerLines(headers);
    // Of its own, since a session outlives the configuration that it began under.
    const createClient = () => this.#createClient(replica.url);
    return new EraFindingSession({
      legacy,
      isModern: async () => {
        if (isSse(replica)) return false;
        const client = createClient();
        const era = await this.#findEra(replica, client, common);
        client.close();
        return era === 'modern';
      },
      createModern: () => {
        const client = createClient();
        return new ModernSession({
          connect: (lines) => client.connect({ headers: common + lines }),
          onClose: () => client.close(),
          logger: this.#options.logger,
        });
      },
    });
  }

  /** Ends the connections upstream when the last request is over. */
  async close(): Promise<void> {
    for (const { client } of this.#replicas.values()) client.close();
    await this.#legacy.close();
  }

  #findEra(replica: Replica, client: StatelessClient, headers: string): Promise<Era | undefined> {
    return this.#replicaOf(replica).era.find(() => client.connect({ headers: headers + QUESTION_HEADERS }));
  }

  #replicaOf(replica: Replica): ModernReplica {
    const known = this.#replicas.get(replica);
    if (known !== undefined) return known;
    const made = { client: this.#createClient(replica.url), era: new ServerEra() };
    this.#replicas.set(replica, made);
    return made;
  }

  #createClient(url: URL): StatelessClient {
    const { family, maxMessageBytes, logger } = this.#options;
    return new StatelessClient({
      url,
      hostHeader: hostHeaderFor(this.#server, url),
      family,
      connectTimeoutMs: this.#options.upstreamConnectTimeoutMs,
      headersTimeoutMs: this.#options.upstreamReadTimeoutMs,
      acceptTimeoutMs: this.#options.upstreamSendTimeoutMs,
      maxMessageBytes,
      logger,
    });
  }
}

/** What modern requests need of one replica. */
interface ModernReplica {
  readonly client: StatelessClient;
  readonly era: ServerEra;
}

function isSse({ kind, url }: Replica): boolean {
  return kind === 'sse' || kind === 'sse-first' || (kind === 'auto' && /\/sse\/?$/.test(url.pathname));
}

/**
 * Sends a modern request as it is. Where that shows the server to be of the legacy era, which then has not run it, the
 * request is answered as all that follow will be.
 */
class EraFindingUpstream implements Transport {
  readonly #createLegacy: () => Transport;
  #transport: Transport;
  #events: TransportEvents | undefined;
  #isLegacy = false;
  #isClosed = false;

  constructor(
    createModern: (isLegacy: () => Promise<boolean>) => Transport,
    isLegacy: () => Promise<boolean>,
    createLegacy: () => Transport,
  ) {
    this.#createLegacy = createLegacy;
    this.#transport = createModern(async () => {
      this.#isLegacy = await isLegacy();
      return this.#isLegacy;
    });
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#transport.start(events);
  }

  async send(message: Message): Promise<void> {
    try {
      await this.#transport.send(message);
    } catch (thrown) {
      if (!this.#isLegacy || this.#isClosed || this.#events === undefined) throw thrown;
      await this.#transport.close();
      // Where it was closed meanwhile, nobody would close the other one.
      if (this.#hasBeenClosed()) throw thrown;
      this.#transport = this.#createLegacy();
      await this.#transport.start(this.#events);
      await this.#transport.send(message);
    }
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#transport.close();
  }

  #hasBeenClosed(): boolean {
    return this.#isClosed;
  }
}
