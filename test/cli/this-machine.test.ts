import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thisMachine } from '../../src/cli/this-machine.ts';

describe('this machine', () => {
  const started = process.argv[1];
  let folder: string;
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'drawbridge-machine-')));
  });
  afterEach(() => {
    process.argv[1] = started!;
    rmSync(folder, { recursive: true, force: true });
  });

  it('names the file that was started and not the link that led to it', () => {
    const file = join(folder, 'mcp-drawbridge.cjs');
    writeFileSync(file, '');
    symlinkSync(file, join(folder, 'mcp-drawbridge'));
    process.argv[1] = join(folder, 'mcp-drawbridge');
    expect(thisMachine().binPath).toBe(file);
  });

  it('keeps the path as it is where nothing is there', () => {
    process.argv[1] = join(folder, 'gone.cjs');
    expect(thisMachine().binPath).toBe(join(folder, 'gone.cjs'));
  });

  it('has absolute paths alone', () => {
    const { home, folder: here, nodePath, binPath } = thisMachine();
    expect([home, here, nodePath, binPath].map((path) => isAbsolute(path))).toEqual([true, true, true, true]);
  });

  it('has no names in what is no folder, and sees no file in a folder or under a file', () => {
    writeFileSync(join(folder, 'a'), '');
    const machine = thisMachine();
    expect(machine.listFolder(folder)).toEqual(['a']);
    expect(machine.listFolder(join(folder, 'a'))).toEqual([]);
    expect(machine.listFolder(join(folder, 'gone'))).toEqual([]);
    const paths = [join(folder, 'a'), folder, join(folder, 'gone'), join(folder, 'a', 'b'), `${folder}\0`];
    expect(paths.map((path) => machine.isFile(path))).toEqual([true, false, false, false, false]);
  });
});
