import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { updatePrivateFile } from '../../../src/clients/files/update-file.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-update-'));
  file = join(folder, 'keys.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('a change is made anew of what somebody else has written meanwhile', () => {
  writeFileSync(file, 'a');
  const seen: (string | undefined)[] = [];
  updatePrivateFile(file, (before) => {
    seen.push(before);
    if (seen.length === 1) writeFileSync(file, 'ab');
    return `${before}c`;
  });
  expect([seen, readFileSync(file, 'utf8')]).toEqual([['a', 'ab'], 'abc']);
});

it('a file that somebody else has begun meanwhile is not begun again', () => {
  updatePrivateFile(file, (before) => {
    if (before === undefined) writeFileSync(file, 'a');
    return `${before ?? ''}b`;
  });
  expect(readFileSync(file, 'utf8')).toBe('ab');
});

it('a writer that died long ago stops nobody', () => {
  const left = join(folder, '.keys.json.mcp-drawbridge.tmp');
  writeFileSync(left, 'half');
  utimesSync(left, new Date(0), new Date(0));
  updatePrivateFile(file, () => 'a');
  expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual(['a', ['keys.json']]);
});

it('what the change throws comes through, and nothing is written', () => {
  writeFileSync(file, 'a');
  const thrown = new Error('not so');
  expect(() =>
    updatePrivateFile(file, () => {
      throw thrown;
    }),
  ).toThrow(thrown);
  expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual(['a', ['keys.json']]);
});

it('its owner alone can read the new file, and there is no backup', () => {
  writeFileSync(file, 'a', { mode: 0o644 });
  updatePrivateFile(file, () => 'b');
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['keys.json']);
});
