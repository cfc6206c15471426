import type { StatelessDownstream } from '../../downstream/stateless.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { Relay } from '../../relay/relay.ts';
import { OpenCounts } from '../limits/open-counts.ts';
import { OpenSet } from '../limits/open-set.ts';
import type { SessionOpening } from '../sessions/session-table.ts';

/** One modern request that is not over: it belongs to no session, and is bound to what admitted it all the same. */
export interface StatelessRequest extends SessionOpening {
  readonly downstream: StatelessDownstream;
  /** A stream of notifications, which ends when its client wants. */
  readonly isSubscription: boolean;
  readonly openedAt: number;
  relay: Relay | undefined;
  /** Since when it has to end, and waits for its answer. */
  endingSince: number | undefined;
}

/** As many as one session may have open. */
const MAX_OPEN_PER_PRINCIPAL = 1024;

/** The modern requests that are open at the moment. */
export class StatelessTable {
  readonly #requests = new OpenSet<StatelessRequest>();
  readonly #perPrincipal = new OpenCounts();
  readonly #callsPerPrincipal = new OpenCounts();

  get size(): number {
    return this.#requests.size;
  }

  values(): readonly StatelessRequest[] {
    return this.#requests.values();
  }

  /** Requests of this principal that wait for an answer; subscriptions wait for none. */
  countPending(principalId: string): number {
    return this.#callsPerPrincipal.get(principalId);
  }

  /** Throws `too_many_pending`. */
  checkRoom(principalId: string): void {
    if (this.#perPrincipal.get(principalId) >= MAX_OPEN_PER_PRINCIPAL)
      throw new DrawbridgeError(
        'too_many_pending',
        `${MAX_OPEN_PER_PRINCIPAL} requests of this principal are still open`,
      );
  }

  /** The returned function takes it out again. */
  add(request: StatelessRequest): () => void {
    const { id } = request.principal;
    const remove = this.#requests.add(request);
    const forget = this.#perPrincipal.add(id);
    const forgetCall = request.isSubscription ? undefined : this.#callsPerPrincipal.add(id);
    return () => {
      remove();
      forget();
      forgetCall?.();
    };
  }
}
