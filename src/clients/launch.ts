import { inHome } from './folders.ts';
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
const MANAGED = /[\\/](?:\.nvm|nvm|nvm4w|\.fnm|fnm|fnm_multishells|\.volta|Volta|\.asdf|mise|\.nodenv|n)[\\/]/;
/** Where a package manager puts packages; a clone stands elsewhere, and npx finds it in its own folder alone. */
const INSTALLED = /[\\/]node_modules[\\/]/;
/** Where npx keeps a package for one run. */
const TEMPORARY = /[\\/]_npx[\\/]/;

/**
 * The bridge to this server as this machine can start it from a program that knows no shell. `takesOldestNode`: the
 * client looks in the folders of nvm before all others, the oldest first.
 */
export function launchBridge(server: ServerToAdd, machine: Machine, takesOldestNode = false): Launch {
  const { command, args, notes } = findProgram(machine, takesOldestNode);
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

function findProgram(machine: Machine, takesOldestNode: boolean): Pick<Launch, 'command' | 'args' | 'notes'> {
  const { platform, nodePath, binPath } = machine;
  const npx = { command: 'npx', args: ['-y', 'mcp-drawbridge'] };
  const byNpx = platform === 'win32' ? { command: 'cmd', args: ['/c', npx.command, ...npx.args] } : npx;
  const reason = whyNotNpx(machine, takesOldestNode);
  if (reason === undefined) return { ...byNpx, notes: [] };
  if (TEMPORARY.test(binPath))
    return { ...byNpx, notes: [`${reason}: npm install -g mcp-drawbridge, then ask again.`] };
  if (binPath.includes(' '))
    return { ...byNpx, notes: [`${reason}: install mcp-drawbridge where no folder has a space, then ask again.`] };
  return { command: nodePath, args: [binPath], notes: ['It names this Node.js: ask again after an update of it.'] };
}

/** What a client meets that starts npx on this machine; undefined where npx is safe. */
function whyNotNpx(machine: Machine, takesOldestNode: boolean): string | undefined {
  if (!INSTALLED.test(machine.binPath)) return 'npx finds a clone in its own folder alone';
  if (MANAGED.test(machine.nodePath)) return 'Clients may not find a Node.js of a version manager';
  if (machine.platform === 'win32' && machine.nodePath.includes(' '))
    return 'npx may fail where the folder of Node.js has a space';
  if (takesOldestNode && machine.listFolder(inHome(machine, '.nvm', 'versions', 'node')).length > 0)
    return 'This client takes the oldest Node.js that nvm has';
  return undefined;
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
