/** A computer of any operating system whose files can be read, with Node.js and npx on its PATH. */
import type { ReadableMachine } from '../../src/check/client-files/client-file.ts';
import { machineOf } from './machines.ts';

export interface MemoryMachineOptions {
  readonly platform: ReadableMachine['platform'];
  /** By absolute path. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Other users may read every file. */
  readonly isOpen?: boolean;
}

const PATHS = {
  win32: 'C:\\Windows\\System32;C:\\Program Files\\nodejs',
  darwin: '/usr/local/bin:/usr/bin',
  linux: '/usr/bin:/bin',
} as const;
const PROGRAMS = {
  win32: [
    'C:\\Windows\\System32\\cmd.exe',
    'C:\\Program Files\\nodejs\\npx.cmd',
    'C:\\Program Files\\nodejs\\node.exe',
  ],
  darwin: ['/usr/local/bin/npx', '/usr/local/bin/node'],
  linux: ['/usr/bin/npx', '/usr/bin/node'],
} as const;

export function memoryMachine({ platform, files = {}, env = {}, isOpen }: MemoryMachineOptions): ReadableMachine {
  const machine = machineOf(platform, { files: [...Object.keys(files), ...PROGRAMS[platform]] });
  return {
    ...machine,
    env: { ...machine.env, PATH: PATHS[platform], ...env },
    readFile: (path) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return Buffer.from(content);
    },
    isReadByOthers: () => isOpen === true && platform !== 'win32',
  };
}
