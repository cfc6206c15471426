import { toDrawbridgeError } from '../../errors.ts';
import { curlOfMessage } from '../curls.ts';
import type { Finding, Hop } from '../finding.ts';
import { type Asked, INITIALIZE_PARAMS } from '../mcp-session.ts';
import type { Walk } from '../walk-state.ts';
import { directiveOf } from './buffering.ts';

/** What a ping and its answer may take; only then does it show what held the answer before it. */
const LOOK_MS = 2000;

/**
 * Why a request of a session has no answer. On an event stream a proxy may hold the end of an answer until more comes:
 * nginx that buffers passes on what is small, and keeps a list of tools. So more is asked for, and what comes is seen.
 */
export async function explainNoAnswer(walk: Walk, hop: Hop, asked: Asked, thrown: unknown): Promise<Finding> {
  const error = toDrawbridgeError(thrown);
  if (walk.signal.aborted || error.code === 'config') throw thrown;
  const { method } = asked;
  const curl = curlOfMessage(walk, method, method === 'initialize' ? INITIALIZE_PARAMS : undefined);
  const isLate = walk.kind === 'sse' && error.code === 'upstream_timeout';
  if (!isLate || !(await comesWithMore(walk, asked))) return walk.failure(hop, error, curl);
  const said = `the answer to ${method} came only when the server sent more, after ${walk.timeoutMs} ms: something buffers the stream`;
  return walk.finding('stream', 'fail', said, {
    remedy: directiveOf(walk.first?.headerLines ?? '', 'buffering'),
    curl,
  });
}

async function comesWithMore(walk: Walk, { reply }: Asked): Promise<boolean> {
  const more = walk.session?.post('ping').reply.then(() => false);
  const first = Promise.race([reply.then(() => true), ...(more === undefined ? [] : [more])]);
  return walk.within(first, 'a ping', Math.min(LOOK_MS, walk.timeoutMs)).catch((thrown: unknown) => {
    if (walk.signal.aborted) throw thrown;
    return false;
  });
}
