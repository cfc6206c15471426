import { readdirSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Machine } from '../clients/machine.ts';

/** The machine that this runs on; what has no clients of its own counts as Linux. */
export function thisMachine(): Machine {
  const { platform } = process;
  return {
    platform: platform === 'win32' || platform === 'darwin' ? platform : 'linux',
    home: homedir(),
    env: process.env,
    folder: process.cwd(),
    nodePath: process.execPath,
    binPath: withoutLinks(resolve(process.argv[1] ?? '')),
    listFolder: (path) => {
      try {
        return readdirSync(path);
      } catch {
        return [];
      }
    },
    isFile: (path) => {
      try {
        return statSync(path).isFile();
      } catch {
        return false;
      }
    },
  };
}

/** A package's command is a link to its file, in a folder that a version manager may change. */
function withoutLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
