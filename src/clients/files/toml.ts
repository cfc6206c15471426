import { parse, patch } from '@decimalturn/toml-patch';
import { renderEntry } from '../render.ts';
import type { Placed } from '../server-entry.ts';
import { occupied, unreadable } from './file-text.ts';

type Table = Record<string, unknown>;

/** The tables of a TOML text. Throws `config` with line and column. */
export function parseToml(text: string, file: string): Table {
  try {
    return parse(text) as Table;
  } catch (thrown) {
    const { message } = thrown as Error;
    const [, line = '1', column = '1'] =
      /\((\d+), ?(\d+)\)/.exec(message) ?? /line (\d+).*?col\w* (\d+)/i.exec(message) ?? [];
    const why = message.split('\n')[0]!.replace(/^Error parsing TOML \(\d+, ?\d+\):?\s*/, '');
    throw unreadable(file, { line: Number(line), column: Number(column) }, why || 'no TOML');
  }
}

/** The text with the table in it: at its end, or where one of that name stands. */
export function setInToml(text: string, file: string, { path, value }: Placed, eol: string): string {
  const before = parseToml(text, file);
  const wanted = withValue(before, path, value, file);
  if (isSame(before, wanted)) return text;
  const printed = renderEntry({ format: 'toml', path, value, way: 'direct', notes: [] }).replaceAll('\n', eol);
  const lines = tableLines(text, path);
  const gap = text === '' ? '' : text.endsWith('\n') ? eol : eol + eol;
  const spliced =
    lines === undefined
      ? `${text}${gap}${printed}${eol}`
      : text.slice(0, lines.from) + printed + eol + text.slice(lines.to);
  // Where the entry is written in another way than as tables, or the scan of lines was misled.
  return isSame(parseSafely(spliced), wanted) ? spliced : patch(text, wanted);
}

/** The text without the table; the same text where there is none. */
export function removeFromToml(text: string, file: string, { path }: Omit<Placed, 'value'>, eol: string): string {
  const before = parseToml(text, file);
  if (valueAt(before, path) === undefined) return text;
  const wanted = withValue(before, path, undefined, file);
  const lines = tableLines(text, path);
  if (lines !== undefined) {
    const head = text.slice(0, lines.from);
    const rest = text.slice(lines.to);
    // The blank line that parts it goes with it.
    const spliced =
      (head.endsWith(eol + eol) && (rest === '' || rest.startsWith(eol)) ? head.slice(0, -eol.length) : head) + rest;
    if (isSameBut(parseSafely(spliced), wanted, path)) return spliced;
  }
  return patch(text, wanted);
}

/** From the table's header to the end of its last line; those of its own tables that follow at once belong to it. */
function tableLines(text: string, path: readonly string[]): { readonly from: number; readonly to: number } | undefined {
  let from: number | undefined;
  let to = 0;
  let offset = 0;
  for (const line of text.split(/(?<=\n)/)) {
    const names = headerNames(line);
    if (names !== undefined) {
      const isOurs = path.every((name, index) => names[index] === name);
      if (isOurs) from ??= offset;
      else if (from !== undefined) break;
    }
    offset += line.length;
    if (from !== undefined && line.trim() !== '' && !line.trimStart().startsWith('#')) to = offset;
  }
  return from === undefined ? undefined : { from, to };
}

/** `[a."b c".d]` names three tables; undefined for a line that is no header. */
function headerNames(line: string): readonly string[] | undefined {
  const [, inside] = /^\s*\[\s*([^[\]]+?)\s*\]\s*(?:#.*)?$/.exec(line.trimEnd()) ?? [];
  return inside
    ?.match(/"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+/g)
    ?.map((name) => (name.startsWith('"') ? (JSON.parse(name) as string) : name.replace(/^'|'$/g, '')));
}

export function valueAt(table: Table, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) => (isTable(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined),
    table,
  );
}

/** A copy in which the value stands under the path, or nothing does. */
function withValue(table: Table, path: readonly string[], value: unknown, file: string, depth = 0): Table {
  const [name = '', ...rest] = path.slice(depth);
  const copy: Table = { ...table };
  if (rest.length > 0) {
    const inner = Object.hasOwn(copy, name) ? copy[name] : {};
    if (!isTable(inner)) throw occupied(file, path.slice(0, depth + 1), 'a table');
    copy[name] = withValue(inner, path, value, file, depth + 1);
  } else if (value === undefined) delete copy[name];
  else copy[name] = value;
  return copy;
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function parseSafely(text: string): Table | undefined {
  try {
    return parse(text) as Table;
  } catch {
    return undefined;
  }
}

function isSame(left: unknown, right: unknown): boolean {
  return canonical(left) === canonical(right);
}

/** A table that was there for the entry alone is not there any more without it. */
function isSameBut(left: Table | undefined, right: Table, path: readonly string[]): boolean {
  if (left === undefined || isSame(left, right)) return left !== undefined;
  const parent = path.slice(0, -1);
  const rest = valueAt(right, parent);
  return isTable(rest) && Object.keys(rest).length === 0 && isSame(left, withValue(right, parent, undefined, ''));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`;
    if (!isTable(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
