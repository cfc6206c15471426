import { DrawbridgeError } from '../../errors.ts';
import type { Policy, Refusal } from '../refusal.ts';
import type { SessionTable } from '../session-table.ts';
import { LISTEN } from '../stateless-routes.ts';

/** Long enough for a process that takes over. */
const RETRY_AFTER_S = '1';

const STOPPING: Refusal = {
  error: new DrawbridgeError('shutting_down', 'the gateway is being stopped', {
    hint: 'Connect again; another instance may answer.',
  }),
  headers: ['Retry-After', RETRY_AFTER_S],
  closes: true,
};

/** While the gateway is being stopped, nothing begins that would have to be ended again: no session and no event stream. */
export function refuseWhileDraining(sessions: SessionTable): Policy {
  return ({ session, era, message }) => {
    if (sessions.stage === 'open' || session !== undefined) return undefined;
    const isOneRequest = era === 'modern' && message?.method !== LISTEN;
    return isOneRequest && sessions.stage === 'draining' ? undefined : STOPPING;
  };
}
