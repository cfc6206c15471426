/**
 * Reads what routing needs from the raw bytes of a JSON-RPC message, and nothing else.
 *
 * The scan walks the members of the top-level object from the front and, when it meets an object or array that it would
 * have to cross, from the back: peers write `id` before or after the large member, so either end knows it. Only when
 * neither does is the large member crossed. The bytes are taken to be JSON; for other bytes the answer is a guess.
 */
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  endOfContainer,
  endOfString,
  endOfValue,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  skipSpaceBack,
  startOfLiteral,
  startOfString,
} from './scan.ts';

export interface Peeked {
  readonly kind: 'request' | 'notification' | 'response' | 'batch' | 'invalid';
  /** The id's own JSON text, such as `1`, `"a"` or `9007199254740993`; undefined where there is none. */
  readonly id: string | undefined;
  readonly method: string | undefined;
}

/** Keys of at most this many bytes can be one of those we look for. */
const LONGEST_KEY = 6;

const INVALID: Peeked = { kind: 'invalid', id: undefined, method: undefined };
const BATCH: Peeked = { kind: 'batch', id: undefined, method: undefined };

interface Found {
  id: string | undefined;
  method: string | undefined;
  isResponse: boolean;
  /** The id is an object or array, which no message has. */
  hasOddId: boolean;
}

export function peek(bytes: Buffer): Peeked {
  const first = skipSpace(bytes, 0);
  if (bytes[first] === OPEN_BRACKET) return BATCH;
  if (bytes[first] !== OPEN_BRACE) return INVALID;
  const last = skipSpaceBack(bytes, bytes.length - 1);
  if (last <= first || bytes[last] !== CLOSE_BRACE) return INVALID;

  const found: Found = { id: undefined, method: undefined, isResponse: false, hasOddId: false };
  let tail = -1;
  let at = skipSpace(bytes, first + 1);
  while (at < last) {
    if (bytes[at] !== QUOTE) return INVALID;
    const keyEnd = endOfString(bytes, at);
    const colon = skipSpace(bytes, keyEnd);
    if (bytes[colon] !== COLON) return INVALID;
    const start = skipSpace(bytes, colon + 1);
    const opener = bytes[start];
    let end: number;
    if (opener === OPEN_BRACE || opener === OPEN_BRACKET) {
      note(found, bytes, at + 1, keyEnd - 1, -1, -1);
      if (isEnough(found)) break;
      if (tail === -1) {
        tail = scanBack(bytes, last, start, found);
        if (isEnough(found)) break;
      }
      end = endOfContainer(bytes, start);
      if (end === tail) break;
    } else {
      end = endOfValue(bytes, start);
      if (end === start) return INVALID;
      note(found, bytes, at + 1, keyEnd - 1, start, end);
    }
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (at !== last) return INVALID;
  }
  if (found.hasOddId) return INVALID;
  if (found.isResponse) return { kind: 'response', id: found.id, method: undefined };
  if (found.method === undefined) return { kind: 'invalid', id: found.id, method: undefined };
  return { kind: found.id === undefined ? 'notification' : 'request', id: found.id, method: found.method };
}

/**
 * The id of the request of which these bytes are only the beginning; undefined where they do not show it, or show that
 * the message is an answer, whose id names a request of the other side.
 */
export function peekHead(head: Buffer): string | undefined {
  const found: Found = { id: undefined, method: undefined, isResponse: false, hasOddId: false };
  let at = skipSpace(head, 0);
  if (head[at] !== OPEN_BRACE) return undefined;
  do {
    const key = skipSpace(head, at + 1);
    if (head[key] !== QUOTE) break;
    const keyEnd = endOfString(head, key);
    const colon = skipSpace(head, keyEnd);
    if (head[colon] !== COLON) break;
    const start = skipSpace(head, colon + 1);
    const end = endOfValue(head, start);
    const isScalar = head[start] !== OPEN_BRACE && head[start] !== OPEN_BRACKET;
    // Where the value goes on past the head, its key alone counts.
    const isWhole = isScalar && end > start && end < head.length;
    note(found, head, key + 1, keyEnd - 1, isWhole ? start : -1, isWhole ? end : -1);
    at = skipSpace(head, end);
  } while (head[at] === COMMA);
  return found.isResponse || found.hasOddId ? undefined : found.id;
}

/**
 * A key under which two spellings of one id meet: peers may answer `1e2` with `100` and `"\u0061"` with `"a"`, but
 * `1` and `"1"` stay apart and 2^53+1 keeps its digits.
 */
export function idKey(id: string): string {
  if (id.charCodeAt(0) === QUOTE) return id.includes('\\') ? safeCanonical(id) : id;
  return /[.eE]|^-0$/.test(id) ? safeCanonical(id) : id;
}

function safeCanonical(id: string): string {
  try {
    const value: unknown = JSON.parse(id);
    // Past the range of a double, which every peer reads differently, an id is its own text.
    return Number.isFinite(value) || typeof value === 'string' ? JSON.stringify(value) : id;
  } catch {
    return id;
  }
}

function isEnough(found: Found): boolean {
  return found.id !== undefined && (found.isResponse || found.method !== undefined);
}

/** Takes note of one member; `start` is -1 for a member whose value is an object or array. */
function note(found: Found, bytes: Buffer, keyStart: number, keyEnd: number, start: number, end: number): void {
  if (keyEnd - keyStart > LONGEST_KEY) return;
  switch (bytes.toString('latin1', keyStart, keyEnd)) {
    case 'id':
      if (start === -1) found.hasOddId = true;
      else if (found.id === undefined) found.id = bytes.toString('utf8', start, end);
      break;
    case 'method':
      if (start !== -1 && bytes[start] === QUOTE && found.method === undefined) found.method = text(bytes, start, end);
      break;
    case 'result':
    case 'error':
      found.isResponse = true;
  }
}

function text(bytes: Buffer, start: number, end: number): string {
  const inner = bytes.toString('utf8', start + 1, end - 1);
  if (!inner.includes('\\')) return inner;
  try {
    return JSON.parse(bytes.toString('utf8', start, end)) as string;
  } catch {
    return inner;
  }
}

/**
 * Notes members from the end of the object backwards while their values are strings, numbers or literals.
 * Returns the index after the first object or array met from behind, or `floor` when none stands after it.
 * Exact for JSON: outside a string, a quote that no odd run of backslashes precedes is a string's end or start.
 */
function scanBack(bytes: Buffer, last: number, floor: number, found: Found): number {
  let at = skipSpaceBack(bytes, last - 1);
  while (at > floor) {
    const end = at + 1;
    if (bytes[at] === CLOSE_BRACE || bytes[at] === CLOSE_BRACKET) return end;
    const start = bytes[at] === QUOTE ? startOfString(bytes, at) : startOfLiteral(bytes, at);
    const colon = skipSpaceBack(bytes, start - 1);
    if (start <= floor || bytes[colon] !== COLON) return floor;
    const keyLast = skipSpaceBack(bytes, colon - 1);
    if (bytes[keyLast] !== QUOTE) return floor;
    const keyStart = startOfString(bytes, keyLast);
    if (keyStart <= floor) return floor;
    note(found, bytes, keyStart + 1, keyLast, start, end);
    const comma = skipSpaceBack(bytes, keyStart - 1);
    if (bytes[comma] !== COMMA) return floor;
    at = skipSpaceBack(bytes, comma - 1);
  }
  return floor;
}
