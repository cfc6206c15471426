import { INITIALIZE_PARAMS, requestBody } from './mcp-session.ts';
import type { Walk } from './walk-state.ts';

/** The command that makes the walk's first request: opens the event stream, or sends `initialize`. */
export function curlOfFirst(walk: Walk): string {
  if (walk.kind === 'sse') return walk.curl({ plain: ['Accept: text/event-stream'] });
  return curlOfPost(walk, 'initialize', INITIALIZE_PARAMS);
}

/** The command that POSTs a request to the URL. */
export function curlOfPost(walk: Walk, method: string, params?: object, plain: readonly string[] = []): string {
  return walk.curl({
    plain: ['Accept: application/json, text/event-stream', 'Content-Type: application/json', ...plain],
    body: requestBody('1', method, params),
  });
}
