import { StdioDownstream, type StdioDownstreamOptions } from '../downstream/stdio.ts';
import type { DrawbridgeError } from '../errors.ts';

/** Clients send `initialize` as soon as they have started us. */
const WAIT_MS = 2000;

/**
 * For a bridge that cannot be made at all: answers the client's first request with the error, so that it is seen where
 * the user looks. Settles when that is written, when the client has closed its side, or after two seconds.
 */
export async function refuseClient(
  error: DrawbridgeError,
  streams: Pick<StdioDownstreamOptions, 'input' | 'output'>,
): Promise<void> {
  const downstream = new StdioDownstream({ ...streams, onInputEnd: () => {} });
  await downstream.start({ message: () => {}, error: () => {}, end: () => {} });
  await downstream.close();
  await downstream.refuseFirst(error, WAIT_MS);
}
