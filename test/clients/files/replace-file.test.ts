import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFileText, replaceFile } from '../../../src/clients/files/replace-file.ts';

const NOW = new Date('2026-11-25T10:00:00.000Z');
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-files-'));
  file = join(folder, 'mcp.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const replace = (before: string | undefined, after: string, path = file) =>
  replaceFile(path, { before, after, now: NOW });
const names = (): string[] => readdirSync(folder).sort();

it('the file has the new text and its old mode, and the old one stands beside it', () => {
  writeFileSync(file, 'old', { mode: 0o640 });
  chmodSync(file, 0o640);
  const backup = replace('old', 'new');
  expect(backup).toBe(`${file}.2026-11-25T10-00-00.bak`);
  expect([readFileSync(file, 'utf8'), readFileSync(backup!, 'utf8')]).toEqual(['new', 'old']);
  if (process.platform !== 'win32')
    expect([statSync(file).mode & 0o777, statSync(backup!).mode & 0o777]).toEqual([0o640, 0o640]);
  expect(names()).toHaveLength(2);
});

it('a backup is never written over another', () => {
  writeFileSync(file, 'one');
  replace('one', 'two');
  replace('two', 'three');
  const texts = names()
    .filter((name) => name.endsWith('.bak'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
  expect(texts.sort()).toEqual(['one', 'two']);
});

it('a file that is not there is begun, with its folder, for its owner alone, and without a backup', () => {
  const path = join(folder, 'a', 'b', 'mcp.json');
  expect(replace(undefined, 'new', path)).toBeUndefined();
  expect(readFileSync(path, 'utf8')).toBe('new');
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('a link stays a link, and what it leads to is replaced', () => {
  const real = join(folder, 'dotfiles.json');
  writeFileSync(real, 'old');
  symlinkSync(real, file);
  replace('old', 'new');
  expect([readlinkSync(file), readFileSync(real, 'utf8')]).toEqual([real, 'new']);
});

describe('nothing changes, and nothing is left lying about, where', () => {
  const refused = (change: () => unknown, why: RegExp): void => {
    const before = names();
    expect(change).toThrow(expect.objectContaining({ code: 'config' }));
    try {
      change();
    } catch (thrown) {
      expect(`${(thrown as Error).message}: ${(thrown as { why?: string }).why}`).toMatch(why);
    }
    expect(names()).toEqual(before);
  };

  it('somebody else has written it after it was read', () => {
    writeFileSync(file, 'theirs');
    refused(() => replace('mine', 'new'), /has changed meanwhile/);
    refused(() => replace(undefined, 'new'), /has changed meanwhile/);
    expect(readFileSync(file, 'utf8')).toBe('theirs');
  });

  it('somebody else is writing it at this moment', () => {
    writeFileSync(file, 'old');
    const theirs = join(folder, '.mcp.json.mcp-drawbridge.tmp');
    writeFileSync(theirs, 'half');
    utimesSync(theirs, NOW, NOW);
    refused(() => replace('old', 'new'), /writing the same file at this moment/);
    utimesSync(theirs, new Date(NOW.getTime() - 61_000), new Date(NOW.getTime() - 61_000));
    replace('old', 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
  });

  it('a folder stands in its place', () => {
    mkdirSync(file);
    refused(() => replace(undefined, 'new'), /cannot be (read|written): EISDIR|cannot be written/);
  });

  it('it is a link that leads nowhere', () => {
    symlinkSync(join(folder, 'gone'), file);
    refused(() => replace(undefined, 'new'), /a link that leads nowhere/);
  });

  it('its folder is none', () => {
    writeFileSync(join(folder, 'text'), '');
    refused(() => replace(undefined, 'new', join(folder, 'text', 'mcp.json')), /cannot be written: (ENOTDIR|EEXIST)/);
  });
});

it('what is no text is not read', () => {
  writeFileSync(file, Buffer.from([0x7b, 0xff, 0xfe]));
  expect(() => readFileText(file)).toThrow(/cannot be read/);
  expect(readFileText(join(folder, 'nothing'))).toBeUndefined();
});

it('of many processes that add an entry each at the same time none loses another’s', async () => {
  writeFileSync(file, '[]');
  const source = new URL('../../../src/clients/files/replace-file.ts', import.meta.url).href;
  const { build } = await import('esbuild');
  const script = join(folder, 'writer.mjs');
  await build({
    stdin: {
      contents: `import { readFileText, replaceFile } from ${JSON.stringify(new URL(source).pathname)};
        const [file, name] = process.argv.slice(2);
        for (let attempt = 0; attempt < 2000; attempt++) {
          try {
            const before = readFileText(file);
            const after = JSON.stringify([...JSON.parse(before), name]);
            replaceFile(file, { before, after, now: new Date(), keepsBackup: false });
            process.exit(0);
          } catch (error) { if (error.code !== 'config') throw error; }
        }
        process.exit(1);`,
      resolveDir: folder,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
    logLevel: 'silent',
  });
  const writers = Array.from({ length: 8 }, (_value, index) => String(index));
  await Promise.all(writers.map((name) => promisify(execFile)(process.execPath, [script, file, name])));
  expect(JSON.parse(readFileSync(file, 'utf8')).sort()).toEqual(writers);
});
