import { accessSync, constants, statSync } from 'node:fs';
import { platform } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Environment } from './child-environment.ts';

/** Where a program would be started from, as its own environment has the PATH; undefined where it is not found. */
export function findExecutable(file: string, environment: Environment): string | undefined {
  const isWindows = platform() === 'win32';
  const read = (name: string): string | undefined =>
    Object.entries(environment).find(([key]) => key.toUpperCase() === name)?.[1];
  const suffixes = isWindows ? ['', ...(read('PATHEXT') ?? '.EXE;.COM').split(';')] : [''];
  const isPath = file.includes('/') || (isWindows && file.includes('\\'));
  const folders = isPath ? [''] : (read('PATH') ?? '/usr/bin:/bin').split(delimiter);
  for (const folder of folders) {
    for (const suffix of suffixes) {
      const path = isPath ? file + suffix : join(folder === '' ? '.' : folder, file + suffix);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
