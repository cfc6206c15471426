import { DrawbridgeError } from '../errors.ts';
import type { ResolvedGatewayOptions } from './gateway-options.ts';
import type { Session, SessionTable } from './session-table.ts';

/** Silence of a client with a live stream after which it is asked for a sign of life, and after which it is dead. */
const ASK_AFTER_MS = 40_000;
const DEAD_AFTER_MS = 100_000;
/** How long calls under way may go on when what admitted their session has ended. */
const LAST_ANSWERS_MS = 15_000;

/** Why a session must end; undefined where it may go on. */
export type EndReason = (session: Session) => DrawbridgeError | undefined;

/**
 * Ends the sessions whose time is over. What admitted a session may end while its stream is open: its token expires,
 * its key is revoked, its address is denied. Then calls under way are given 15 s more, and the stream is cut.
 */
export class SessionSweep {
  readonly #sessions: SessionTable;

  constructor(sessions: SessionTable) {
    this.#sessions = sessions;
  }

  /** To be called every few seconds. */
  run(options: Pick<ResolvedGatewayOptions, 'sessionIdleMs' | 'sessionLifetimeMs'>, whyRefused: EndReason): void {
    const now = performance.now();
    for (const session of this.#sessions.values()) {
      const reason = whyOver(session, now, options) ?? whyRefused(session);
      if (reason === undefined) {
        session.endingSince = undefined;
        if (session.downstream.isInUse && now - session.usedAt > ASK_AFTER_MS) session.pulse.ask();
        continue;
      }
      session.endingSince ??= now;
      const hasCalls = (session.relay?.pendingCount ?? 0) > 0;
      if (!hasCalls || now - session.endingSince >= LAST_ANSWERS_MS) session.relay?.close(reason);
    }
  }
}

function whyOver(
  { usedAt, openedAt, downstream, pulse }: Session,
  now: number,
  { sessionIdleMs, sessionLifetimeMs }: Pick<ResolvedGatewayOptions, 'sessionIdleMs' | 'sessionLifetimeMs'>,
): DrawbridgeError | undefined {
  if (now - openedAt > sessionLifetimeMs) return lost('the session has reached its greatest age');
  if (pulse.isWaiting && now - usedAt > DEAD_AFTER_MS) return lost('the client does not answer any more');
  if (!downstream.isInUse && now - usedAt > sessionIdleMs) return lost('the session was not used for too long');
  return undefined;
}

function lost(why: string): DrawbridgeError {
  return new DrawbridgeError('session_lost', why);
}
