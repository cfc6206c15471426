import { DrawbridgeError } from '../errors.ts';
import type { ResponseHead } from './http-response-head.ts';

/** Of an error body, at most this much is quoted. */
const EXCERPT_CHARS = 200;

/** Whether the response is an event stream, whatever parameters its media type has. */
export function isEventStream(head: ResponseHead): boolean {
  return /^text\/event-stream\s*(;|$)/i.test(head.headers.get('content-type') ?? '');
}

/** What a response that is not the hoped-for one means; `body` is quoted unless it is HTML. */
export function errorFromResponse(
  where: string,
  head: ResponseHead,
  body: string,
  mayHaveRun: boolean,
): DrawbridgeError {
  const { status, headers } = head;
  const isHtml = /html/i.test(headers.get('content-type') ?? '') || body.trimStart().startsWith('<');
  const excerpt = isHtml ? 'an HTML page' : body.trim().slice(0, EXCERPT_CHARS);
  const details = { why: `HTTP ${status}${excerpt === '' ? '' : `: ${excerpt}`}`, upstreamStatus: status, mayHaveRun };
  if (isSessionLoss(status, body)) {
    return new DrawbridgeError('session_lost', `${where} does not know this session or path`, details);
  }
  if (status >= 300 && status < 400) {
    return new DrawbridgeError(
      'upstream_redirect',
      `${where} redirects to ${headers.get('location') ?? 'nowhere'}`,
      details,
    );
  }
  if (status === 401 || status === 403) {
    return new DrawbridgeError('upstream_refused', `${where} refused the supplied credential`, details);
  }
  if (status === 421) {
    const hint = 'The server accepts other Host names only: see --upstream-host.';
    return new DrawbridgeError('upstream_error', `${where} does not accept this Host header`, { ...details, hint });
  }
  if (status >= 200 && status < 300) {
    const type = headers.get('content-type') ?? 'no Content-Type';
    return new DrawbridgeError('upstream_invalid', `${where} did not answer as an MCP server`, {
      ...details,
      why: `HTTP ${status}, ${type}`,
    });
  }
  return new DrawbridgeError('upstream_error', `${where} answered with an error`, details);
}

/** The same error for another message, of which it depends on itself whether it may have run. */
export function errorFor(error: DrawbridgeError, mayHaveRun: boolean): DrawbridgeError {
  if (error.mayHaveRun === mayHaveRun) return error;
  return new DrawbridgeError(error.code, error.message, {
    ...(error.why === undefined ? {} : { why: error.why }),
    ...(error.upstreamStatus === undefined ? {} : { upstreamStatus: error.upstreamStatus }),
    hint: error.hint,
    mayHaveRun,
    cause: error,
  });
}

/** The same error with the time that the server asked for, in milliseconds. */
export function withRetryAfter(error: DrawbridgeError, retryAfterMs: number): DrawbridgeError {
  return new DrawbridgeError(error.code, error.message, {
    ...(error.why === undefined ? {} : { why: error.why }),
    ...(error.upstreamStatus === undefined ? {} : { upstreamStatus: error.upstreamStatus }),
    hint: error.hint,
    mayHaveRun: error.mayHaveRun,
    retryAfterMs,
    cause: error,
  });
}

/** 404 and 410 by the specification; Python's and older TypeScript servers say it with a 400 that speaks of the session. */
function isSessionLoss(status: number, body: string): boolean {
  return status === 404 || status === 410 || (status === 400 && /session/i.test(body));
}
