/** One header or one `key = value` of a TOML text that parses. */
export interface TomlStatement {
  readonly isHeader: boolean;
  /** From the root of the file; where an array of tables is on the way, its index stands behind its name. */
  readonly path: readonly (string | number)[];
  readonly from: number;
  /** Behind its last character and the comment on that line, before the end of the line. */
  readonly to: number;
  /** From 1. */
  readonly line: number;
}

const KEY = /\s*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([\w-]+))\s*(\.?)/y;

/** Splits a text that the parser has taken already; linear in its length. */
export function splitToml(text: string): readonly TomlStatement[] {
  const statements: TomlStatement[] = [];
  const lengths = new Map<string, number>();
  let table: readonly (string | number)[] = [];
  let line = 1;
  let counted = 0;
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at]!)) at++;
    else if (text[at] === '#') at = lineEnd(text, at);
    else {
      const from = at;
      for (; counted < from; counted++) if (text[counted] === '\n') line++;
      const isHeader = text[at] === '[';
      const isArray = text.startsWith('[[', at);
      const { names, end } = readNames(text, at + (isArray ? 2 : isHeader ? 1 : 0));
      at = isHeader ? lineEnd(text, end) : valueEnd(text, end);
      // A text that this cannot split is none that the parser takes.
      if (at <= from) return statements;
      if (isHeader) {
        if (isArray) {
          const key = JSON.stringify(place(names, lengths, false));
          lengths.set(key, (lengths.get(key) ?? 0) + 1);
        }
        table = place(names, lengths, true);
      }
      const path = isHeader ? table : [...table, ...names];
      statements.push({ isHeader, path, from, to: from + text.slice(from, at).trimEnd().length, line });
    }
  }
  return statements;
}

/** Names as a path; the last name of `[[a]]` itself has no index yet while its tables are counted. */
function place(
  names: readonly string[],
  lengths: ReadonlyMap<string, number>,
  withLast: boolean,
): readonly (string | number)[] {
  const path: (string | number)[] = [];
  for (const [index, name] of names.entries()) {
    path.push(name);
    const length = withLast || index < names.length - 1 ? lengths.get(JSON.stringify(path)) : undefined;
    if (length !== undefined) path.push(length - 1);
  }
  return path;
}

function readNames(text: string, from: number): { readonly names: readonly string[]; readonly end: number } {
  const names: string[] = [];
  let end = from;
  for (let hasMore = true; hasMore; ) {
    KEY.lastIndex = end;
    const found = KEY.exec(text);
    if (found === null) break;
    const [, basic, literal, bare, dot] = found;
    names.push(basic === undefined ? (literal ?? bare ?? '') : plainName(basic));
    end = KEY.lastIndex;
    hasMore = dot === '.';
  }
  return { names, end };
}

/** TOML's escapes are those of JSON, and `\e`, `\xHH` and `\UHHHHHHHH`. */
function plainName(basic: string): string {
  const asJson = basic
    .replace(/\\U([0-9A-Fa-f]{8})/g, (_all, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/\\x([0-9A-Fa-f]{2})/g, '\\u00$1')
    .replace(/\\e/g, '\\u001b')
    .replace(/\t/g, '\\t');
  try {
    return JSON.parse(`"${asJson}"`) as string;
  } catch {
    return basic;
  }
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

/** Strings, arrays and inline tables may go on over lines; what is left of the last line is a comment at most. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const char = text[at]!;
    if (char === '"' || char === "'") at = stringEnd(text, at, char);
    else if (char === '#') at = lineEnd(text, at);
    else if (char === '\n' && depth === 0) return at;
    else {
      if (char === '[' || char === '{') depth++;
      if (char === ']' || char === '}') depth--;
      at++;
    }
  }
  return at;
}

function stringEnd(text: string, from: number, quote: string): number {
  const mark = text.startsWith(quote.repeat(3), from) ? quote.repeat(3) : quote;
  let at = from + mark.length;
  while (at < text.length && !text.startsWith(mark, at)) at += text[at] === '\\' && quote === '"' ? 2 : 1;
  at += mark.length;
  // Up to two quotes may stand before the three that end it.
  while (mark.length === 3 && text[at] === quote) at++;
  return at;
}
