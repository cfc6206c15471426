import type { Policy } from '../refusal.ts';
import type { SessionTable } from '../sessions/session-table.ts';
import { refuseFor } from './rate-limit.ts';

/** A call ends when the server answers, and nobody knows when that is. */
const RETRY_AFTER_MS = 1000;

/**
 * Lets a call pass while fewer than so many requests of its principal wait for their answer, in all its sessions. Other
 * requests, such as lists, are counted while they are open and never refused.
 */
export function limitConcurrentCalls(sessions: SessionTable, maxCalls: number): Policy {
  return ({ message, principal }) => {
    if (message?.method !== 'tools/call' || message.kind !== 'request' || principal === undefined) return undefined;
    if (sessions.countPending(principal.id) < maxCalls) return undefined;
    return refuseFor(`${maxCalls} requests of this principal are open already`, RETRY_AFTER_MS);
  };
}
