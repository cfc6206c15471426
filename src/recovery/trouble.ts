import { DrawbridgeError } from '../errors.ts';

/** Whether the error speaks of the server or the way to it, and not of the message. */
export function isTrouble({ code, upstreamStatus }: DrawbridgeError): boolean {
  if (code === 'loop_detected') return false;
  if (upstreamStatus !== undefined) return upstreamStatus >= 500 || code === 'upstream_invalid';
  return code === 'upstream_lost' || code === 'upstream_unreachable' || code === 'upstream_timeout';
}

/** What a request is told whose server was lost when it may have run. */
export function lostAnswer(where: string, error: DrawbridgeError): DrawbridgeError {
  return new DrawbridgeError('upstream_lost', `${where} was lost before it answered`, {
    why: error.sentence,
    hint: 'The call may have run. The connection is being made again: look, then call again.',
    mayHaveRun: true,
    cause: error,
  });
}
