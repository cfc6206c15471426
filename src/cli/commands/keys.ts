import { readFileSync } from 'node:fs';
import { readFileText } from '../../clients/files/replace-file.ts';
import { updatePrivateFile } from '../../clients/files/update-file.ts';
import { formatOptions } from '../../config/help.ts';
import { parseOptions } from '../../config/parse-options.ts';
import { DrawbridgeError } from '../../errors.ts';
import {
  checkKeyName,
  createKey,
  formatKeyFile,
  hashKey,
  type KeyRecord,
  parseKeyFile,
} from '../../gateway/authenticators/key-file.ts';
import { KEYS_OPTIONS, readEnd, readKeyRecordOptions } from '../keys-options.ts';
import { reporting, usageError } from '../report.ts';

const HELP = `Usage
  mcp-drawbridge keys add <name>      make a key and show it once
  mcp-drawbridge keys list            names, when made, when they end, scopes
  mcp-drawbridge keys rotate <name>   a new key in place of the old one
  mcp-drawbridge keys revoke <name>   the key is valid no more

A running gateway reads the file again by itself, within seconds.

Options
${formatOptions(KEYS_OPTIONS)}
`;

/** `mcp-drawbridge keys`: the file that `gateway --key-file` reads. */
export const run = reporting(async (args) => {
  const { values, positionals } = parseOptions(KEYS_OPTIONS, {
    args,
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  const path = values['key-file'] ?? 'keys.json';
  const [action, name, unexpected] = positionals;
  const kept = readKeyRecordOptions(values);
  if (action !== 'add' && action !== undefined && Object.keys(kept).length > 0)
    throw usageError(`options of a new key were given to ${action.slice(0, 60)}`, { why: 'they belong to add alone' });
  if (action !== 'rotate' && values.grace !== undefined)
    throw usageError('--grace belongs to rotate alone', { hint: 'Leave it out.' });
  if (values.help === true || action === undefined) {
    process.stdout.write(HELP);
    return;
  }
  if (unexpected !== undefined) {
    throw usageError(`unexpected argument '${unexpected.slice(0, 60)}'`, { why: 'one name at a time is expected' });
  }
  switch (action) {
    case 'add':
      add(path, named(name, action), kept);
      return;
    case 'list':
      for (const record of read(path)) process.stdout.write(`${describe(record)}\n`);
      return;
    case 'rotate':
      rotate(path, named(name, action), values.grace);
      return;
    case 'revoke':
      revoke(path, named(name, action));
      return;
    default:
      throw usageError(`unknown action '${action.slice(0, 60)}'`, { hint: 'Use add, list, rotate or revoke.' });
  }
});

function add(path: string, name: string, more: ReturnType<typeof readKeyRecordOptions>): void {
  checkKeyName(name);
  const key = createKey();
  change(path, (records = []) => {
    if (records.some((record) => record.name === name)) {
      throw usageError(`there is a key "${name}" in ${path} already`, {
        hint: 'Choose another name, or rotate or revoke that one.',
      });
    }
    return [...records, { name, hash: hashKey(key), created: new Date().toISOString(), ...more }];
  });
  show(key, `Key "${name}" is in ${path}.`);
}

function rotate(path: string, name: string, grace: string | undefined): void {
  const until = grace === undefined ? undefined : readEnd(grace, '--grace');
  const key = createKey();
  let end: string | undefined;
  change(path, (records = missing(path)) => {
    const old = find(records, name, path);
    end = old.expires;
    const { previous: _dropped, ...kept } = old;
    const rotated: KeyRecord = {
      ...kept,
      hash: hashKey(key),
      created: new Date().toISOString(),
      ...(until === undefined ? {} : { previous: { hash: old.hash, expires: until } }),
    };
    return records.map((record) => (record === old ? rotated : record));
  });
  show(key, `Key "${name}" is a new one; the old one is valid ${until === undefined ? 'no more' : `until ${until}`}.`);
  if (end !== undefined) process.stderr.write(`It ends when the old one would have: ${end}\n`);
}

function revoke(path: string, name: string): void {
  change(path, (records = missing(path)) => {
    const revoked = find(records, name, path);
    return records.filter((record) => record !== revoked);
  });
  process.stderr.write(`Key "${name}" is revoked; a running gateway reads the file again by itself.\n`);
}

function show(key: string, what: string): void {
  process.stdout.write(`${key}\n`);
  process.stderr.write(`${what} It is shown this once; a running gateway reads the file again by itself.\n`);
}

/** Name, when made, when it ends, scopes; a dash for none. Never a hash. */
function describe({ name, created, expires, scopes = [] }: KeyRecord): string {
  return [name, created || '-', expires ?? '-', scopes.join(' ') || '-'].join('\t');
}

function find(records: readonly KeyRecord[], name: string, path: string): KeyRecord {
  const found = records.find((record) => record.name === name);
  if (found !== undefined) return found;
  throw usageError(`there is no key "${name}" in ${path}`, {
    why: records.length === 0 ? 'it has no keys at all' : 'the names in it are other ones',
    hint: `See: mcp-drawbridge keys list --key-file ${path}`,
  });
}

function named(name: string | undefined, action: string): string {
  if (name === undefined)
    throw usageError(`keys ${action} needs the name of a key`, { hint: `Such as keys ${action} alice` });
  return name;
}

function read(path: string): readonly KeyRecord[] {
  const text = readFileText(path);
  return text === undefined ? missing(path) : parseKeyFile(text, path);
}

function missing(path: string): never {
  throw new DrawbridgeError('config', `cannot read the key file ${path}`, {
    why: 'ENOENT',
    hint: 'Name it with --key-file, or make it with: mcp-drawbridge keys add <name>',
  });
}

/** The file is replaced whole, so that a gateway never reads half of it, and two who change it lose nothing. */
function change(path: string, edit: (records?: readonly KeyRecord[]) => readonly KeyRecord[]): void {
  updatePrivateFile(path, (text) => formatKeyFile(edit(text === undefined ? undefined : parseKeyFile(text, path))));
}
