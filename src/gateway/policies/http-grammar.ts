import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import type { Policy, Refusal } from '../refusal.ts';

/** Headers of which a second one makes the request mean two things; those of MCP, `mcp-…`, besides. */
const SINGLE = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'expect',
  'authorization',
  'origin',
  'last-event-id',
  'x-api-key',
]);

/** Far more than a client and a few proxies send; Node 20 drops what comes after the first thousand without a word. */
const MAX_HEADERS = 100;
const MAX_TARGET_CHARS = 8192;

/** A path and query in visible ASCII. Two slashes in front would be a host to some, a backslash a slash to others. */
const TARGET = /^\/(?![/\\])[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
const LENGTH = /^\d{1,15}$/;

/** Methods whose body has no meaning (RFC 9110 §9.3.1), so that one reader skips it and another takes it for a request. */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/**
 * Refuses what Node's parser lets through but two readers could read differently (RFC 9112 §11): repeated single
 * headers, a length beside a transfer coding, an absolute target, another version, headers that may have been dropped.
 */
export const httpGrammar: Policy = ({ req }) => {
  if (mayHaveLostHeaders(req)) return refuse(`it has more than ${MAX_HEADERS} headers`, 431);
  const repeated = findRepeated(req);
  if (repeated !== undefined) return refuse(`the header ${repeated} occurs twice`);
  return checkVersion(req) ?? checkTarget(req) ?? checkFraming(req);
};

function mayHaveLostHeaders({ rawHeaders, socket }: IncomingMessage): boolean {
  const lines = rawHeaders.length / 2;
  if (lines > MAX_HEADERS) return true;
  // A host's own server may keep fewer than we would take, and then what was dropped is not to be seen.
  const kept = (socket as { readonly server?: Server & { readonly maxHeadersCount?: number | null } }).server
    ?.maxHeadersCount;
  return typeof kept === 'number' && kept > 0 && lines >= kept;
}

function findRepeated({ headers, rawHeaders }: IncomingMessage): string | undefined {
  // Node joins or drops what is repeated: where nothing was, nothing is.
  if (Object.keys(headers).length * 2 === rawHeaders.length) return undefined;
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!SINGLE.has(name) && !name.startsWith('mcp-')) continue;
    if (seen.has(name)) return name.slice(0, 40);
    seen.add(name);
  }
  return undefined;
}

function checkVersion(req: IncomingMessage): Refusal | undefined {
  // HTTP/2 comes with a stream; without one it is a line of text that says so.
  if (req.httpVersion === '1.1' || req.httpVersion === '1.0' || 'stream' in req) return undefined;
  return refuse('its version of HTTP is not served', 505);
}

function checkTarget({ url, headers }: IncomingMessage): Refusal | undefined {
  if (headers.host === undefined) return refuse('it has no Host header');
  if (url === undefined || url.length > MAX_TARGET_CHARS) return refuse('its target is too long', 414);
  return TARGET.test(url) ? undefined : refuse('its target is not a path');
}

/** How long the body is must be said once, in one way, and only where there may be one. */
function checkFraming({ headers, httpVersion, method }: IncomingMessage): Refusal | undefined {
  const { 'transfer-encoding': coding, 'content-length': length } = headers;
  if (coding !== undefined) {
    if (length !== undefined) return refuse('it has both a Content-Length and a Transfer-Encoding');
    if (coding.toLowerCase() !== 'chunked') return refuse('its Transfer-Encoding is not chunked alone');
    if (httpVersion === '1.0') return refuse('HTTP/1.0 has no Transfer-Encoding');
  } else if (length === undefined) return undefined;
  else if (!LENGTH.test(length)) return refuse('its Content-Length is no number');
  if (length === '0' || !WITHOUT_BODY.has(method ?? '')) return undefined;
  return refuse('its method has no body');
}

function refuse(why: string, status = 400): Refusal {
  return { error: new DrawbridgeError('bad_request', 'the request is ambiguous', { why, status }), closes: true };
}
