import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  endOfString,
  endOfValue,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
} from './scan.ts';

/** A piece of the bytes, from `start` up to but without `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Shows each member of the object that opens at `at`, in order: its key with the quotes, and its value. Gives the index
 * after the object, or undefined where the bytes are no object to its end; what came before the fault was shown.
 */
export function members(bytes: Buffer, at: number, show: (key: Range, value: Range) => void): number | undefined {
  if (bytes[at] !== OPEN_BRACE) return undefined;
  let next = skipSpace(bytes, at + 1);
  if (bytes[next] === CLOSE_BRACE) return next + 1;
  while (true) {
    if (bytes[next] !== QUOTE) return undefined;
    const key = { start: next, end: endOfString(bytes, next) };
    const colon = skipSpace(bytes, key.end);
    if (bytes[colon] !== COLON) return undefined;
    const start = skipSpace(bytes, colon + 1);
    const end = endOfValue(bytes, start);
    const after = skipSpace(bytes, end);
    if (end === start || (bytes[after] !== COMMA && bytes[after] !== CLOSE_BRACE)) return undefined;
    show(key, { start, end });
    if (bytes[after] === CLOSE_BRACE) return after + 1;
    next = skipSpace(bytes, after + 1);
  }
}

/** Shows each element of the array that opens at `at`, and gives what `members` gives. */
export function elements(bytes: Buffer, at: number, show: (element: Range) => void): number | undefined {
  if (bytes[at] !== OPEN_BRACKET) return undefined;
  let start = skipSpace(bytes, at + 1);
  if (bytes[start] === CLOSE_BRACKET) return start + 1;
  while (true) {
    const end = endOfValue(bytes, start);
    const after = skipSpace(bytes, end);
    if (end === start || (bytes[after] !== COMMA && bytes[after] !== CLOSE_BRACKET)) return undefined;
    show({ start, end });
    if (bytes[after] === CLOSE_BRACKET) return after + 1;
    start = skipSpace(bytes, after + 1);
  }
}

/** What `soleMember` gives where two readers of the object could disagree about the member. */
export const AMBIGUOUS = 'ambiguous';

/**
 * The value of the member with this name in the object that opens at `at`; undefined where there is none. It is
 * `ambiguous` where the name stands twice, in whatever case since some servers (Go's) read keys without regard to it, and
 * where the bytes are no object.
 */
export function soleMember(bytes: Buffer, at: number, name: string): Range | typeof AMBIGUOUS | undefined {
  let found: Range | undefined;
  let count = 0;
  const end = members(bytes, at, (key, value) => {
    if (!isNamed(bytes, key, name)) return;
    found = value;
    count++;
  });
  return end === undefined || count > 1 ? AMBIGUOUS : found;
}

/** The text of the string in this range, its escapes resolved; undefined where it is no string. */
export function stringAt(bytes: Buffer, range: Range): string | undefined {
  if (bytes[range.start] !== QUOTE) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8', range.start, range.end)) as string;
  } catch {
    return undefined;
  }
}

/** Most keys are told apart by their length, and nearly all without building a string. */
function isNamed(bytes: Buffer, key: Range, name: string): boolean {
  const length = key.end - key.start - 2;
  if (length === name.length) {
    for (let index = 0; index < length; index++) {
      if ((bytes[key.start + 1 + index]! | 0x20) !== (name.charCodeAt(index) | 0x20)) return false;
    }
    return true;
  }
  // Of that many characters it is only with escapes, of six bytes at most, or with letters beyond ASCII.
  if (length < name.length || length > name.length * 6) return false;
  for (let at = key.start + 1; at < key.end - 1; at++) {
    if (bytes[at]! < 0x80 && bytes[at] !== BACKSLASH) continue;
    const text = stringAt(bytes, key);
    return text !== undefined && fold(text) === fold(name);
  }
  return false;
}

/** In both directions, since `ſ` is a kind of `S`, and the sign for kelvin a kind of `k`. */
function fold(text: string): string {
  return text.toLowerCase().toUpperCase();
}
