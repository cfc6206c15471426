import { type DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { type OwnIds, pingRequest } from './handshake.ts';

/** A server that has calls under way may be busy rather than gone: this many pings in a row may go unaccepted. */
export const PINGS_OF_A_BUSY_SERVER = 3;

/**
 * Asks for a sign of life, of which any byte is one. Settles with undefined when one came, or when the connection is over
 * anyhow; else with what the question met.
 */
export async function askForLife(
  connection: Connection,
  ids: OwnIds,
  timeoutMs: number,
): Promise<DrawbridgeError | undefined> {
  for (let pings = 1; ; pings++) {
    const askedAt = performance.now();
    try {
      await connection.ask(pingRequest(ids), timeoutMs);
      return undefined;
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      if (connection.isOver) return undefined;
      if (connection.heardAt >= askedAt && error.code !== 'session_lost') return undefined;
      const mayBeBusy = isSilence(error) && !error.mayHaveRun && connection.openCount > 0;
      if (!mayBeBusy || pings === PINGS_OF_A_BUSY_SERVER) return error;
    }
  }
}

/** Whether nothing was heard at all, neither an answer nor a refusal. */
export function isSilence(error: DrawbridgeError): boolean {
  return error.code === 'upstream_timeout';
}
