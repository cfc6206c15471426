import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { WatchedFile } from '../../../src/gateway/authenticators/watched-file.ts';
import { createLineLogger, silentLogger } from '../../../src/log.ts';
import { until } from '../../parts/deadline.ts';

let folder: string;
let path: string;
let log: string[];
let watched: WatchedFile<number> | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-watched-'));
  path = join(folder, 'number');
  log = [];
  writeFileSync(path, '1');
});
afterEach(() => {
  watched?.close();
  rmSync(folder, { recursive: true, force: true });
});

function watch(pollMs = 60_000): WatchedFile<number> {
  watched = new WatchedFile({
    path,
    what: 'number file',
    parse: (text) => {
      if (/^\d+$/.test(text)) return Number(text);
      throw new DrawbridgeError('config', `the number file ${path} cannot be used`, { why: 'it is no number' });
    },
    logger: createLineLogger({ level: 'info', write: (line) => log.push(line) }),
    pollMs,
  });
  return watched;
}

/** A change is read when it is seen for the second time. */
async function look(file: WatchedFile<number>): Promise<void> {
  await file.look();
  await file.look();
}

it('has its value at once, and reads nothing again that has not changed', async () => {
  const file = watch();
  expect(file.value).toBe(1);
  await look(file);
  expect(log).toEqual([]);
});

it('sees a change by itself', async () => {
  const file = watch(10);
  writeFileSync(path, '2');
  await until('the new value', () => file.value === 2);
  expect(log).toEqual([`info  the number file ${path} has changed and was read again\n`]);
});

it('does not read a file that is still being written', async () => {
  const file = watch();
  writeFileSync(path, '');
  await file.look();
  writeFileSync(path, '12');
  await file.look();
  expect(file.value).toBe(1);
  await file.look();
  expect(file.value).toBe(12);
  expect(log).toHaveLength(1);
});

it('sees a file of the same size and the same time', async () => {
  const time = new Date('2026-01-01T00:00:00Z');
  utimesSync(path, time, time);
  const file = watch();
  writeFileSync(path, '3');
  utimesSync(path, time, time);
  await look(file);
  expect(file.value).toBe(3);
});

it('sees a file that is renamed into place, and a link that is turned', async () => {
  const file = watch();
  writeFileSync(join(folder, 'next'), '4');
  renameSync(join(folder, 'next'), path);
  await look(file);
  expect(file.value).toBe(4);
  writeFileSync(join(folder, 'target'), '5');
  unlinkSync(path);
  symlinkSync('target', path);
  await look(file);
  expect(file.value).toBe(5);
});

it('keeps what it has when the new file is broken, and tells it once', async () => {
  const file = watch();
  writeFileSync(path, 'five');
  await look(file);
  await look(file);
  expect(file.value).toBe(1);
  expect(log).toEqual([
    `error the number file ${path} cannot be used: it is no number; what was read before still holds\n`,
  ]);
  writeFileSync(path, '6');
  await look(file);
  expect(file.value).toBe(6);
});

it('keeps what it has when the file is gone or a folder, and sees it come back', async () => {
  const file = watch();
  unlinkSync(path);
  await look(file);
  await look(file);
  mkdirSync(path);
  await look(file);
  expect(file.value).toBe(1);
  expect(log.map((line) => /: (E\w+);/.exec(line)?.[1])).toEqual(['ENOENT', 'EISDIR']);
  rmSync(path, { recursive: true });
  writeFileSync(path, '7');
  await look(file);
  expect(file.value).toBe(7);
});

it('that is closed is looked at only when its value is asked for', async () => {
  const file = watch(5);
  const other = new WatchedFile({ path, what: 'x', parse: Number, logger: silentLogger, pollMs: 5 });
  file.close();
  file.close();
  writeFileSync(path, '8');
  await until('the other one has seen it', () => other.value === 8);
  other.close();
  expect(log).toEqual([]);
  await until('this one has, once it is asked', () => file.value === 8);
});

it('does not start without a file that can be understood', () => {
  writeFileSync(path, 'x');
  expect(() => watch()).toThrow(expect.objectContaining({ code: 'config', why: 'it is no number' }));
  unlinkSync(path);
  expect(() => watch()).toThrow(
    expect.objectContaining({ code: 'config', message: `cannot read the number file ${path}`, why: 'ENOENT' }),
  );
});
