/**
 * Reads what routing needs from the raw bytes of a JSON-RPC message, and nothing else.
 *
 * The scan walks the members of the top-level object from the front and, when it meets an object or array that it would
 * have to cross, from the back: peers write `id` before or after the large member, so either end knows it. Only when
 * neither does is the large member crossed. The bytes are taken to be JSON; for other bytes the answer is a guess.
 */
export interface Peeked {
  readonly kind: 'request' | 'notification' | 'response' | 'batch' | 'invalid';
  /** The id's own JSON text, such as `1`, `"a"` or `9007199254740993`; undefined where there is none. */
  readonly id: string | undefined;
  readonly method: string | undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** Keys of at most this many bytes can be one of those we look for. */
const LONGEST_KEY = 6;

const INVALID: Peeked = { kind: 'invalid', id: undefined, method: undefined };
const BATCH: Peeked = { kind: 'batch', id: undefined, method: undefined };

interface Found {
  id: string | undefined;
  method: string | undefined;
  isResponse: boolean;
}

export function peek(bytes: Buffer): Peeked {
  const first = skipSpace(bytes, 0);
  if (bytes[first] === OPEN_BRACKET) return BATCH;
  if (bytes[first] !== OPEN_BRACE) return INVALID;
  const last = skipSpaceBack(bytes, bytes.length - 1);
  if (last <= first || bytes[last] !== CLOSE_BRACE) return INVALID;

  const found: Found = { id: undefined, method: undefined, isResponse: false };
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
      end = opener === QUOTE ? endOfString(bytes, start) : endOfLiteral(bytes, start);
      if (end === start) return INVALID;
      note(found, bytes, at + 1, keyEnd - 1, start, end);
    }
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (at !== last) return INVALID;
  }
  if (found.isResponse) return { kind: 'response', id: found.id, method: undefined };
  if (found.method === undefined) return { kind: 'invalid', id: found.id, method: undefined };
  return { kind: found.id === undefined ? 'notification' : 'request', id: found.id, method: found.method };
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
      if (start !== -1 && found.id === undefined) found.id = bytes.toString('utf8', start, end);
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

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  return at;
}

function skipSpaceBack(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at--;
  return at;
}

/** The index after the string whose opening quote stands at `from`; the length where it never ends. */
function endOfString(bytes: Buffer, from: number): number {
  let at = from + 1;
  // Most strings are short; past this many bytes the native search wins over the loop.
  const near = Math.min(bytes.length, at + 64);
  for (; at < near; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  if (at >= bytes.length) return bytes.length;
  for (let quote = bytes.indexOf(QUOTE, at); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 1)) {
    if (!isEscaped(bytes, quote, at)) return quote + 1;
  }
  return bytes.length;
}

/** The index of the opening quote of the string whose closing quote stands at `from`; -1 where there is none. */
function startOfString(bytes: Buffer, from: number): number {
  for (let quote = from - 1; quote >= 0; quote--) {
    if (bytes[quote] === QUOTE && !isEscaped(bytes, quote, 0)) return quote;
  }
  return -1;
}

function isEscaped(bytes: Buffer, quote: number, floor: number): boolean {
  let slash = quote - 1;
  while (slash >= floor && bytes[slash] === BACKSLASH) slash--;
  return (quote - 1 - slash) % 2 === 1;
}

function isLiteral(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= 0x30 && byte <= 0x39) || // digits
    (byte >= 0x61 && byte <= 0x7a) || // true, false, null, exponent
    byte === 0x2d || // -
    byte === 0x2b || // +
    byte === 0x2e || // .
    byte === 0x45 // E
  );
}

function endOfLiteral(bytes: Buffer, from: number): number {
  let at = from;
  while (isLiteral(bytes[at])) at++;
  return at;
}

function startOfLiteral(bytes: Buffer, from: number): number {
  let at = from;
  while (isLiteral(bytes[at])) at--;
  return at + 1;
}

/** The index after the object or array that opens at `from`; the length where it never closes. */
function endOfContainer(bytes: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < bytes.length; ) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at + 1;
    at++;
  }
  return bytes.length;
}
