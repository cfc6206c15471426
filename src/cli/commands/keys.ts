import { closeSync, fsyncSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatOptions } from '../../config/help.ts';
import type { Option } from '../../config/option.ts';
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
import { reporting, usageError } from '../report.ts';

const OPTIONS = [
  { name: 'key-file', kind: 'text', value: 'file', default: 'keys.json', help: 'The file of access keys' },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: 'Show this text' },
] as const satisfies readonly Option[];

const HELP = `Usage
  mcp-drawbridge keys add <name>      make a key and show it once
  mcp-drawbridge keys list            names of the keys and when they were made
  mcp-drawbridge keys revoke <name>   the key is valid no more

Options
${formatOptions(OPTIONS)}
`;

/** `mcp-drawbridge keys`: the file that `gateway --key-file` reads. */
export const run = reporting(async (args) => {
  const { values, positionals } = parseOptions(OPTIONS, {
    args,
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  const path = values['key-file'] ?? 'keys.json';
  const [action, name, unexpected] = positionals;
  if (values.help === true || action === undefined) {
    process.stdout.write(HELP);
    return;
  }
  if (unexpected !== undefined) {
    throw usageError(`unexpected argument '${unexpected.slice(0, 60)}'`, { why: 'one name at a time is expected' });
  }
  switch (action) {
    case 'add':
      add(path, named(name, action));
      return;
    case 'list':
      for (const { name: key, created } of read(path)) process.stdout.write(`${key}\t${created}\n`);
      return;
    case 'revoke':
      revoke(path, named(name, action));
      return;
    default:
      throw usageError(`unknown action '${action.slice(0, 60)}'`, { hint: 'Use add, list or revoke.' });
  }
});

function add(path: string, name: string): void {
  checkKeyName(name);
  const records = read(path, []);
  if (records.some((record) => record.name === name)) {
    throw usageError(`there is a key "${name}" in ${path} already`, {
      hint: 'Choose another name, or revoke that one first.',
    });
  }
  const key = createKey();
  write(path, [...records, { name, hash: hashKey(key), created: new Date().toISOString() }]);
  process.stdout.write(`${key}\n`);
  process.stderr.write(
    `Key "${name}" is in ${path}. It is shown this once; a running gateway reads the file at its next start.\n`,
  );
}

function revoke(path: string, name: string): void {
  const records = read(path);
  const left = records.filter((record) => record.name !== name);
  if (left.length === records.length)
    throw usageError(`there is no key "${name}" in ${path}`, {
      why: left.length === 0 ? 'it has no keys at all' : 'the names in it are other ones',
      hint: `See: mcp-drawbridge keys list --key-file ${path}`,
    });
  write(path, left);
  process.stderr.write(`Key "${name}" is revoked; a running gateway reads the file at its next start.\n`);
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
