import { getNodePath, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { isEntryTable } from '../render.ts';
import type { EntryValue, Placed } from '../server-entry.ts';
import { indentText, occupied, positionAt, unreadable } from './file-text.ts';

/** What JSON is in the files of clients: comments and commas at the end are taken. */
const LENIENT = { allowTrailingComma: true, disallowComments: false };

interface Source {
  readonly text: string;
  readonly file: string;
  readonly eol: string;
}

/** The tree of a JSON text; undefined where there is nothing in it. Throws `config` with line and column. */
export function parseJson({ text, file }: Pick<Source, 'text' | 'file'>): Node | undefined {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, LENIENT);
  const [first] = errors;
  // Comments alone are no mistake: the file is begun below them.
  const isBlank = root === undefined && errors.every(({ error }) => printParseErrorCode(error) === 'ValueExpected');
  if (first !== undefined && !isBlank)
    throw unreadable(file, positionAt(text, first.offset), wordsOf(printParseErrorCode(first.error)));
  if (root !== undefined) checkNames(root, text, file);
  return root;
}

/** The text with the value in its place: added last, or put where one of that name stands. */
export function setInJson(source: Source, placed: Placed): string {
  const root = parseJson(source);
  if (root === undefined) {
    const { text, eol } = source;
    const gap = text.trim() === '' ? '' : text.endsWith('\n') ? text : text + eol;
    return setInJson({ ...source, text: `${gap}{}${eol}` }, placed);
  }
  let node = root;
  for (const [depth, name] of placed.path.entries()) {
    if (node.type !== 'object') throw occupied(source.file, placed.path.slice(0, depth), 'an object');
    const member = memberOf(node, name);
    if (member === undefined) return addMember(source, node, name, nest(placed, depth));
    if (depth < placed.path.length - 1 || placed.member !== undefined) node = member;
    else return change(source, member, placed);
  }
  return setInList(source, node, placed);
}

/** The text without what stands under the path; the same text where nothing does. */
export function removeFromJson(source: Source, { path, member }: Omit<Placed, 'value'>): string {
  const root = parseJson(source);
  const found = root === undefined ? undefined : findIn(root, path, member);
  if (found === undefined) return source.text;
  return cut(source.text, found);
}

export function findJsonNode(root: Node, path: readonly string[]): Node | undefined {
  let node: Node | undefined = root;
  for (const name of path) node = node?.type === 'object' ? memberOf(node, name) : undefined;
  return node;
}

function findIn(root: Node, path: readonly string[], member: Placed['member']): Node | undefined {
  const node = findJsonNode(root, path);
  if (member === undefined || node === undefined) return node?.parent;
  return node.children?.find((child) => isMember(child, member));
}

function setInList(source: Source, node: Node, { path, value, member }: Placed): string {
  if (node.type !== 'array' || member === undefined) throw occupied(source.file, path, 'a list');
  const found = node.children?.find((child) => isMember(child, member));
  if (found !== undefined) return replace(source, found, value);
  return insertLast(source, node, (indent) => printAt(source, value, indent));
}

function isMember(node: Node, { key, is }: NonNullable<Placed['member']>): boolean {
  return node.type === 'object' && memberOf(node, key)?.value === is;
}

function addMember(source: Source, node: Node, name: string, value: EntryValue): string {
  return insertLast(source, node, (indent) => `${JSON.stringify(name)}: ${printAt(source, value, indent)}`);
}

/** What of a value is missing from this depth of its path on. */
function nest({ path, value, member }: Placed, depth: number): EntryValue {
  const inner: EntryValue = member === undefined ? value : [value];
  return path.slice(depth + 1).reduceRight<EntryValue>((rest, name) => ({ [name]: rest }), inner);
}

/** Member by member where there are any, so that those which stay keep their order and their comments. */
function change(source: Source, node: Node, { path, value }: Placed): string {
  if (node.type !== 'object' || !isEntryTable(value)) return replace(source, node, value);
  let { text } = source;
  for (const name of Object.keys(plainValue(node) as object)) {
    if (!Object.hasOwn(value, name)) text = removeFromJson({ ...source, text }, { path: [...path, name] });
  }
  for (const [name, inner] of Object.entries(value)) {
    text = setInJson({ ...source, text }, { path: [...path, name], value: inner });
  }
  return text;
}

function replace(source: Source, node: Node, value: EntryValue): string {
  const { text } = source;
  if (JSON.stringify(plainValue(node)) === JSON.stringify(value)) return text;
  const printed = printAt(source, value, indentAt(text, node.parent?.offset ?? node.offset));
  return text.slice(0, node.offset) + printed + text.slice(node.offset + node.length);
}

/** A child after the last one and the comments on that one's line; on one line where all the others stand on one. */
function insertLast(source: Source, node: Node, print: (indent: string) => string): string {
  const { text, eol } = source;
  const outer = indentAt(text, node.offset);
  const last = node.children?.at(-1);
  const open = node.offset + 1;
  const close = node.offset + node.length - 1;
  const inside = text.slice(open, close);
  const isOneLine = inside.trim() !== '' && !inside.includes('\n');
  if (last === undefined) {
    const kept = inside.trimEnd();
    if (isOneLine) return `${text.slice(0, open)}${kept} ${onOneLine(print(''))}${text.slice(open + kept.length)}`;
    const indent = outer + unitOf(text);
    const end = kept === '' ? eol + outer : inside.slice(kept.length);
    return `${text.slice(0, open)}${kept}${eol}${indent}${print(indent)}${end}${text.slice(close)}`;
  }
  const indent = startsLine(text, last.offset) ? indentAt(text, last.offset) : outer + unitOf(text);
  const end = last.offset + last.length;
  const { comma, after } = lineRest(text, end, close);
  const before = comma === -1 ? `${text.slice(0, end)},${text.slice(end, after)}` : text.slice(0, after);
  const gap = !isOneLine ? eol + indent : /^\s/.test(inside) ? ' ' : '';
  const printed = isOneLine ? onOneLine(print(''), gap) : print(indent);
  return `${before}${gap}${printed}${comma === -1 ? '' : ','}${text.slice(after)}`;
}

