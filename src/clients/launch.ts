import type { Machine } from './machine.ts';
import type { ServerToAdd } from './server-entry.ts';

/** How a client starts the bridge. No argument ever has a space: several clients take such a one apart on Windows. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** Where version managers keep a Node.js that only their own shells find. */
const MANAGED = /[\\/](?:\.nvm|\.fnm|fnm|fnm_multishells|\.volta|Volta|\.asdf|mise|\.nodenv|n)[\\/]/;
/** Where npx keeps a package for one run. */
const TEMPORARY = /[\\/]_npx[\\/]/;

/** The bridge to this server as this machine can start it from a program that knows no shell. */
export function launchBridge(server: ServerToAdd, machine: Machine): Launch {
  const { command, args, notes } = findProgram(machine);
  const { url, token } = server;
  const isOpen = url.protocol === 'http:' && !isLoopbackHost(url.hostname);
  return {
    command,
    args: [...args, addressOf(server), ...(isOpen ? ['--allow-http'] : [])],
    env: token === undefined ? {} : { DRAWBRIDGE_HEADER: `Authorization: Bearer ${token.value ?? token.variable}` },
    notes: isOpen ? [...notes, 'Everybody on the way can read what is sent over http: use https, or --ssh.'] : notes,
  };
}

/** As it is written: `localhost` is 127.0.0.1, since elsewhere it may be `::1`, where an SSH tunnel does not listen. */
export function addressOf({ url }: Pick<ServerToAdd, 'url'>): string {
  if (url.hostname !== 'localhost') return url.href;
  const written = new URL(url);
  written.hostname = '127.0.0.1';
  return written.href;
}

function findProgram({ platform, nodePath, binPath }: Machine): Pick<Launch, 'command' | 'args' | 'notes'> {
  const npx = { command: 'npx', args: ['-y', 'mcp-drawbridge'] };
  const byNpx = platform === 'win32' ? { command: 'cmd', args: ['/c', npx.command, ...npx.args] } : npx;
  if (!MANAGED.test(nodePath)) return { ...byNpx, notes: [] };
  if (TEMPORARY.test(binPath))
    return {
      ...byNpx,
      notes: ['Clients do not find a Node.js of a version manager: npm install -g mcp-drawbridge, then ask again.'],
    };
  if (binPath.includes(' '))
    return { ...byNpx, notes: ['Clients may not find a Node.js of a version manager: install one for the system.'] };
  return { command: nodePath, args: [binPath], notes: ['It names this Node.js: ask again after an update of it.'] };
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
