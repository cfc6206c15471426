import { posix, win32 } from 'node:path';
import { type EntryRule, type FoundServer, failure, type ReadableMachine, warning } from './client-file.ts';

/** Commands of npm and its like are scripts on Windows, which only a shell starts. */
const SCRIPT_ON_WINDOWS = /^(npx|npm|pnpm|yarn)(\.cmd)?$/i;
const MANAGED = /[\\/](?:\.nvm|nvm|\.fnm|fnm|fnm_multishells|\.volta|Volta|\.asdf|mise|\.nodenv|n)[\\/]/;
/** They take an argument with a space apart on Windows. */
const SPLITS_ARGUMENTS = ['cursor', 'codex', 'claude-desktop'];

/** What is started by `cmd /c` stands in its arguments; the words of the command itself, in any case. */
function words({ command, args }: FoundServer): { readonly isShell: boolean; readonly run: string | undefined } {
  const isShell = /^(.*[\\/])?cmd(\.exe)?$/i.test(command ?? '') && /^\/c$/i.test(args[0] ?? '');
  return { isShell, run: isShell ? args[1] : command };
}

const isScript: EntryRule = (server, { platform }) => {
  const { isShell, run } = words(server);
  return platform === 'win32' && !isShell && SCRIPT_ON_WINDOWS.test(run ?? '')
    ? warning(
        `starts ${run}, which is a script on Windows: programs that use no shell do not find it`,
        `Write "command": "cmd", "args": ["/c", "${run}", …].`,
      )
    : undefined;
};

const hasSpaceInShell: EntryRule = (server, { platform }) => {
  const { isShell, run = '' } = words(server);
  const isScriptFile = /\.(cmd|bat)$/i.test(run);
  return platform === 'win32' && (isShell || isScriptFile) && /[\\/]Program Files/i.test(run)
    ? failure(
        'starts what is under C:\\Program Files through a shell, which ends the name at its space',
        'Write the name alone, such as npx, or the path of node.exe as the command, which needs no shell.',
      )
    : undefined;
};

const hasSpaceInArgument: EntryRule = ({ client, args }, { platform }) =>
  platform === 'win32' && SPLITS_ARGUMENTS.includes(client.id) && args.some((arg) => /\s/.test(arg))
    ? warning(
        `has an argument with a space, which ${client.title} takes apart on Windows`,
        'Write Authorization:Bearer_… without a space, or better, put it in env as DRAWBRIDGE_HEADER.',
      )
    : undefined;

const isMissing: EntryRule = (server, machine) => {
  const { run } = words(server);
  const script = /^(.*[\\/])?node(\.exe)?$/i.test(run ?? '')
    ? server.args.find((arg) => /\.[cm]?js$/.test(arg))
    : undefined;
  for (const path of [run, script]) {
    if (path === undefined) continue;
    if (path.startsWith('~/')) {
      return failure(
        `names ${path}, and no shell is there that knows what ~ is`,
        `Write ${machine.home} in its place.`,
      );
    }
    if (!pathsOf(machine).isAbsolute(path) || machine.isFile(path)) continue;
    if (machine.platform === 'win32' && machine.isFile(`${path}.exe`)) continue;
    return failure(
      `names ${path}, which is not there`,
      MANAGED.test(path)
        ? 'That version was removed: ask mcp-drawbridge clients again, or name the node of now.'
        : 'Was it moved or removed? Name where it is now.',
    );
  }
  return undefined;
};

const isNotFound: EntryRule = (server, machine) => {
  const { run } = words(server);
  if (run === undefined || run === '' || /[\\/]/.test(run)) return undefined;
  const found = findOnPath(run, server, machine);
  if (found === 'unknown') return undefined;
  if (found === undefined) {
    return failure(`starts ${run}, which is in no folder of the PATH`, `Install it, or name it by its full path.`);
  }
  return server.client.id === 'claude-desktop' && MANAGED.test(found)
    ? warning(
        `starts ${run}, which only the shell of a version manager finds`,
        `Name it by its full path: mcp-drawbridge clients ${server.client.id} prints such an entry.`,
      )
    : undefined;
};

/** Where the system would find it; `unknown` where there is no PATH to look in. */
function findOnPath(name: string, { env }: FoundServer, machine: ReadableMachine): string | undefined {
  const isWindows = machine.platform === 'win32';
  const read = (variable: string): string | undefined =>
    [...Object.entries(env), ...Object.entries(machine.env)].find(
      ([key]) => (isWindows ? key.toUpperCase() : key) === variable,
    )?.[1];
  const path = read('PATH');
  if (path === undefined || path === '' || path.includes('$')) return 'unknown';
  const suffixes = isWindows ? ['', ...(read('PATHEXT') ?? '.COM;.EXE;.BAT;.CMD').toLowerCase().split(';')] : [''];
  for (const folder of path.split(isWindows ? ';' : ':').filter((each) => each !== '')) {
    for (const suffix of suffixes) {
      const file = pathsOf(machine).join(folder, name + suffix);
      if (machine.isFile(file)) return file;
    }
  }
  return undefined;
}

function pathsOf({ platform }: ReadableMachine): typeof posix {
  return platform === 'win32' ? win32 : posix;
}

export const COMMAND_RULES: readonly EntryRule[] = [
  isScript,
  hasSpaceInShell,
  hasSpaceInArgument,
  isMissing,
  isNotFound,
];