/** What was printed on lines of its own, with blanks or nothing between its parts. No string in it has a line end. */
function onOneLine(printed: string, gap = ' '): string {
  const joined = printed.replace(/([[{])\r?\n\s*/g, `$1${gap}`).replace(/\r?\n\s*([\]}])/g, `${gap}$1`);
  const parted = joined.replace(/,\r?\n\s*/g, `,${gap}`);
  return gap === '' ? JSON.stringify(JSON.parse(`{${parted}}`)).slice(1, -1) : parted;
}

/** From the end of a value: where its comma is, if it has one, and where its line's comments end. */
function lineRest(text: string, from: number, close: number): { readonly comma: number; readonly after: number } {
  let comma = -1;
  let after = from;
  let index = from;
  while (index < close) {
    const rest = text.slice(index, close);
    const [skipped] = /^(?:[ \t]+|\/\*[\s\S]*?\*\/|\/\/[^\r\n]*)/.exec(rest) ?? [];
    if (skipped !== undefined) {
      index += skipped.length;
      if (skipped.startsWith('/')) after = index;
    } else if (rest.startsWith(',') && comma === -1) {
      comma = index;
      index += 1;
      after = index;
    } else if (comma === -1) {
      // Its comma may stand behind comments on further lines.
      const [, blank] = /^((?:\s+|\/\*[\s\S]*?\*\/|\/\/[^\r\n]*)*),/.exec(rest) ?? [];
      if (blank !== undefined) {
        comma = index + blank.length;
        after = comma + 1;
      }
      break;
    } else break;
  }
  // Blanks at the end of a line stay there.
  if (/^[ \t]*\r?\n/.test(text.slice(after))) after += /^[ \t]*/.exec(text.slice(after))?.[0].length ?? 0;
  return { comma, after };
}

/** Without a child and the comma that belongs to it; its line goes with it where nothing else stands there. */
function cut(text: string, child: Node): string {
  const parent = child.parent!;
  const siblings = parent.children ?? [];
  const previous = siblings[siblings.indexOf(child) - 1];
  const open = parent.offset + 1;
  const close = parent.offset + parent.length - 1;
  const end = child.offset + child.length;
  const { comma } = lineRest(text, end, close);
  const gap = text.slice(previous === undefined ? open : previous.offset + previous.length, child.offset);
  let from = child.offset - blanksBefore(gap);
  let to = comma === -1 ? end : comma + 1;
  const isLastOfLine = /^[ \t]*(?:\r?\n|\/\/|\/\*)/.test(text.slice(to));
  // What stands behind it on its line must not end up behind a comment that ends with the line before.
  if ((previous === undefined || /\/\//.test(gap)) && !isLastOfLine && to < close && siblings.length > 1) {
    from = child.offset;
    to += /^[ \t]*/.exec(text.slice(to))?.[0].length ?? 0;
  } else if (/\/\//.test(gap) && !isLastOfLine) from = child.offset;
  if (siblings.length === 1 && (text.slice(open, from) + text.slice(to, close)).trim() === '') {
    from = open;
    to = close;
  }
  const without = text.slice(0, from) + text.slice(to);
  if (comma !== -1 || previous === undefined) return without;
  // It was the last: the comma of the one before has nothing to part any more.
  const lost = lineRest(text, previous.offset + previous.length, child.offset).comma;
  return lost === -1 ? without : without.slice(0, lost) + without.slice(lost + 1);
}

/** How many blanks, and the one end of a line before them, stand at the end of what parts two children. */
function blanksBefore(gap: string): number {
  return /(?:\r?\n)?[ \t]*$/.exec(gap)?.[0].length ?? 0;
}

function startsLine(text: string, offset: number): boolean {
  return /(?:^|\n)[ \t]*$/.test(text.slice(0, offset));
}

function indentAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? '';
}

function unitOf(text: string): string {
  return /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
}

function printAt({ text, eol }: Source, value: EntryValue, indent: string): string {
  return indentText(JSON.stringify(value, undefined, unitOf(text)), indent, eol);
}

function memberOf(node: Node, name: string): Node | undefined {
  return node.children?.find(({ children }) => children?.[0]?.value === name)?.children?.[1];
}

/** The value of a node, in which no name means anything to JavaScript. */
export function plainValue(node: Node): unknown {
  if (node.type === 'array') return (node.children ?? []).map(plainValue);
  if (node.type !== 'object') return node.value;
  return Object.fromEntries(
    (node.children ?? []).map(({ children }) => [children![0]!.value, plainValue(children![1]!)]),
  );
}

/** Two members of one name mean one thing to us and another to the client. */
function checkNames(node: Node, text: string, file: string): void {
  const seen = new Set<string>();
  for (const child of node.children ?? []) {
    const [name, value] = child.type === 'property' ? (child.children ?? []) : [undefined, child];
    if (name !== undefined) {
      if (seen.has(name.value)) {
        const path = getNodePath(name).join('.');
        throw unreadable(file, positionAt(text, name.offset), `${path} stands there twice`);
      }
      seen.add(name.value);
    }
    if (value !== undefined) checkNames(value, text, file);
  }
}

/** `CloseBraceExpected` is `close brace expected`. */
function wordsOf(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}
