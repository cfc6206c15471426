import { DrawbridgeError } from '../errors.ts';
import { LegacySession, type LegacySessionOptions } from './legacy-session.ts';
import type { SessionLease } from './translated-upstream.ts';

export interface LegacySessionsOptions {
  /** A session that no request uses is closed after this. */
  readonly idleMs: number;
  /** Sessions in all. */
  readonly maxSessions: number;
}

interface Entry {
  readonly session: LegacySession;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

/** The sessions with one legacy server that modern requests share, one for each principal. */
export class LegacySessions {
  readonly #options: LegacySessionsOptions;
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(options: LegacySessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * The principal's session, which is opened where there is none. Throws `too_many_sessions`.
   */
  lease(principalId: string, open: () => LegacySessionOptions): SessionLease {
    const found = this.#entries.get(principalId);
    const entry = found ?? this.#open(principalId, open());
    clearTimeout(entry.idle);
    entry.users++;
    let isReleased = false;
    return {
      session: entry.session,
      wasOpen: found !== undefined,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        if (--entry.users === 0) this.#letIdle(entry);
      },
    };
  }

  /** Closes those that no request uses; the others follow with their last request. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const idle = [...this.#entries.values()].filter(({ users }) => users === 0);
    await Promise.all(idle.map(({ session }) => session.close()));
  }

  #open(principalId: string, options: LegacySessionOptions): Entry {
    if (this.#entries.size >= this.#options.maxSessions)
      throw new DrawbridgeError('too_many_sessions', 'the gateway has as many sessions open as it may', {
        status: 503,
      });
    const entry: Entry = { session: new LegacySession(options), users: 0, idle: undefined };
    this.#entries.set(principalId, entry);
    void entry.session.ended.then(() => {
      clearTimeout(entry.idle);
      if (this.#entries.get(principalId) === entry) this.#entries.delete(principalId);
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
