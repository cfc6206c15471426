import { spawn, spawnSync } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { monotonicMs } from './clock.mjs';
import { listAllowedCpus, listTree } from './process-stats.mjs';

// Starts pinned child processes and ends exactly these, by pid, whatever happens.

const STOP_DEADLINE_MS = 3_000;

/** Longest piece of a child's stderr that is kept for the message about its failure. */
const MAX_STDERR_CHARS = 4_000;

/**
 * Where things run: load generator and upstream share the first CPU, the thing under test has the second for itself.
 * @returns {{ harness?: number, target?: number, note?: string }}
 */
export function planCpus() {
  const cpus = listAllowedCpus();
  if (cpus.length < 2) return { note: 'only one CPU here: nothing is pinned, so rates and latencies mean little' };
  if (spawnSync('taskset', ['--version']).status !== 0) return { note: 'no taskset here: nothing is pinned' };
  return { harness: cpus[0], target: cpus[1] };
}

/** @param {number} pid @param {NodeJS.Signals} signal */
function signalPid(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** @type {Set<ChildProcess>} all that have been started and not ended yet */
const running = new Set();

/** Ends everything that was started here. */
export async function stopAll() {
  await Promise.all([...running].map((child) => child.stop()));
}

/** The same for the last moment of this process, when nothing can be awaited any more. */
export function killAll() {
  for (const child of running) child.kill();
}

/** Has the kernel send SIGTERM to the child when this process is killed and cannot clean up any more. */
const WITH_PARENT = ['setpriv', '--pdeathsig', 'TERM', '--'];

/** @type {boolean | undefined} asked once, since the start of a child may be what is timed */
let canDieWithParent;

function diesWithParent() {
  canDieWithParent ??= spawnSync(WITH_PARENT[0], [...WITH_PARENT.slice(1), 'true']).status === 0;
  return canDieWithParent;
}

/** Moves this process, threads and all, to one CPU; what it starts afterwards inherits that. @param {number} cpu */
export function pinSelf(cpu) {
  const { status } = spawnSync('taskset', ['-a', '-c', '-p', String(cpu), String(process.pid)]);
  if (status !== 0) throw new Error(`taskset could not move the bench to CPU ${cpu}`);
}

/** @param {number[]} pids */
function killPids(pids) {
  for (const pid of pids) signalPid(pid, 'SIGKILL');
}

export class ChildProcess {
  #child;
  #stderr = '';
  #exited;
  hasExited = false;
  /** How it ended, once it has. */
  ending = 'could not be started';
  endedAtMs = Number.NaN;

  /**
   * @param {string} name for messages
   * @param {string[]} command
   * @param {{ cpu?: number, ipc?: boolean, isPiped?: boolean, env?: NodeJS.ProcessEnv, cwd?: string }} [options]
   *   isPiped: its stdin and stdout are ours
   */
  constructor(name, command, { cpu, ipc = false, isPiped = false, env = process.env, cwd } = {}) {
    this.name = name;
    // Both replace themselves by the command that follows, so the child's pid is the command's.
    const pinned = cpu === undefined ? command : ['taskset', '-c', String(cpu), ...command];
    const [file, ...args] = diesWithParent() ? [...WITH_PARENT, ...pinned] : pinned;
    const ours = isPiped ? 'pipe' : 'ignore';
    const stdio = [ours, ours, 'pipe', ...(ipc ? ['ipc'] : [])];
    this.startedAtMs = monotonicMs();
    this.#child = spawn(file, args, { env, cwd, stdio });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARS);
    });
    running.add(this);
    this.#exited = new Promise((resolve) => {
      const settle = () => {
        running.delete(this);
        this.hasExited = true;
        this.endedAtMs = monotonicMs();
        resolve(undefined);
      };
      this.#child.on('exit', (code, signal) => {
        this.ending = signal ?? `exit code ${code}`;
        settle();
      });
      this.#child.on('error', (error) => {
        this.#stderr += error.message;
        settle();
      });
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get stdin() {
    return this.#child.stdin;
  }

  get stdout() {
    return this.#child.stdout;
  }

  /** Settles when it has ended, however that was. */
  get exited() {
    return this.#exited;
  }

  /** @param {string} what @returns {Error} with what the child said last */
  failure(what) {
    return new Error(`${this.name} ${what}${this.#stderr === '' ? '' : `; it said:\n${this.#stderr.trimEnd()}`}`);
  }

  /** @param {unknown} message */
  send(message) {
    this.#child.send(message);
  }

  /** @param {number} deadlineMs @returns {Promise<any>} the next IPC message */
  async receive(deadlineMs) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), deadlineMs);
    const message = new Promise((resolve) => this.#child.once('message', resolve));
    const late = new Promise((resolve) => abort.signal.addEventListener('abort', () => resolve(undefined)));
    const first = await Promise.race([message, late, this.#exited]);
    clearTimeout(timer);
    if (first !== undefined) return first;
    throw this.failure(this.hasExited ? 'ended' : `said nothing for ${deadlineMs} ms`);
  }

  /** Waits until the port accepts connections. @param {number} port @param {number} deadlineMs */
  async waitForPort(port, deadlineMs) {
    const end = performance.now() + deadlineMs;
    while (performance.now() < end) {
      if (this.hasExited) throw this.failure('ended before it listened');
      if (await accepts(port)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw this.failure(`did not listen on port ${port} within ${deadlineMs} ms`);
  }

  /** SIGTERM first; SIGKILL for it and for what it started when that does not help in time. */
  async stop() {
    if (this.hasExited || this.pid === undefined) return;
    const tree = listTree(this.pid);
    signalPid(this.pid, 'SIGTERM');
    const timer = setTimeout(() => killPids(tree), STOP_DEADLINE_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it and what it started, without waiting. */
  kill() {
    if (!this.hasExited && this.pid !== undefined) killPids(listTree(this.pid));
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

/** A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one and tell. */
export function findFreePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
