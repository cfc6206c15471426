/**
 * A process that sees little more of the machine than a container does: its programs, read-only, and the folders it is
 * given. It runs as user 65532. No image, no layers, and the network is the machine's own.
 */
import { existsSync } from 'node:fs';
import { cleanEnvironment, run, startServer } from '../child-process.mjs';
import { ensureInstalled } from '../debian.mjs';

export const USER = 65_532;
const BWRAP = '/usr/bin/bwrap';

/** No user namespace: folders may lie where only root can reach them, and the user inside is that user outside, too. */
const IDS = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups'];
const GIVE_UP_ROOT = ['setpriv', ...IDS, '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs', '--'];

export interface Sandbox {
  /** Folders of the machine, by where they are seen inside. */
  readonly writable?: Readonly<Record<string, string>>;
  readonly readable?: Readonly<Record<string, string>>;
  readonly folder?: string;
  /** All of the environment besides PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function ensureSandbox(): Promise<void> {
  await ensureInstalled({
    find: async () => (existsSync(BWRAP) ? BWRAP : undefined),
    missing: `${BWRAP} was not found`,
    packages: ['bubblewrap'],
  });
  if (process.getuid?.() !== 0) throw new Error('the sandbox gives up root, so it must be started as root');
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_part, index) => `/${parts.slice(0, index + 1).join('/')}`).filter((parent) => parent !== '/usr');
}

function argumentsOf({ writable = {}, readable = {}, folder = '/', env = {} }: Sandbox): string[] {
  const system = ['/usr', '/etc'].flatMap((path) => ['--ro-bind', path, path]);
  const links = ['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]);
  const places = [...Object.keys(readable), ...Object.keys(writable)];
  // Made by bwrap itself, they would be for root alone.
  const parents = places.flatMap(parentsOf).flatMap((path) => ['--perms', '0755', '--dir', path]);
  const binds = [
    ...Object.entries(readable).flatMap(([inside, outside]) => ['--ro-bind', outside, inside]),
    ...Object.entries(writable).flatMap(([inside, outside]) => ['--bind', outside, inside]),
  ];
  const variables = Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin', ...env });
  const settings = variables.flatMap(([name, value]) => ['--setenv', name, value]);
  const kernel = [
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--die-with-parent',
  ];
  const view = [
    ...system,
    ...links,
    ...kernel,
    ...parents,
    ...binds,
    '--remount-ro',
    '/',
    '--clearenv',
    ...settings,
    '--chdir',
    folder,
  ];
  return [...view, '--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP', ...GIVE_UP_ROOT];
}

const options = { env: cleanEnvironment(), cwd: '/' };

/** Resolves to stdout; rejects with all that was printed where the command fails. */
export function runInside(command: readonly string[], sandbox: Sandbox, label: string): Promise<string> {
  return run(BWRAP, [...argumentsOf(sandbox), ...command], { ...options, label, deadlineMs: 300_000 });
}

export function startInside(command: readonly string[], sandbox: Sandbox, label: string, readyText: string) {
  return startServer(BWRAP, [...argumentsOf(sandbox), ...command], { ...options, label, readyText });
}
