import { DrawbridgeError } from '../../errors.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Session, SessionTable } from './session-table.ts';

/** Silence of a client with a live stream after which it is asked for a sign of life, and after which it is dead. */
const ASK_AFTER_MS = 40_000;
const DEAD_AFTER_MS = 100_000;
/** How long calls under way may go on when what admitted their session has ended. */
const LAST_ANSWERS_MS = 15_000;

/** What admitted a session, or a request that has none. */
export type Admission = Pick<Session, 'principal' | 'server' | 'address' | 'generation'>;

/** Why what was admitted must end; undefined where it may go on. */
export type EndReason = (admission: Admission) => string | undefined;

type Lifetimes = Pick<ResolvedGatewayOptions, 'sessionIdleMs' | 'sessionLifetimeMs'>;

/**
 * Ends the sessions, and the requests without one, whose time is over. What admitted a session may end while its stream
 * is open: its token expires, its key is revoked, its address is denied. Then calls under way are given 15 s more, and the
 * stream is cut.
 */
export class SessionSweep {
  readonly #sessions: SessionTable;

  constructor(sessions: SessionTable) {
    this.#sessions = sessions;
  }

  /** To be called every few seconds. */
  run(options: Lifetimes, whyRefused: EndReason): void {
    const now = performance.now();
    for (const session of this.#sessions.values()) {
      const reason = whyOver(session, now, options) ?? ended(whyRefused(session));
      if (reason === undefined) {
        session.endingSince = undefined;
        if (session.downstream.isInUse && now - session.usedAt > ASK_AFTER_MS) session.pulse.ask();
        continue;
      }
      session.endingSince ??= now;
      const hasCalls = (session.relay?.pendingCount ?? 0) > 0;
      if (!hasCalls || now - session.endingSince >= LAST_ANSWERS_MS) session.relay?.close(reason);
    }
    this.#endStateless(now, options, whyRefused);
  }

  /** A subscription has no answer that could be waited for. */
  #endStateless(now: number, { sessionLifetimeMs }: Lifetimes, whyRefused: EndReason): void {
    for (const request of this.#sessions.stateless.values()) {
      const isOld = now - request.openedAt > sessionLifetimeMs;
      const why = isOld ? 'it has reached its greatest age' : whyRefused(request);
      if (why === undefined) {
        request.endingSince = undefined;
        continue;
      }
      request.endingSince ??= now;
      if (request.isSubscription || now - request.endingSince >= LAST_ANSWERS_MS)
        request.relay?.close(new DrawbridgeError('unauthorized', 'the request was ended', { why }));
    }
  }
}

function ended(why: string | undefined): DrawbridgeError | undefined {
  return why === undefined ? undefined : new DrawbridgeError('session_lost', 'the session was ended', { why });
}

function whyOver(
  { usedAt, openedAt, downstream, pulse }: Session,
  now: number,
  { sessionIdleMs, sessionLifetimeMs }: Lifetimes,
): DrawbridgeError | undefined {
  if (now - openedAt > sessionLifetimeMs) return lost('the session has reached its greatest age');
  if (pulse.isWaiting && now - usedAt > DEAD_AFTER_MS) return lost('the client does not answer any more');
  if (!downstream.isInUse && now - usedAt > sessionIdleMs) return lost('the session was not used for too long');
  return undefined;
}

function lost(why: string): DrawbridgeError {
  return new DrawbridgeError('session_lost', why);
}
