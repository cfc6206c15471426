import { DrawbridgeError } from '../errors.ts';
import { LegacySession, type LegacySessionOptions } from './legacy-session.ts';
import type { SessionLease } from './translated-upstream.ts';

export interface LegacySessionsOptions {
  /** A session that no request uses is closed after this. */
  readonly idleMs: number;
  /** Sessions in all. */
  readonly maxSessions: number;
}

/** Sessions of one principal from which on calls share them, and those that are idle make room. */
const MAX_OF_PRINCIPAL = 8;

/** Whose a session is, and what for. */
export interface SessionUse {
  readonly principalId: string;
  /** What its client can be asked; requests with other capabilities have other sessions. */
  readonly capabilities: string;
  /** Whether the server may ask during the request: it has a session to itself then, while there are enough. */
  readonly isAskable: boolean;
}

interface Entry {
  readonly session: LegacySession;
  readonly capabilities: string;
  users: number;
  /** Those of them during which the server may ask. */
  askable: number;
  idle: NodeJS.Timeout | undefined;
}

/**
 * The sessions with one legacy server that modern requests share: one for each principal and what its client can be asked.
 * While a call has one during which the server may ask, the next such call has another, since over SSE and stdio nothing
 * else tells which call a question belongs to.
 */
export class LegacySessions {
  readonly #options: LegacySessionsOptions;
  readonly #entries = new Map<string, Set<Entry>>();
  #size = 0;
  #isClosed = false;

  constructor(options: LegacySessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * A session of the principal, which is opened where there is none that fits. Throws `too_many_sessions`.
   */
  lease(use: SessionUse, open: () => LegacySessionOptions): SessionLease {
    const found = this.#find(use);
    const entry = found ?? this.#open(use, open());
    const askable = use.isAskable ? 1 : 0;
    clearTimeout(entry.idle);
    entry.users++;
    entry.askable += askable;
    let isReleased = false;
    return {
      session: entry.session,
      wasOpen: found !== undefined,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        entry.askable -= askable;
        if (--entry.users === 0) this.#letIdle(entry);
      },
    };
  }

  /** Closes those that no request uses; the others follow with their last request. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const idle = [...this.#entries.values()].flatMap((own) => [...own].filter(({ users }) => users === 0));
    await Promise.all(idle.map(({ session }) => session.close()));
  }

  #find({ principalId, capabilities, isAskable }: SessionUse): Entry | undefined {
    const fitting = this.#of(principalId).filter((entry) => entry.capabilities === capabilities);
    const [first] = isAskable ? fitting.sort((one, other) => one.askable - other.askable) : fitting;
    if (first === undefined || !isAskable || first.askable === 0 || capabilities === '{}') return first;
    return this.#of(principalId).length < MAX_OF_PRINCIPAL ? undefined : first;
  }

  #of(principalId: string): Entry[] {
    return [...(this.#entries.get(principalId) ?? [])].filter(({ session }) => !session.isOver);
  }

  #open({ principalId, capabilities }: SessionUse, options: LegacySessionOptions): Entry {
    const own = this.#of(principalId);
    if (own.length >= MAX_OF_PRINCIPAL) void own.find(({ users }) => users === 0)?.session.close();
    if (this.#size >= this.#options.maxSessions)
      throw new DrawbridgeError('too_many_sessions', 'the gateway has as many sessions open as it may', {
        status: 503,
      });
    const session = new LegacySession(options);
    const entry: Entry = { session, capabilities, users: 0, askable: 0, idle: undefined };
    const all = this.#entries.get(principalId) ?? new Set();
    this.#entries.set(principalId, all.add(entry));
    this.#size++;
    void session.ended.then(() => {
      clearTimeout(entry.idle);
      all.delete(entry);
      this.#size--;
      if (all.size === 0 && this.#entries.get(principalId) === all) this.#entries.delete(principalId);
    });
    return entry;
  }

  #letIdle(entry: Entry): void {
    if (entry.session.isOver) return;
    if (this.#isClosed) {
      void entry.session.close();
      return;
    }
    entry.idle = setTimeout(() => void entry.session.close(), this.#options.idleMs).unref();
  }
}
