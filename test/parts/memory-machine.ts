/** A computer of any operating system whose files are in memory. */
import type { ReadableMachine } from '../../src/check/client-files/client-file.ts';

export interface MemoryMachineOptions {
  readonly platform: ReadableMachine['platform'];
  /** By absolute path. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Files that other users may read. */
  readonly isOpen?: boolean;
}

const HOMES = { win32: 'C:\\Users\\me', darwin: '/Users/me', linux: '/home/me' } as const;
const PROGRAMS = {
  win32: [
    'C:\\Windows\\System32\\cmd.exe',
    'C:\\Program Files\\nodejs\\npx.cmd',
    'C:\\nodejs\\npx.cmd',
    'C:\\nodejs\\node.exe',
  ],
  darwin: ['/usr/local/bin/npx', '/usr/local/bin/node'],
  linux: ['/usr/bin/npx', '/usr/bin/node'],
} as const;
const PATHS = {
  win32: 'C:\\Windows\\System32;C:\\nodejs',
  darwin: '/usr/local/bin:/usr/bin',
  linux: '/usr/bin:/bin',
} as const;

/** With Node.js and npx on its PATH. */
export function memoryMachine({
  platform,
  files = {},
  env = {},
  isOpen = false,
}: MemoryMachineOptions): ReadableMachine {
  const separator = platform === 'win32' ? '\\' : '/';
  const programs: readonly string[] = PROGRAMS[platform];
  return {
    platform,
    home: HOMES[platform],
    env: { PATH: PATHS[platform], ...env },
    folder: `${HOMES[platform]}${separator}project`,
    nodePath: programs[programs.length - 1]!,
    binPath: platform === 'win32' ? 'C:\\npm\\mcp-drawbridge.cjs' : '/opt/mcp-drawbridge.cjs',
    listFolder: (path) => {
      const inside = Object.keys(files).filter((file) => file.startsWith(path + separator));
      return [...new Set(inside.map((file) => file.slice(path.length + 1).split(separator)[0]!))];
    },
    isFile: (path) => path in files || programs.includes(path),
    readFile: (path) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return Buffer.from(content);
    },
    isReadByOthers: () => isOpen && platform !== 'win32',
  };
}
