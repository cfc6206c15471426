import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
} from './scan.ts';

/** Objects and arrays within one another. Servers written in Python give up at about 1000. */
export const MAX_JSON_DEPTH = 500;

export interface JsonFault {
  /** The index of the first byte that cannot stand where it does; the length where the text ends too early. */
  readonly at: number;
  /** The text may be JSON, but is nested deeper than `MAX_JSON_DEPTH`. */
  readonly isTooDeep: boolean;
}

/** Where the bytes cease to be one JSON text (RFC 8259); undefined where they are one. Linear, and builds nothing. */
export function findJsonFault(bytes: Buffer): JsonFault | undefined {
  const isObject: boolean[] = [];
  let at = skipSpace(bytes, 0);
  while (true) {
    const opener = bytes[at];
    if (opener === OPEN_BRACE || opener === OPEN_BRACKET) {
      if (isObject.length === MAX_JSON_DEPTH) return { at, isTooDeep: true };
      isObject.push(opener === OPEN_BRACE);
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== (opener === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) {
        if (opener === OPEN_BRACE) at = afterKey(bytes, at);
        if (at < 0) return fault(~at);
        continue;
      }
    } else {
      at = afterScalar(bytes, at);
      if (at < 0) return fault(~at);
      at = skipSpace(bytes, at);
    }
    while (isObject.length > 0 && bytes[at] === (isObject.at(-1) ? CLOSE_BRACE : CLOSE_BRACKET)) {
      isObject.pop();
      at = skipSpace(bytes, at + 1);
    }
    if (isObject.length === 0) return at === bytes.length ? undefined : fault(at);
    if (bytes[at] !== COMMA) return fault(at);
    at = skipSpace(bytes, at + 1);
    if (isObject.at(-1)) at = afterKey(bytes, at);
    if (at < 0) return fault(~at);
  }
}

function fault(at: number): JsonFault {
  return { at, isTooDeep: false };
}

// Each of these gives the index after what it steps over, or the complement (~) of the index of the fault.

function afterKey(bytes: Buffer, from: number): number {
  if (bytes[from] !== QUOTE) return ~from;
  const end = afterString(bytes, from);
  if (end < 0) return end;
  const colon = skipSpace(bytes, end);
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : ~colon;
}

function afterScalar(bytes: Buffer, from: number): number {
  switch (bytes[from]) {
    case QUOTE:
      return afterString(bytes, from);
    case 0x74:
      return afterWord(bytes, from, 'true');
    case 0x66:
      return afterWord(bytes, from, 'false');
    case 0x6e:
      return afterWord(bytes, from, 'null');
    default:
      return afterNumber(bytes, from);
  }
}

function afterString(bytes: Buffer, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return ~at;
    if (byte !== BACKSLASH) continue;
    const escaped = bytes[++at];
    if (escaped === undefined) break;
    if (escaped === 0x75) {
      for (let digit = 0; digit < 4; digit++) if (!isHex(bytes[++at])) return ~Math.min(at, bytes.length);
    } else if (!'"\\/bfnrt'.includes(String.fromCharCode(escaped))) return ~at;
  }
  return ~bytes.length;
}

function afterWord(bytes: Buffer, from: number, word: string): number {
  for (let index = 1; index < word.length; index++) {
    if (bytes[from + index] !== word.charCodeAt(index)) return ~Math.min(from + index, bytes.length);
  }
  return from + word.length;
}

function afterNumber(bytes: Buffer, from: number): number {
  let at = bytes[from] === 0x2d ? from + 1 : from;
  if (!isDigit(bytes[at])) return ~at;
  at = bytes[at] === 0x30 ? at + 1 : afterDigits(bytes, at);
  if (bytes[at] === 0x2e) {
    if (!isDigit(bytes[at + 1])) return ~(at + 1);
    at = afterDigits(bytes, at + 1);
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    at += sign === 0x2b || sign === 0x2d ? 2 : 1;
    if (!isDigit(bytes[at])) return ~at;
    at = afterDigits(bytes, at);
  }
  return at;
}

function afterDigits(bytes: Buffer, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at++;
  return at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && ((byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)));
}
