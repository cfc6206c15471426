/** Computers of each operating system, of which nothing is really there. */
import type { Machine } from '../../src/clients/machine.ts';

type More = Partial<Omit<Machine, 'platform' | 'listFolder' | 'isFile'>> & {
  /** Paths of files that are there, written as that system does. */
  readonly files?: readonly string[];
};

const HOME = { darwin: '/Users/ada', linux: '/home/ada', win32: 'C:\\Users\\ada' } as const;
const NODE = {
  darwin: '/usr/local/bin/node',
  linux: '/usr/bin/node',
  win32: 'C:\\Program Files\\nodejs\\node.exe',
} as const;

export function machineOf(platform: Machine['platform'], { files = [], ...more }: More = {}): Machine {
  const home = HOME[platform];
  const isWindows = platform === 'win32';
  const slash = isWindows ? '\\' : '/';
  return {
    platform,
    home,
    env: isWindows ? { APPDATA: `${home}\\AppData\\Roaming`, LOCALAPPDATA: `${home}\\AppData\\Local` } : {},
    folder: isWindows ? 'C:\\project' : '/project',
    nodePath: NODE[platform],
    binPath: isWindows
      ? `${home}\\AppData\\Roaming\\npm\\node_modules\\mcp-drawbridge\\bin\\mcp-drawbridge.cjs`
      : '/usr/lib/node_modules/mcp-drawbridge/bin/mcp-drawbridge.cjs',
    ...more,
    listFolder: (path) => {
      const inside = files.filter((file) => file.startsWith(path + slash));
      return [...new Set(inside.map((file) => file.slice(path.length + 1).split(slash)[0]!))];
    },
    isFile: (path) => files.includes(path),
  };
}
