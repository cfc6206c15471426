import type { Entry, EntryValue, Placed } from './server-entry.ts';

/** The entry as the text of a file that has nothing else in it. */
export function renderEntry(entry: Entry): string {
  const whole = [...(entry.also ?? []), entry].reduce<EntryValue>((file, placed) => merge(file, nest(placed)), {});
  if (entry.format === 'json') return JSON.stringify(whole, undefined, 2);
  return entry.format === 'toml' ? renderToml(entry) : renderYaml(whole);
}

/** A value under its path; a member stands in a list. */
function nest({ path, value, member }: Placed): EntryValue {
  return path.reduceRight<EntryValue>((inner, name) => ({ [name]: inner }), member === undefined ? value : [value]);
}

function merge(left: EntryValue, right: EntryValue): EntryValue {
  if (!isEntryTable(left) || !isEntryTable(right)) return right;
  const merged: Record<string, EntryValue> = { ...left };
  for (const [name, value] of Object.entries(right)) {
    merged[name] = Object.hasOwn(merged, name) ? merge(merged[name]!, value) : value;
  }
  return merged;
}

/** One table, and a table of its own for each that is in it. JSON's strings are strings of TOML too. */
function renderToml({ path, value }: Placed): string {
  const tables: string[] = [];
  const walk = (names: readonly string[], table: { readonly [name: string]: EntryValue }): void => {
    const lines = [`[${names.map(tomlKey).join('.')}]`];
    tables.push('');
    const place = tables.length - 1;
    for (const [name, member] of Object.entries(table)) {
      if (isEntryTable(member)) walk([...names, name], member);
      else lines.push(`${tomlKey(name)} = ${tomlValue(member)}`);
    }
    tables[place] = lines.join('\n');
  };
  if (!isEntryTable(value)) throw new TypeError('an entry of a TOML file is a table');
  walk(path, value);
  return tables.join('\n\n');
}

function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
}

function tomlValue(value: EntryValue): string {
  return Array.isArray(value) ? `[${value.map(tomlValue).join(', ')}]` : JSON.stringify(value);
}

/** A value as YAML in block style, without an end of line. */
export function renderYaml(value: EntryValue, depth = 0): string {
  const indent = '  '.repeat(depth);
  if (Array.isArray(value))
    return value.map((one: EntryValue) => `${indent}- ${renderYaml(one, depth + 1).trimStart()}`).join('\n');
  if (!isEntryTable(value)) return `${indent}${yamlScalar(value)}`;
  return Object.entries(value)
    .map(([name, member]) => {
      if (!hasMembers(member)) return `${indent}${yamlScalar(name)}: ${yamlScalar(member)}`;
      return `${indent}${yamlScalar(name)}:\n${renderYaml(member, depth + 1)}`;
    })
    .join('\n');
}

function hasMembers(value: EntryValue): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

/** What could be read as something else than a text is quoted, as JSON does it, which is YAML too (YAML 1.2 §1.3). */
function yamlScalar(value: EntryValue): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  const isPlain = /^[A-Za-z_/][\w./-]*$/.test(value) && !/^(true|false|yes|no|on|off|y|n|null)$/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}

/** Whether a value of an entry has members by name. */
export function isEntryTable(value: EntryValue): value is { readonly [name: string]: EntryValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
