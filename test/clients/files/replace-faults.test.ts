/** What the system may refuse while a file is replaced. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { replaceFile } from '../../../src/clients/files/replace-file.ts';

type Call = 'openSync' | 'writeSync' | 'fsyncSync' | 'renameSync' | 'mkdirSync' | 'fchownSync';
/** The codes that the next calls fail with; an empty one lets a call through. */
const faults = vi.hoisted(() => new Map<string, string[]>());

vi.mock('node:fs', async (load) => {
  const real = await load<typeof fs>();
  const failing = (name: Call) => {
    const call = real[name] as (...args: never[]) => unknown;
    return (...args: never[]): unknown => {
      const code = faults.get(name)?.shift() ?? '';
      if (code !== '') throw Object.assign(new Error(code), { code });
      return call(...args);
    };
  };
  const names: readonly Call[] = ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'mkdirSync', 'fchownSync'];
  return { ...real, ...Object.fromEntries(names.map((name) => [name, failing(name)])) };
});

let folder: string;
let file: string;

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'drawbridge-faults-'));
  file = join(folder, 'mcp.json');
  fs.writeFileSync(file, 'old');
});
afterEach(() => {
  faults.clear();
  fs.rmSync(folder, { recursive: true, force: true });
});

const replace = (): unknown => replaceFile(file, { before: 'old', after: 'new', now: new Date(0) });

describe('the file is as it was, and nothing is left beside it, where', () => {
  it.each<[string, Call, string[], string]>([
    ['the disk is full before the backup is written', 'writeSync', ['ENOSPC'], 'ENOSPC'],
    ['the disk is full after the backup is written', 'writeSync', ['', 'ENOSPC'], 'ENOSPC'],
    ['the disk takes no more of the backup', 'fsyncSync', ['EIO'], 'EIO'],
    ['the disk takes no more of the new file', 'fsyncSync', ['', 'EIO'], 'EIO'],
    ['its folder can only be read', 'openSync', ['EACCES'], 'EACCES'],
    ['its folder can only be read any more after the backup', 'openSync', ['', 'EROFS'], 'EROFS'],
    ['its folder cannot be made', 'mkdirSync', ['EACCES'], 'EACCES'],
    ['it cannot be put in place', 'renameSync', ['EXDEV'], 'EXDEV'],
    ['somebody has it open for longer than is waited', 'renameSync', Array<string>(50).fill('EPERM'), 'EPERM'],
  ])('%s', (_what, call, codes, why) => {
    faults.set(call, codes);
    expect(replace).toThrow(expect.objectContaining({ code: 'config', why }));
    faults.clear();
    expect(fs.readFileSync(file, 'utf8')).toBe('old');
    expect(fs.readdirSync(folder)).toEqual(['mcp.json']);
  });
});

it('what somebody has open for a moment is put in place then', () => {
  faults.set('renameSync', ['EPERM', 'EBUSY', 'EACCES']);
  replace();
  expect(fs.readFileSync(file, 'utf8')).toBe('new');
});

/** Windows has neither modes nor owners. */
const expectAccess = (found: unknown, wanted: unknown): void => {
  if (process.platform !== 'win32') expect(found).toEqual(wanted);
};

describe('the new file has of the old one', () => {
  it('the mode, whatever the mask of this process', () => {
    const mask = process.umask(0o077);
    try {
      fs.chmodSync(file, 0o664);
      const backup = replace() as string;
      expectAccess([fs.statSync(file).mode & 0o777, fs.statSync(backup).mode & 0o777], [0o664, 0o664]);
    } finally {
      process.umask(mask);
    }
  });

  it('the owner, where that is another and may be given away', () => {
    if (process.getuid?.() === 0) {
      fs.chownSync(file, 12_345, 12_346);
      const backup = replace() as string;
      const owners = [file, backup].map((path) => [fs.statSync(path).uid, fs.statSync(path).gid]);
      expect(owners).toEqual([
        [12_345, 12_346],
        [12_345, 12_346],
      ]);
      return;
    }
    replace();
    expectAccess(fs.statSync(file).uid, process.getuid?.());
  });
});
