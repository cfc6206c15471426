import { randomBytes } from 'node:crypto';
import type { SseDownstream } from '../../downstream/sse.ts';
import type { StreamableHttpDownstream } from '../../downstream/streamable-http.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { Relay } from '../../relay/relay.ts';
import { OpenCounts } from '../limits/open-counts.ts';
import type { Principal } from '../request-context.ts';
import { type StatelessRequest, StatelessTable } from '../stateless/stateless-table.ts';
import type { McpServer } from '../upstreams/mcp-server.ts';
import { ClientPulse } from './client-pulse.ts';

/** Our record of one downstream connection: bound to the principal that opened it and to one upstream transport. */
export interface Session {
  /** A routing handle of 192 random bits; never a credential. */
  readonly id: string;
  readonly principalId: string;
  /** The MCP server that it is a session with. */
  readonly server: McpServer;
  /** As the last request has proved it; its credential may end while a stream is open. */
  principal: Principal;
  /** Of the client that sent the last request. */
  address: string;
  readonly downstream: SseDownstream | StreamableHttpDownstream;
  relay: Relay | undefined;
  /** Whether its handshake is not over, so that nothing can have been asked yet. */
  isOpening: () => boolean;
  /** When the client last sent anything, in milliseconds of the monotonic clock. */
  usedAt: number;
  readonly openedAt: number;
  /** Since when it has to end, and waits for answers under way. */
  endingSince: number | undefined;
  readonly pulse: ClientPulse;
  /** Which generation of authenticators has admitted it. */
  generation: number;
}

/** What opens a session. */
export interface SessionOpening {
  readonly principal: Principal;
  readonly server: McpServer;
  readonly address: string;
  readonly generation: number;
}

export interface SessionLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerPrincipal: number;
}

const ID_BYTES = 24;

export class SessionTable {
  #limits: SessionLimits;
  readonly #sessions = new Map<string, Session>();
  readonly #perPrincipal = new Map<string, number>();
  /** Whether sessions may begin; while the gateway drains, those that are there go on. */
  #stage: 'open' | 'draining' | 'stopped' = 'open';
  /** Event streams by the bucket of their client's address. */
  readonly streams = new OpenCounts();
  /** Requests of the modern era, which have no session. */
  readonly stateless = new StatelessTable();

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get stage(): 'open' | 'draining' | 'stopped' {
    return this.#stage;
  }

  stop(stage: 'draining' | 'stopped'): void {
    this.#stage = stage;
  }

  values(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** The sessions, and the requests that have none. */
  *open(): Generator<Session | StatelessRequest> {
    yield* this.#sessions.values();
    yield* this.stateless.values();
  }

  /** Requests of this principal that wait for their answer, in all its sessions and without one. */
  countPending(principalId: string): number {
    let count = this.stateless.countPending(principalId);
    for (const session of this.#sessions.values()) {
      if (session.principalId === principalId) count += session.relay?.pendingCount ?? 0;
    }
    return count;
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

  /** Counts for sessions to come; those that are open stay. */
  updateLimits(limits: SessionLimits): void {
    this.#limits = limits;
  }

  /** Throws `too_many_sessions`. */
  add(id: string, opening: SessionOpening, downstream: Session['downstream']): Session {
    const principalId = opening.principal.id;
    this.checkRoom(principalId);
    const now = performance.now();
    const session: Session = {
      ...opening,
      id,
      principalId,
      downstream,
      relay: undefined,
      isOpening: () => true,
      usedAt: now,
      openedAt: now,
      endingSince: undefined,
      pulse: new ClientPulse(),
    };
    this.#sessions.set(id, session);
    this.#perPrincipal.set(principalId, (this.#perPrincipal.get(principalId) ?? 0) + 1);
    return session;
  }

  /**
   * The session with this id if it belongs to the principal and the server; somebody else's is as unknown as one that
   * never was.
   */
  find(id: string, principalId: string, serverName: string): Session | undefined {
    const session = this.#sessions.get(id);
    return session?.principalId === principalId && session.server.name === serverName ? session : undefined;
  }

  delete(session: Session): void {
    if (!this.#sessions.delete(session.id)) return;
    const left = (this.#perPrincipal.get(session.principalId) ?? 1) - 1;
    if (left > 0) this.#perPrincipal.set(session.principalId, left);
    else this.#perPrincipal.delete(session.principalId);
  }
}
