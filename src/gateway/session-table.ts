import { randomBytes } from 'node:crypto';
import type { SseDownstream } from '../downstream/sse.ts';
import type { StreamableHttpDownstream } from '../downstream/streamable-http.ts';
import { DrawbridgeError } from '../errors.ts';
import type { Relay } from '../relay/relay.ts';

/** Our record of one downstream connection: bound to the principal that opened it and to one upstream transport. */
export interface Session {
  /** A routing handle of 192 random bits; never a credential. */
  readonly id: string;
  readonly principalId: string;
  readonly downstream: SseDownstream | StreamableHttpDownstream;
  relay: Relay | undefined;
  /** When the client last sent anything, in milliseconds of the monotonic clock. */
  usedAt: number;
}

export interface SessionLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerPrincipal: number;
}

const ID_BYTES = 24;

export class SessionTable {
  readonly #limits: SessionLimits;
  readonly #sessions = new Map<string, Session>();
  readonly #perPrincipal = new Map<string, number>();

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  values(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** An id for a session to come, which its downstream may need to know first. */
  createId(): string {
    return randomBytes(ID_BYTES).toString('base64url');
  }

  /** Throws `too_many_sessions`. */
  checkRoom(principalId: string): void {
    const { maxSessions, maxSessionsPerPrincipal } = this.#limits;
    if ((this.#perPrincipal.get(principalId) ?? 0) >= maxSessionsPerPrincipal) {
      throw new DrawbridgeError(
        'too_many_sessions',
        `this principal has ${maxSessionsPerPrincipal} sessions open already`,
      );
    }
    if (this.#sessions.size >= maxSessions) {
      throw new DrawbridgeError('too_many_sessions', 'the gateway has as many sessions open as it may', {
        status: 503,
      });
    }
  }

  add(id: string, principalId: string, downstream: Session['downstream']): Session {
    this.checkRoom(principalId);
    const session: Session = { id, principalId, downstream, relay: undefined, usedAt: performance.now() };
    this.#sessions.set(id, session);
    this.#perPrincipal.set(principalId, (this.#perPrincipal.get(principalId) ?? 0) + 1);
    return session;
  }

  /** The session with this id if it belongs to the principal; somebody else's is as unknown as one that never was. */
  find(id: string, principalId: string): Session | undefined {
    const session = this.#sessions.get(id);
    return session?.principalId === principalId ? session : undefined;
  }

  delete(session: Session): void {
    if (!this.#sessions.delete(session.id)) return;
    const left = (this.#perPrincipal.get(session.principalId) ?? 1) - 1;
    if (left > 0) this.#perPrincipal.set(session.principalId, left);
    else this.#perPrincipal.delete(session.principalId);
  }
}
