import { STOPPING } from '../drain.ts';
import type { Policy, Refusal } from '../refusal.ts';
import type { SessionTable } from '../sessions/session-table.ts';
import { LISTEN } from '../stateless/stateless-routes.ts';

const REFUSAL: Refusal = { error: STOPPING, closes: true };

/** While the gateway is being stopped, nothing begins that would have to be ended again: no session and no event stream. */
export function refuseWhileDraining(sessions: SessionTable): Policy {
  return ({ session, era, message }) => {
    if (sessions.stage === 'open' || session !== undefined) return undefined;
    const isOneRequest = era === 'modern' && message?.method !== LISTEN;
    return isOneRequest && sessions.stage === 'draining' ? undefined : REFUSAL;
  };
}
