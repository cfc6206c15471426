import { type DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Family } from '../../upstream/dial/dial-route.ts';
import { reach } from './reachability.ts';
import type { Replica } from './replica.ts';

/** How often a replica that is in service is looked at, give or take a quarter. */
const LOOK_EVERY_MS = 5000;

export interface ReplicaHealthOptions {
  readonly family: Family;
  readonly up: (replica: Replica) => void;
  readonly down: (replica: Replica, error: DrawbridgeError) => void;
}

/**
 * Looks whether replicas take connections: those out of service when their time has come, the others every few seconds
 * where there are several to choose from. One timer, which keeps no process alive.
 */
export class ReplicaHealth {
  readonly #replicas: readonly Replica[];
  readonly #options: ReplicaHealthOptions;
  readonly #closing = new AbortController();
  readonly #looking = new Set<Replica>();
  #timer: NodeJS.Timeout | undefined;

  constructor(replicas: readonly Replica[], options: ReplicaHealthOptions) {
    this.#replicas = replicas;
    this.#options = options;
    for (const replica of replicas) if (!replica.isOut) replica.lookIn(nextLookMs());
    this.schedule();
  }

  /** To be called when the time of a replica has changed. */
  schedule(): void {
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted) return;
    const times = this.#watched().map(({ lookAt }) => lookAt);
    if (times.length === 0) return;
    const delayMs = Math.max(Math.min(...times) - performance.now(), 1);
    this.#timer = setTimeout(() => this.#lookAtDue(), delayMs).unref();
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#timer);
  }

  #watched(): readonly Replica[] {
    const isChoice = this.#replicas.length > 1;
    return this.#replicas.filter((replica) => (isChoice || replica.isOut) && !this.#looking.has(replica));
  }

  #lookAtDue(): void {
    const now = performance.now();
    for (const replica of this.#watched()) if (replica.lookAt <= now) void this.#look(replica);
    this.schedule();
  }

  async #look(replica: Replica): Promise<void> {
    const { family, up, down } = this.#options;
    const { signal } = this.#closing;
    this.#looking.add(replica);
    try {
      await reach(replica.url, family, signal);
      if (signal.aborted) return;
      replica.lookIn(nextLookMs());
      up(replica);
    } catch (thrown) {
      if (signal.aborted) return;
      down(replica, toDrawbridgeError(thrown));
    } finally {
      this.#looking.delete(replica);
      this.schedule();
    }
  }
}

function nextLookMs(): number {
  return LOOK_EVERY_MS * (0.75 + Math.random() / 2);
}
