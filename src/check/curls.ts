import { MODERN_VERSION } from '../message/era.ts';
import { INITIALIZE_PARAMS, requestBody } from './mcp-session.ts';
import type { Walk } from './walk-state.ts';

/** The command that makes the walk's first request: opens the event stream, or sends `initialize`. */
export function curlOfFirst(walk: Walk): string {
  return walk.kind === 'sse' ? curlOfStream(walk) : curlOfMessage(walk, 'initialize', INITIALIZE_PARAMS);
}

/** Opens the event stream, for as long as it is to be watched. */
export function curlOfStream(walk: Walk, seconds?: number): string {
  return walk.curl({ plain: ['Accept: text/event-stream'], ...(seconds === undefined ? {} : { seconds }) });
}

/**
 * The command that sends a request. The session stands in it as a variable: `$SESSION` is what the header
 * Mcp-Session-Id of the first answer says, `$QUERY` what the endpoint of an open event stream has after its question mark.
 */
export function curlOfMessage(walk: Walk, method: string, params?: object): string {
  const { session, kind, postPath, url } = walk;
  const isFirst = method === 'initialize';
  const version = isFirst ? undefined : session?.era === 'modern' ? MODERN_VERSION : session?.version;
  const at = kind === 'sse' && postPath !== undefined ? new URL(postPath, url) : url;
  return walk.curl({
    url: at,
    options: isFirst || session?.sessionId === undefined ? [] : ['-H "Mcp-Session-Id: $SESSION"'],
    plain: [
      'Accept: application/json, text/event-stream',
      'Content-Type: application/json',
      ...(version === undefined ? [] : [`MCP-Protocol-Version: ${version}`]),
      ...(session?.era === 'modern' && !isFirst ? [`Mcp-Method: ${method}`] : []),
    ],
    body: requestBody('1', method, isFirst ? params : (session?.paramsOf(params) ?? params)),
  });
}
