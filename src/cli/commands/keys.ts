import { closeSync, fsyncSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
  const records = read(path, []);
  if (records.some((record) => record.name === name)) {
    throw usageError(`there is a key "${name}" in ${path} already`, {
      hint: 'Choose another name, or rotate or revoke that one.',
    });
  }
  const key = createKey();
  write(path, [...records, { name, hash: hashKey(key), created: new Date().toISOString(), ...more }]);
  show(key, `Key "${name}" is in ${path}.`);
}

function rotate(path: string, name: string, grace: string | undefined): void {
  const records = read(path);
  const old = find(records, name, path);
  const until = grace === undefined ? undefined : readEnd(grace, '--grace');
  const key = createKey();
  const { previous: _dropped, ...kept } = old;
  const rotated: KeyRecord = {
    ...kept,
    hash: hashKey(key),
    created: new Date().toISOString(),
    ...(until === undefined ? {} : { previous: { hash: old.hash, expires: until } }),
  };
  write(
    path,
    records.map((record) => (record === old ? rotated : record)),
  );
  show(key, `Key "${name}" is a new one; the old one is valid ${until === undefined ? 'no more' : `until ${until}`}.`);
  if (old.expires !== undefined) process.stderr.write(`It ends when the old one would have: ${old.expires}\n`);
}

function revoke(path: string, name: string): void {
  const records = read(path);
  const revoked = find(records, name, path);
  write(
    path,
    records.filter((record) => record !== revoked),
  );
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

function read(path: string, whenMissing?: KeyRecord[]): KeyRecord[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' && whenMissing !== undefined) return whenMissing;
    throw new DrawbridgeError('config', `cannot read the key file ${path}`, {
      why: code ?? String(thrown),
      hint: 'Name it with --key-file, or make it with: mcp-drawbridge keys add <name>',
    });
  }
  return parseKeyFile(text, path);
}

/** The file is replaced whole, so that a gateway never reads half of it, and nobody but its owner can. */
function write(path: string, records: readonly KeyRecord[]): void {
  const temporary = join(dirname(path), `.${process.pid}.keys.tmp`);
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, formatKeyFile(records));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (thrown) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made, or is in place already.
    }
    const { code } = thrown as NodeJS.ErrnoException;
    throw new DrawbridgeError('config', `cannot write the key file ${path}`, {
      why: code ?? String(thrown),
      hint: 'Is its folder there, and yours to write in?',
    });
  }
}
