import { DrawbridgeError, type DrawbridgeErrorCode, type DrawbridgeErrorDetails } from '../errors.ts';
import type { ResponseHead } from './http/http-response-head.ts';

/** Of an error body, at most this much is quoted. */
const EXCERPT_CHARS = 200;
/** A server may ask for a day; nobody waits so long in front of a chat window. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Whether the response is an event stream, whatever parameters its media type has. */
export function isEventStream(head: ResponseHead): boolean {
  return /^text\/event-stream\s*(;|$)/i.test(head.headers.get('content-type') ?? '');
}

/**
 * What a response that is not the hoped-for one means; `body` is quoted unless it is HTML. A message that was answered
 * with a lost session, or with a redirect, surely did not run.
 */
export function errorFromResponse(
  where: string,
  head: ResponseHead,
  body: string,
  mayHaveRun: boolean,
): DrawbridgeError {
  const { status, headers } = head;
  const isHtml = /html/i.test(headers.get('content-type') ?? '') || body.trimStart().startsWith('<');
  const excerpt = isHtml ? 'an HTML page' : body.trim().slice(0, EXCERPT_CHARS);
  const why = `HTTP ${status}${excerpt === '' ? '' : `: ${excerpt}`}`;
  const details = { why, upstreamStatus: status, mayHaveRun };
  const error = (code: DrawbridgeErrorCode, message: string, hint?: string): DrawbridgeError =>
    new DrawbridgeError(code, `${where} ${message}`, { ...details, ...(hint === undefined ? {} : { hint }) });
  if (isSessionLoss(status, body)) {
    return new DrawbridgeError('session_lost', `${where} does not know this session or path`, {
      ...details,
      hint: WRONG_PATH,
      mayHaveRun: false,
    });
  }
  if (status >= 300 && status < 400) return redirectError(where, head, { ...details, mayHaveRun: false });
  if (status === 400 && /\bHTTPS (port|server)\b/i.test(body)) {
    return error('upstream_error', 'wants TLS', 'Begin the URL with https://.');
  }
  if (status === 400 && /SSL certificate/i.test(body)) {
    return error('upstream_refused', 'wants another client certificate, or one at all', CLIENT_CERTIFICATE);
  }
  if (status === 401) return error('upstream_refused', 'refused the supplied credential', WRONG_CREDENTIAL);
  if (status === 403) return error('upstream_refused', 'refused the supplied credential', MISSING_RIGHT);
  if (status === 407) {
    return error('upstream_refused', 'is reached through a proxy that wants a credential', PROXY_CREDENTIAL);
  }
  if (status === 421) {
    return error('upstream_error', 'does not accept this Host header', OTHER_HOST);
  }
  if (status === 508) return error('loop_detected', 'leads back to a gateway that the request came through');
  if (status === 429 || status === 503) return busyError(where, head, details);
  if (status >= 200 && status < 300) {
    const type = headers.get('content-type') ?? 'no Content-Type';
    return new DrawbridgeError('upstream_invalid', `${where} did not answer as an MCP server`, {
      ...details,
      why: `HTTP ${status}, ${type}`,
    });
  }
  return error('upstream_error', 'answered with an error');
}

const WRONG_PATH = 'Is the path of the URL right, such as /sse or /mcp?';
const OTHER_HOST =
  'The server accepts other Host names only: use one of them in the URL, or allow this one there. The gateway has --upstream-host.';
const WRONG_CREDENTIAL =
  'Give the credential that it wants with --header "Authorization: Bearer …", or check the one given.';
const MISSING_RIGHT = 'Check what the credential given with --header is allowed to do.';
const PROXY_CREDENTIAL =
  'Put user and password into the URL in HTTP_PROXY, as in http://user:password@proxy.example:3128';
const CLIENT_CERTIFICATE = 'Give a client certificate that the server accepts with --client-cert and --client-key.';

function redirectError(where: string, head: ResponseHead, details: DrawbridgeErrorDetails): DrawbridgeError {
  const location = head.headers.get('location')?.slice(0, EXCERPT_CHARS);
  const message = `${where} redirects to ${location ?? 'nowhere'}`;
  const to = location !== undefined && URL.canParse(location) ? new URL(location) : undefined;
  // Within its origin such a redirect would have been followed, so what was asked was https.
  const isDowngrade = to?.protocol === 'http:' && to.host === where && (head.status === 307 || head.status === 308);
  const hint = isDowngrade
    ? `The server takes itself for one of http, as servers behind a proxy do. Try https://${to.host}${to.pathname} as the URL.`
    : undefined;
  return new DrawbridgeError('upstream_redirect', message, { ...details, ...(hint === undefined ? {} : { hint }) });
}

/** 429 and 503, which may say when to ask again. */
function busyError(where: string, head: ResponseHead, details: DrawbridgeErrorDetails): DrawbridgeError {
  const retryAfterMs = retryAfterOf(head);
  const after = retryAfterMs === undefined ? '' : `, and asks to be left alone for ${Math.ceil(retryAfterMs / 1000)} s`;
  const what = head.status === 429 ? 'takes no more requests for now' : 'answered with an error';
  return new DrawbridgeError('upstream_error', `${where} ${what}${after}`, {
    ...details,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(head.status === 429 ? { hint: 'Wait, then try again.' } : {}),
  });
}

/** Retry-After (RFC 9110 §10.2.3), seconds or a date, in milliseconds; at most an hour. */
function retryAfterOf(head: ResponseHead): number | undefined {
  const text = head.headers.get('retry-after') ?? '';
  // Date.parse takes much for a date, -5 among it; that of HTTP begins with the day of the week.
  const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : date - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** The same error for another message, of which it depends on itself whether it may have run. */
export function errorFor(error: DrawbridgeError, mayHaveRun: boolean): DrawbridgeError {
  return error.mayHaveRun === mayHaveRun ? error : changed(error, { mayHaveRun });
}

/** The same error with the time that the server asked for, in milliseconds. */
export function withRetryAfter(error: DrawbridgeError, retryAfterMs: number): DrawbridgeError {
  return changed(error, { retryAfterMs });
}

function changed(error: DrawbridgeError, changes: DrawbridgeErrorDetails): DrawbridgeError {
  const { code, message, why, upstreamStatus, retryAfterMs, hint, mayHaveRun } = error;
  return new DrawbridgeError(code, message, {
    ...(why === undefined ? {} : { why }),
    ...(upstreamStatus === undefined ? {} : { upstreamStatus }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    hint,
    mayHaveRun,
    ...changes,
    cause: error,
  });
}

/** 404 and 410 by the specification; Python's and older TypeScript servers say it with a 400 that speaks of the session. */
function isSessionLoss(status: number, body: string): boolean {
  return status === 404 || status === 410 || (status === 400 && /session/i.test(body));
}
