/** A private sshd on 127.0.0.1 and the `ssh` that knows it: own keys, own configuration, gone after `stop()`. */
import { constants } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { run, startServer } from './child-process.mjs';
import { ensureInstalled } from './debian.mjs';
import { onFreePort } from './free-port.mjs';
import { guardFolder } from './guard.mjs';

const FOLDERS = [
  '/usr/sbin',
  '/usr/bin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/opt/homebrew/sbin',
  '/opt/homebrew/bin',
];
const PROGRAMS = ['sshd', 'ssh', 'ssh-keygen'];
/** sshd refuses to start as root without it; the system service would make it. */
const PRIVILEGE_FOLDER = '/run/sshd';

/** @param {string} program */
async function findProgram(program) {
  for (const folder of FOLDERS) {
    const path = join(folder, program);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

async function findPrograms() {
  const [sshd, ssh, keygen] = await Promise.all(PROGRAMS.map(findProgram));
  return sshd === undefined || ssh === undefined || keygen === undefined ? undefined : { sshd, ssh, keygen };
}

function ensurePrograms() {
  const missing = `${PROGRAMS.join(', ')} were looked for in ${FOLDERS.join(', ')} and not all found`;
  return ensureInstalled({ find: findPrograms, missing, packages: ['openssh-server', 'openssh-client'] });
}

/** @param {string} path @param {string} text */
async function writeProgram(path, text) {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

/** Every process and its arguments. */
async function listProcesses() {
  const listed = await run('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { label: 'ps' });
  return listed.split('\n').flatMap((line) => {
    const [, pid, ppid, args] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), ppid: Number(ppid), args: args ?? '' }];
  });
}

/**
 * Those of the processes that are still there; one that has ended and that nobody has asked for yet is not.
 * @param {readonly number[]} pids
 */
export async function findAlive(pids) {
  const all = await listProcesses();
  return all.filter(({ pid, args }) => pids.includes(pid) && !args.includes('<defunct>')).map(({ pid }) => pid);
}

/**
 * Starts a private sshd that lets this very user in with one key.
 * @param {{ settings?: readonly string[] }} [options] settings: further lines of sshd_config
 */
export async function startSshd({ settings = [] } = {}) {
  const programs = await ensurePrograms();
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-sshd-'));
  const release = guardFolder(folder);
  const remove = async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    release();
  };
  /** @param {string} name @param {string} [passphrase] */
  const makeKey = async (name, passphrase = '') => {
    const path = join(folder, name);
    const args = ['-q', '-t', 'ed25519', '-C', name, '-N', passphrase, '-f', path];
    await run(programs.keygen, args, { label: `ssh-keygen ${name}` });
    return path;
  };
  try {
    const hostKey = await makeKey('host-key');
    const keyFile = await makeKey('key');
    const lockedKeyFile = await makeKey('locked-key', 'a passphrase');
    const strangerKeyFile = await makeKey('stranger-key');
    const authorizedKeys = join(folder, 'authorized-keys');
    const accepted = await Promise.all([keyFile, lockedKeyFile].map((key) => readFile(`${key}.pub`, 'utf8')));
    await writeFile(authorizedKeys, accepted.join(''));
    if (process.getuid?.() === 0) await mkdir(PRIVILEGE_FOLDER, { recursive: true, mode: 0o755 });

    const config = join(folder, 'sshd-config');
    /** @param {number} port */
    const startOn = async (port) => {
      const lines = [
        `ListenAddress 127.0.0.1:${port}`,
        `HostKey ${hostKey}`,
        `AuthorizedKeysFile ${authorizedKeys}`,
        'PidFile none',
        'UsePAM no',
        'StrictModes no',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        ...settings,
      ];
      await writeFile(config, `${lines.join('\n')}\n`);
      const options = { label: `sshd on port ${port}`, readyText: 'Server listening on', deadlineMs: 20_000 };
      const server = await startServer(programs.sshd, ['-D', '-e', '-f', config], options);
      return { port, server };
    };
    let { server, port } = await onFreePort(startOn);
    const user = userInfo().username;

    /** Processes that serve one connection each: children of ours, and theirs. */
    const connectionPids = async () => {
      const all = await listProcesses();
      const children = all.filter(({ ppid }) => ppid === server.pid).map(({ pid }) => pid);
      return [...children, ...all.filter(({ ppid }) => children.includes(ppid)).map(({ pid }) => pid)];
    };

    /** @param {NodeJS.Signals} signal */
    const signalConnections = async (signal) => {
      for (const pid of await connectionPids()) {
        try {
          process.kill(pid, signal);
        } catch (error) {
          if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
        }
      }
    };
    const end = async () => {
      // First, since they outlive it and hold its log open.
      await signalConnections('SIGTERM');
      await server.stop();
    };

    return {
      port,
      user,
      /** user@host:port */
      destination: `${user}@127.0.0.1:${port}`,
      folder,
      keyFile,
      lockedKeyFile,
      strangerKeyFile,
      log: () => server.log(),
      /**
       * A folder with the system's `ssh`, which reads this server's configuration in place of the user's.
       * @param {{ knownHostKey?: string | undefined, config?: readonly string[] }} [options] knownHostKey: the key file
       *   that known_hosts has for the server (default: its own), '' for none; config: further lines of ssh_config
       */
      makeClient: async ({ knownHostKey = hostKey, config: further = [] } = {}) => {
        const bin = await mkdtemp(join(folder, 'client-'));
        const knownHosts = join(bin, 'known-hosts');
        const known = knownHostKey === '' ? '' : `[127.0.0.1]:${port} ${await readFile(`${knownHostKey}.pub`, 'utf8')}`;
        await writeFile(knownHosts, known);
        const lines = [
          `UserKnownHostsFile ${knownHosts}`,
          `GlobalKnownHostsFile ${join(bin, 'none')}`,
          'IdentityAgent none',
          ...further,
        ];
        const clientConfig = join(bin, 'config');
        await writeFile(clientConfig, `${lines.join('\n')}\n`);
        const command = join(bin, 'ssh');
        await writeProgram(command, `#!/bin/sh\nexec ${programs.ssh} -F ${clientConfig} "$@"\n`);
        return {
          bin,
          command,
          /** The processes of this ssh, and what was started to watch them. */
          pids: async () => {
            const all = await listProcesses();
            const clients = all.filter(({ args }) => args.includes(` -F ${clientConfig} `)).map(({ pid }) => pid);
            const guards = all.filter(({ args }) => clients.some((pid) => args.endsWith(` guard ${pid}`)));
            return { clients, guards: guards.map(({ pid }) => pid) };
          },
        };
      },
      connectionPids,
      /** Ends every connection, as a crash of the processes that serve them would. */
      killConnections: () => signalConnections('SIGKILL'),
      /** Ends the server and its connections, until `start`. */
      end,
      /** Starts it again on its port. */
      start: async () => {
        ({ server } = await startOn(port));
      },
      stop: async () => {
        await end();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
