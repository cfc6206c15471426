import { DrawbridgeError } from '../../errors.ts';

export interface ResponseHead {
  readonly status: number;
  /** By lower-case name; a repeated header's values are joined with `, `, those of Set-Cookie with a line feed. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A response head and what it says of the body that follows (RFC 9112 §6). */
export interface ParsedResponseHead {
  readonly head: ResponseHead;
  readonly framing: 'counted' | 'chunk-size' | 'until-close' | 'done';
  /** Bytes of a counted body. */
  readonly length: number;
  /** Whether the connection can carry another response afterwards. */
  readonly isReusable: boolean;
}

const MAX_HEADERS = 256;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Reads a head without its empty line. Throws `upstream_invalid` for anything that two readers could read differently. */
export function parseResponseHead(bytes: Buffer): ParsedResponseHead {
  const lines = bytes.toString('latin1').split('\r\n');
  const statusLine = lines[0] ?? '';
  const status = parseStatusLine(statusLine);
  if (status === 101) throw invalidResponse('it switched protocols');
  const headers = parseHeaders(lines);
  const head = { status, headers };
  const length = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  const encoding = headers.get('content-encoding');
  const isClosing = /\bclose\b/i.test(headers.get('connection') ?? '');
  const isReusable = statusLine.startsWith('HTTP/1.1') && !isClosing;
  if (length !== undefined && coding !== undefined)
    throw invalidResponse('it gave both a length and a transfer coding');
  if (encoding !== undefined && encoding !== 'identity') {
    throw invalidResponse('it compressed its response, which was not asked for');
  }
  if (status < 200 || status === 204 || status === 304) return { head, framing: 'done', length: 0, isReusable };
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw invalidResponse('it used an unknown transfer coding');
    return { head, framing: 'chunk-size', length: 0, isReusable };
  }
  if (length === undefined) return { head, framing: 'until-close', length: 0, isReusable: false };
  if (!/^\d{1,15}$/.test(length)) throw invalidResponse('it gave a malformed Content-Length');
  return { head, framing: Number(length) === 0 ? 'done' : 'counted', length: Number(length), isReusable };
}

/** The status of a status line, without its line end. Throws `upstream_invalid` for any other line. */
export function parseStatusLine(line: string): number {
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: .*)?$/.exec(line)?.[1];
  if (status === undefined) throw invalidResponse('it does not speak HTTP/1.1');
  return Number(status);
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  if (lines.length > MAX_HEADERS) throw invalidResponse('its response has too many headers');
  const headers = new Map<string, string>();
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index]!;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1 || !TOKEN.test(name)) throw invalidResponse('its response has a malformed header');
    if (/[\0\r\n]/.test(line)) throw invalidResponse('its response has a malformed header');
    const value = line.slice(colon + 1).trim();
    const earlier = headers.get(name);
    if (earlier !== undefined && name === 'content-length' && earlier !== value) {
      throw invalidResponse('it gave two different lengths');
    }
    // The dates in a cookie have commas, so cookies could not be told apart again.
    const separator = name === 'set-cookie' ? '\n' : ', ';
    headers.set(name, earlier === undefined || name === 'content-length' ? value : earlier + separator + value);
  }
  return headers;
}

export function invalidResponse(why: string, hint?: string): DrawbridgeError {
  return new DrawbridgeError('upstream_invalid', 'the MCP server sent a response that is not HTTP as it should be', {
    why,
    ...(hint === undefined ? {} : { hint }),
  });
}
