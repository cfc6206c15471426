import type { Entry, Placed } from '../server-entry.ts';
import { readText, writeText } from './file-text.ts';
import { removeFromJson, setInJson } from './json.ts';
import { removeFromToml, setInToml } from './toml.ts';
import { removeFromYaml, setInYaml } from './yaml.ts';

/**
 * The text of a client's file with the entry in it. Lines that have nothing to do with it stay byte for byte; the same
 * text comes back where the entry is there already. Throws `config` for what cannot be read, or has something else in
 * the entry's place.
 */
export function addEntry(raw: string, file: string, entry: Entry): string {
  return [...(entry.also ?? []), entry].reduce((text, placed) => setIn(text, file, entry.format, placed), raw);
}

/** The text without the entry; the same text where it is not there. Throws `config` for what cannot be read. */
export function removeEntry(
  raw: string,
  file: string,
  { format, ...placed }: Omit<Entry, 'value' | 'way' | 'notes'>,
): string {
  const source = readText(raw);
  const { text, eol } = source;
  if (format === 'json') return writeText(removeFromJson({ text, file, eol }, placed), source);
  if (format === 'toml') return writeText(removeFromToml(text, file, placed, eol), source);
  return writeText(removeFromYaml({ text, file, eol }, placed), source);
}

function setIn(raw: string, file: string, format: Entry['format'], placed: Placed): string {
  const source = readText(raw);
  const { text, eol } = source;
  if (format === 'json') return writeText(setInJson({ text, file, eol }, placed), source);
  if (format === 'toml') return writeText(setInToml(text, file, placed, eol), source);
  return writeText(setInYaml({ text, file, eol }, placed), source);
}
