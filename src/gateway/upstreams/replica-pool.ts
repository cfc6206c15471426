import type { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Family } from '../../upstream/dial/dial-route.ts';
import { isReplicaTrouble, Replica } from './replica.ts';
import { ReplicaHealth } from './replica-health.ts';
import type { ResolvedServer } from './server-options.ts';

/** What surely did not run on one replica may be tried on others, up to so many in all. */
export const MAX_TRIED = 3;

/** The use of one replica, by a session or by a request outside of sessions. */
export interface Lease {
  readonly replica: Replica;
  readonly url: URL;
  /** The replica has served: a session stands, or an answer has come. */
  worked(): void;
  /** It has not: it is put out of service where the error speaks of the replica. */
  failed(error: DrawbridgeError): void;
  /** The use is over. Idempotent. */
  release(): void;
}

export interface ReplicaPoolOptions {
  readonly family: Family;
  readonly logger: Logger;
}

/**
 * The replicas of one MCP server. New work goes to the one with the least open; of several, to each in turn. Those that
 * failed are left out until they take connections again; where all have failed, one is tried all the same.
 */
export class ReplicaPool {
  readonly #name: string;
  readonly #replicas: readonly Replica[];
  readonly #logger: Logger;
  readonly #health: ReplicaHealth;
  #turn = 0;

  /** Takes over the replicas of a former pool that have the same URL: what is open on them still counts. */
  constructor(server: ResolvedServer, { family, logger }: ReplicaPoolOptions, former?: ReplicaPool) {
    this.#name = server.name;
    this.#logger = logger;
    const known = former === undefined ? [] : former.#replicas;
    this.#replicas = server.urls.map(
      (url) => known.find((replica) => replica.url.href === url.href) ?? new Replica(url, server.transport),
    );
    for (const replica of this.#replicas) replica.configure(server.transport);
    this.#health = new ReplicaHealth(this.#replicas, {
      family,
      up: (replica) => this.#putBack(replica),
      down: (replica, error) => this.#putOut(replica, error),
    });
  }

  get size(): number {
    return this.#replicas.length;
  }

  /** The replica for new work. */
  lease(): Lease {
    return this.leaseOther(new Set()) ?? this.#leaseOf(this.#replicas[0]!);
  }

  /** Another than those that were tried; undefined where there is none. */
  leaseOther(tried: ReadonlySet<Replica>): Lease | undefined {
    const left = this.#replicas.filter((replica) => !tried.has(replica));
    const inService = left.filter(({ isOut }) => !isOut);
    const replica = this.#leastOpen(inService.length > 0 ? inService : left);
    return replica === undefined ? undefined : this.#leaseOf(replica);
  }

  /** Whether a replica that is in service has not been tried. */
  hasOther(tried: ReadonlySet<Replica>): boolean {
    return this.#replicas.some((replica) => !replica.isOut && !tried.has(replica));
  }

  close(): void {
    this.#health.close();
  }

  #leastOpen(replicas: readonly Replica[]): Replica | undefined {
    const least = Math.min(...replicas.map(({ openCount }) => openCount));
    const candidates = replicas.filter(({ openCount }) => openCount === least);
    return candidates[this.#turn++ % candidates.length];
  }

  #leaseOf(replica: Replica): Lease {
    let isOver = false;
    replica.openCount++;
    return {
      replica,
      url: replica.url,
      worked: () => {
        const wasOut = replica.isOut;
        replica.noteSuccess();
        if (wasOut) this.#tellBack(replica);
      },
      failed: (error) => {
        // What fails together is one failure: when it is looked at again is settled by then.
        if (isReplicaTrouble(error) && !replica.isOut) this.#putOut(replica, error);
      },
      release: () => {
        if (!isOver) replica.openCount--;
        isOver = true;
      },
    };
  }

  #putOut(replica: Replica, error: DrawbridgeError): void {
    const isNews = !replica.isOut;
    replica.putOut();
    this.#health.schedule();
    if (isNews) this.#logger.warn(`${this.#nameOf(replica)} is out of service: ${error.sentence}`);
  }

  #putBack(replica: Replica): void {
    if (!replica.isOut) return;
    replica.putBack();
    this.#tellBack(replica);
  }

  #tellBack(replica: Replica): void {
    this.#logger.info(`${this.#nameOf(replica)} is back in service`);
  }

  #nameOf({ url }: Replica): string {
    return this.#name === '' ? `the upstream ${url.host}` : `the upstream ${url.host} of ${this.#name}`;
  }
}
