import { isDeepStrictEqual } from 'node:util';
import { DrawbridgeError } from '../../errors.ts';
import type { Entry, Placed } from '../server-entry.ts';
import { readText, writeText } from './file-text.ts';
import { removeFromJson, setInJson } from './json.ts';
import { keepSettings } from './keep-settings.ts';
import { isTable, readTree } from './read-tree.ts';
import { removeFromToml, setInToml } from './toml.ts';
import { removeFromYaml, setInYaml } from './yaml.ts';

/**
 * The text of a client's file with the entry in it; of one that is there already stays what ours does not say and does
 * not contradict. Lines that have nothing to do with it stay byte for byte; the same
 * text comes back where the entry is there already. Throws `config` for what cannot be read, has something else in the
 * entry's place, or could not be changed without changing another value.
 */
export function addEntry(raw: string, file: string, entry: Entry): string {
  return [...(entry.also ?? []), entry].reduce((text, placed) => setIn(text, file, entry.format, placed), raw);
}

/**
 * The text without the entry; the same text where it is not there. After `addEntry` it is the text from before, where
 * that had the table or list the entry stands in; one that is left empty stays, as `{}` or `[]`. Throws as `addEntry`.
 */
export function removeEntry(
  raw: string,
  file: string,
  { format, ...placed }: Omit<Entry, 'value' | 'way' | 'notes'>,
): string {
  const source = readText(raw);
  const { text, eol } = source;
  const parts = { text, file, eol };
  const edited =
    format === 'json'
      ? removeFromJson(parts, placed)
      : format === 'toml'
        ? removeFromToml(text, file, placed, eol)
        : removeFromYaml(parts, placed);
  if (edited === text) return raw;
  const now = withoutEmpty(contentOf(edited, file, format), placed);
  check(now, withoutEmpty(without(contentOf(text, file, format), placed), placed), file, placed);
  return writeText(edited, source);
}

function setIn(raw: string, file: string, format: Entry['format'], { value, ...place }: Placed): string {
  const source = readText(raw);
  const { text, eol } = source;
  const parts = { text, file, eol };
  const content = readTree(text, file, format).content;
  const placed: Placed = { ...place, value: keepSettings(content, { ...place, value }) };
  const edited =
    format === 'json'
      ? setInJson(parts, placed)
      : format === 'toml'
        ? setInToml(text, file, placed, eol)
        : setInYaml(parts, placed);
  if (edited === text) return raw;
  check(contentOf(edited, file, format), withPlaced(content, placed), file, placed);
  return writeText(edited, source);
}

/** What is written says what was wanted, and else what it said before: else it is not written. */
function check(now: unknown, wanted: unknown, file: string, { path }: Pick<Placed, 'path'>): void {
  if (isDeepStrictEqual(now, wanted)) return;
  throw new DrawbridgeError('config', `${file} cannot be changed surely`, {
    why: `${path.join('.')} stands there in a way in which more than it would change`,
    hint: 'Change it there by hand; nothing has been written.',
  });
}

/** Undefined too for a text that an edit has spoilt. */
function contentOf(text: string, file: string, format: Entry['format']): unknown {
  try {
    return readTree(text, file, format).content;
  } catch {
    return undefined;
  }
}

function withPlaced(content: unknown, placed: Placed, depth = 0): unknown {
  const { path, value, member } = placed;
  const name = path[depth];
  if (name !== undefined) {
    const table = isTable(content) ? content : {};
    const inner = Object.hasOwn(table, name) ? table[name] : undefined;
    return { ...table, [name]: withPlaced(inner, placed, depth + 1) };
  }
  if (member === undefined) return value;
  const list: readonly unknown[] = Array.isArray(content) ? content : [];
  const found = list.find((one) => isTable(one) && one[member.key] === member.is);
  return found === undefined ? [...list, value] : list.map((one) => (one === found ? value : one));
}

function without(content: unknown, { path, member }: Omit<Placed, 'value'>): unknown {
  const [name, ...rest] = path;
  if (name === undefined) {
    if (!Array.isArray(content) || member === undefined) return undefined;
    const found = content.findIndex((one) => isTable(one) && one[member.key] === member.is);
    return content.filter((_one, index) => index !== found);
  }
  if (!isTable(content) || !Object.hasOwn(content, name)) return content;
  const { [name]: inner, ...others } = content;
  const left = without(inner, { path: rest, ...(member === undefined ? {} : { member }) });
  return left === undefined ? others : { ...others, [name]: left };
}

/** Without what on the way to the path has nothing in it: TOML has no trace of a table without an entry. */
function withoutEmpty(content: unknown, { path }: Pick<Placed, 'path'>): unknown {
  const [name, ...rest] = path;
  if (name !== undefined && isTable(content) && Object.hasOwn(content, name)) {
    const { [name]: inner, ...others } = content;
    const left = withoutEmpty(inner, { path: rest });
    return withoutEmpty(left === undefined ? others : { ...others, [name]: left }, { path: [] });
  }
  const isEmpty = content === null || (typeof content === 'object' && Object.keys(content ?? {}).length === 0);
  return isEmpty ? undefined : content;
}
