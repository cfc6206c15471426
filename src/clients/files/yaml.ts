import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { renderYaml } from '../render.ts';
import type { EntryValue, Placed } from '../server-entry.ts';
import { indentText, occupied, positionAt, unreadable } from './file-text.ts';

interface Source {
  readonly text: string;
  readonly file: string;
  readonly eol: string;
}

type Collection = YAMLMap | YAMLSeq;

/** `|+` and `>+` (YAML 1.2 §8.1.1.2). */
const KEEPS_BLANKS = /[|>][1-9]?\+[1-9]?[ \t]*(?:#[^\n]*)?\r?\n/;

/** The document of a YAML text. Throws `config` with line and column. */
export function parseYaml({ text, file }: Pick<Source, 'text' | 'file'>): Document.Parsed {
  const document = parseDocument(text, { prettyErrors: false, keepSourceTokens: true });
  const [first] = document.errors;
  if (first === undefined) return document;
  throw unreadable(file, positionAt(text, first.pos[0]), first.message.split('\n')[0]!);
}

/** The text with the value in its place; every other line stays as it is. */
export function setInYaml(source: Source, placed: Placed): string {
  const { text, file, eol } = source;
  const { path, value, member } = placed;
  const document = parseYaml(source);
  let parent: unknown = document.contents;
  if (parent === null)
    return `${text}${text === '' || text.endsWith('\n') ? '' : eol}${printed(nest(placed, -1), '', eol)}${eol}`;
  for (const [depth, name] of path.entries()) {
    if (!isMap(parent)) throw occupied(file, path.slice(0, depth), 'a mapping');
    const pair = parent.items.find(({ key }) => isScalar(key) && key.value === name);
    if (pair === undefined) return append(source, parent, { [name]: nest(placed, depth) });
    const isLast = depth === path.length - 1;
    const hasNothing = pair.value === null || (isScalar(pair.value) && pair.value.source === '');
    if (hasNothing && !(isLast && member === undefined)) return fillBelow(source, pair as never, nest(placed, depth));
    const isEmpty = pair.value === null || (isScalar(pair.value) && pair.value.value === null);
    if (isEmpty || (isLast && member === undefined)) {
      const place = rangeOfPair(text, pair as never);
      const now = isLast && member === undefined ? value : nest(placed, depth);
      if (!isEmpty && sameValue((pair.value as { toJSON(): unknown }).toJSON(), now)) return text;
      const indent = columnOf(text, place.from);
      return text.slice(0, place.from) + printed({ [name]: now }, indent, eol) + text.slice(place.to);
    }
    parent = pair.value;
  }
  if (!isSeq(parent) || member === undefined) throw occupied(file, path, 'a list');
  const found = findMember(parent, member);
  if (found === undefined) return append(source, parent, [value]);
  if (sameValue(found.toJSON(), value)) return text;
  const [from, to] = found.range as [number, number, number];
  const indent = columnOf(text, from);
  return text.slice(0, from) + printed(value, indent, eol) + text.slice(trimmedEnd(text, from, to));
}

/** The text without what stands under the path; the same text where nothing does. */
export function removeFromYaml(source: Source, { path, member }: Omit<Placed, 'value'>): string {
  const { text } = source;
  let parent: unknown = parseYaml(source).contents;
  for (const name of path.slice(0, member === undefined ? -1 : undefined)) {
    parent = isMap(parent) ? parent.get(name, true) : undefined;
  }
  if (member !== undefined) {
    const found = isSeq(parent) ? findMember(parent, member) : undefined;
    if (found === undefined || !isSeq(parent)) return text;
    const [from, to] = found.range as [number, number, number];
    const start = parent.flow === true ? from : dashOf(parent, found);
    return cut(source, parent, start, trimmedEnd(text, from, to));
  }
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
  if (pair === undefined) return text;
  const place = rangeOfPair(text, pair as never);
  return cut(source, parent as YAMLMap, place.from, place.to);
}

function findMember(list: YAMLSeq, { key, is }: NonNullable<Placed['member']>): YAMLMap | undefined {
  return list.items.find((item): item is YAMLMap => isMap(item) && item.get(key) === is);
}

function nest({ path, value, member }: Placed, depth: number): EntryValue {
  const inner: EntryValue = member === undefined ? value : [value];
  return path.slice(depth + 1).reduceRight<EntryValue>((rest, name) => ({ [name]: rest }), inner);
}

/** After the last item, in the style of the others. */
function append({ text, eol }: Source, collection: Collection, value: EntryValue): string {
  const [start, end] = collection.range as [number, number, number];
  if (collection.flow === true) {
    const json = JSON.stringify(value).slice(1, -1);
    const last = endOfLast(collection);
    const at = last ?? start + 1;
    return `${text.slice(0, at)}${last === undefined ? '' : ', '}${json}${text.slice(at)}`;
  }
  const indent = columnOf(text, start);
  const at = trimmedEnd(text, start, end);
  const after = at + (/[^\r\n]*/.exec(text.slice(at))?.[0].length ?? 0);
  const added = `${eol}${indent}${printed(value, indent, eol)}`;
  // Blank lines behind a text that keeps them belong to it.
  if (!KEEPS_BLANKS.test(text.slice(start, end))) return text.slice(0, after) + added + text.slice(after);
  const kept = text.slice(0, end).replace(/\r?\n$/, '');
  return kept + added + text.slice(kept.length);
}

function endOfLast(collection: Collection): number | undefined {
  const last = collection.items.at(-1) as { key?: unknown; value?: unknown; range?: readonly number[] } | undefined;
  if (last === undefined) return undefined;
  const ends = [last, last.key, last.value].map(
    (node) => (node as { range?: readonly number[] } | null)?.range?.[1] ?? 0,
  );
  return Math.max(...ends);
}

/** Below a key that has nothing yet; a comment on its line stays. */
function fillBelow({ text, eol }: Source, { key }: ParsedPair, value: EntryValue): string {
  const from = key.range[0];
  const end = from + (/[^\r\n]*/.exec(text.slice(from))?.[0].length ?? 0);
  const indent = `${columnOf(text, from)}  `;
  return `${text.slice(0, end)}${eol}${indent}${printed(value, indent, eol)}${text.slice(end)}`;
}

/** Where the `-` of an item is. */
function dashOf(list: YAMLSeq, item: unknown): number {
  const token = list.srcToken;
  const { start = [] } = token?.type === 'block-seq' ? (token.items[list.items.indexOf(item)] ?? {}) : {};
  return start.find(({ type }) => type === 'seq-item-ind')?.offset ?? 0;
}

/** Whole lines, and where nothing is left a collection that says so. */
function cut({ text }: Source, collection: Collection, from: number, to: number): string {
  if (collection.flow === true) {
    const [before = ''] = /,\s*$/.exec(text.slice(0, from)) ?? [];
    if (before !== '') return text.slice(0, from - before.length) + text.slice(to);
    const [after = ''] = /^\s*,\s*/.exec(text.slice(to)) ?? [];
    return text.slice(0, from) + text.slice(to + after.length);
  }
  if (collection.items.length === 1) {
    const empty = isSeq(collection) ? '[]' : '{}';
    const head = text.slice(0, from);
    const [gap = ''] = /\s*(?:#[^\n]*\n\s*)*$/.exec(head) ?? [];
    const kept = head.slice(0, head.length - gap.length);
    return `${kept}${kept === '' ? '' : ' '}${empty}${gap.trimEnd()}${text.slice(to)}`;
  }
  const start = text.lastIndexOf('\n', from - 1) + 1;
  const [rest = ''] = /[^\n]*\n?/.exec(text.slice(to)) ?? [];
  const end = to + rest.length;
  // The last line of a text without an end of line: the one before it then is the last.
  if (rest.endsWith('\n') || end < text.length) return text.slice(0, start) + text.slice(end);
  return text.slice(0, start).replace(/\r?\n$/, '') + text.slice(end);
}

interface ParsedPair {
  readonly key: { readonly range: [number, number, number] };
  readonly value: { readonly range: [number, number, number] } | null;
}

function rangeOfPair(text: string, { key, value }: ParsedPair): { readonly from: number; readonly to: number } {
  const from = key.range[0];
  const [, valueEnd] = value?.range ?? [0, 0];
  const colon = text.indexOf(':', key.range[1]) + 1;
  return { from, to: trimmedEnd(text, from, Math.max(valueEnd, colon)) };
}

function trimmedEnd(text: string, from: number, to: number): number {
  return from + text.slice(from, to).trimEnd().length;
}

/** As many blanks as stand before the offset in its line; what a list's mark takes counts as blanks. */
function columnOf(text: string, offset: number): string {
  return ' '.repeat(offset - (text.lastIndexOf('\n', offset - 1) + 1));
}

function printed(value: EntryValue, indent: string, eol: string): string {
  return indentText(renderYaml(value), indent, eol);
}

function sameValue(left: unknown, right: EntryValue): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
