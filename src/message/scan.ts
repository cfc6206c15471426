/**
 * Steps over the tokens of JSON text in its bytes, forwards and backwards, in linear time. The bytes are taken to be JSON;
 * for other bytes where a step ends is a guess, but never past either end.
 */

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  return at;
}

export function skipSpaceBack(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at--;
  return at;
}

/** The index after the string whose opening quote stands at `from`; the length where it never ends. */
export function endOfString(bytes: Buffer, from: number): number {
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
export function startOfString(bytes: Buffer, from: number): number {
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

export function startOfLiteral(bytes: Buffer, from: number): number {
  let at = from;
  while (isLiteral(bytes[at])) at--;
  return at + 1;
}

/** The index after the object or array that opens at `from`; the length where it never closes. */
export function endOfContainer(bytes: Buffer, from: number): number {
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

/** The index after the value that starts at `from`; `from` itself where no value does. */
export function endOfValue(bytes: Buffer, from: number): number {
  const opener = bytes[from];
  if (opener === OPEN_BRACE || opener === OPEN_BRACKET) return endOfContainer(bytes, from);
  return opener === QUOTE ? endOfString(bytes, from) : endOfLiteral(bytes, from);
}
