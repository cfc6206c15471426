import { isDeepStrictEqual } from 'node:util';
import { parse, patch } from '@decimalturn/toml-patch';
import { DrawbridgeError } from '../../errors.ts';
import { renderEntry } from '../render.ts';
import type { Placed } from '../server-entry.ts';
import { occupied, unreadable } from './file-text.ts';
import { splitToml, type TomlStatement } from './toml-statements.ts';

type Table = Record<string, unknown>;

/** The tables of a TOML text. Throws `config` with line and column. */
export function parseToml(text: string, file: string): Table {
  try {
    return plain(parse(text)) as Table;
  } catch (thrown) {
    const { message } = thrown as Error;
    const [, line = '1', column = '1'] =
      /\((\d+), ?(\d+)\)/.exec(message) ?? /line (\d+).*?col\w* (\d+)/i.exec(message) ?? [];
    const why = message.split('\n')[0]!.replace(/^Error parsing TOML \(\d+, ?\d+\):?\s*/, '');
    throw unreadable(file, { line: Number(line), column: Number(column) }, why || 'no TOML');
  }
}

/** The text with the table in it: where one of that name stands, or at the end. */
export function setInToml(text: string, file: string, { path, value }: Placed, eol: string): string {
  const before = parseToml(text, file);
  const wanted = withValue(before, path, value, file);
  if (isDeepStrictEqual(before, wanted)) return text;
  const printed = renderEntry({ format: 'toml', path, value, way: 'direct', notes: [] }).replaceAll('\n', eol);
  const pieces = piecesOf(text, path);
  const [first] = pieces;
  const spliced =
    first?.isTable === true
      ? cutPieces(text, pieces.slice(1), eol).replace(text.slice(first.from, first.to), () => printed)
      : append(cutPieces(text, pieces, eol), printed, eol);
  return firstThatIs(wanted, path, text, [spliced, () => patch(text, wanted)]) ?? refuse(file, path);
}

/** The text without the table; the same text where there is none. */
export function removeFromToml(text: string, file: string, { path }: Omit<Placed, 'value'>, eol: string): string {
  const before = parseToml(text, file);
  if (valueAt(before, path) === undefined) return text;
  const wanted = withValue(before, path, undefined, file);
  const spliced = cutPieces(text, piecesOf(text, path), eol);
  return firstThatIs(wanted, path, text, [spliced, () => patch(text, wanted)]) ?? refuse(file, path);
}

function append(text: string, printed: string, eol: string): string {
  if (text.trim() === '') return `${text}${printed}${eol}`;
  // A file whose last line has no end keeps it so.
  return text.endsWith('\n') ? `${text}${eol}${printed}${eol}` : `${text}${eol}${eol}${printed}`;
}

/** The first text that has the values and nothing else changed; the library's own edit is the last that is tried. */
function firstThatIs(
  wanted: Table,
  path: readonly string[],
  before: string,
  [spliced, patched]: readonly [string, () => string],
): string | undefined {
  if (isSameBut(parseSafely(spliced), wanted, path)) return spliced;
  const text = patched();
  if (!isSameBut(parseSafely(text), wanted, path)) return undefined;
  let same = 0;
  while (same < before.length && before[same] === text[same]) same++;
  let tail = 0;
  const most = Math.min(before.length, text.length) - same;
  while (tail < most && before.at(-1 - tail) === text.at(-1 - tail)) tail++;
  const isAround = (statement: TomlStatement): boolean =>
    statement.from <= same &&
    before.length - tail <= statement.to + 2 &&
    statement.path.every((name, index) => index >= path.length || name === path[index]);
  return splitToml(before).some(isAround) ? text : undefined;
}

function refuse(file: string, path: readonly string[]): never {
  throw new DrawbridgeError('config', `${file} cannot be changed surely`, {
    why: `${path.join('.')} stands there in a way in which more than it would change`,
    hint: 'Change it there by hand; nothing has been written.',
  });
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly isTable: boolean;
}

/** What of the text says something about the path: whole statements, those that follow at once as one piece. */
function piecesOf(text: string, path: readonly string[]): readonly Piece[] {
  const pieces: Piece[] = [];
  let wasOurs = false;
  for (const statement of splitToml(text)) {
    const isOurs = path.every((name, index) => statement.path[index] === name);
    const last = pieces.at(-1);
    if (isOurs && wasOurs && last !== undefined) pieces[pieces.length - 1] = { ...last, to: statement.to };
    else if (isOurs) pieces.push({ from: statement.from, to: statement.to, isTable: statement.isHeader });
    wasOurs = isOurs;
  }
  return pieces;
}

/** Without the pieces, their lines, and the blank line that parts each from what is before it. */
function cutPieces(text: string, pieces: readonly Piece[], eol: string): string {
  let kept = text;
  for (const { from, to } of [...pieces].reverse()) {
    let head = kept.slice(0, from).replace(/[ \t]+$/, '');
    let rest = kept.slice(to);
    if (rest.startsWith(eol)) rest = rest.slice(eol.length);
    else if (rest === '' && head.endsWith(eol)) head = head.slice(0, -eol.length);
    if (head.endsWith(eol + eol) && (rest === '' || rest.startsWith(eol))) head = head.slice(0, -eol.length);
    else if (rest === '' && kept.length === to && head.endsWith(eol) && !kept.endsWith('\n'))
      head = head.slice(0, -eol.length);
    kept = head + rest;
  }
  return kept;
}

function valueAt(table: Table, path: readonly string[]): unknown {
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

/** The parser's objects as any others, so that they can be compared. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

function parseSafely(text: string): Table | undefined {
  try {
    return plain(parse(text)) as Table;
  } catch {
    return undefined;
  }
}

/** A table that was there for the entry alone is not there any more without it. */
function isSameBut(left: Table | undefined, right: Table, path: readonly string[]): boolean {
  if (left === undefined || isDeepStrictEqual(left, right)) return left !== undefined;
  const parent = path.slice(0, -1);
  const rest = valueAt(right, parent);
  return (
    isTable(rest) && Object.keys(rest).length === 0 && isDeepStrictEqual(left, withValue(right, parent, undefined, ''))
  );
}
