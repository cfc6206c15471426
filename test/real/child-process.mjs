/** Child processes of the suites against real servers: each in a group of its own, with deadlines, ended by pid. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { guardProcess } from './guard.mjs';

/** Characters of output kept for each process; a server under load must not fill our memory. */
const LOG_LIMIT = 1024 * 1024;
const TAIL_LINES = 30;
/** How long a process may take to react to one signal before it gets the next, stronger one. */
const GRACE_MS = 5_000;

/**
 * Resolves or rejects as `promise` does, or rejects once `deadlineMs` have passed.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} deadlineMs
 * @param {string} label what is being waited for, for the error
 * @returns {Promise<T>}
 */
export async function withDeadline(promise, deadlineMs, label) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${label}: not within ${deadlineMs / 1000} s`)), deadlineMs);
  });
  try {
    return /** @type {T} */ (await Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Our environment without what would redirect a child: libpq reads PG*, Python reads PYTHON*.
 * @param {Record<string, string>} [extra]
 * @returns {NodeJS.ProcessEnv}
 */
export function cleanEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|PYTHON|VIRTUAL_ENV)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C.UTF-8', ...extra };
}

/** @param {string} text */
export const tailOf = (text) => text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');

/**
 * @typedef {object} LaunchOptions
 * @property {string} label names the process in errors
 * @property {number} [deadlineMs]
 * @property {((text: string) => void) | undefined} [log] is given everything the process prints
 * @property {NodeJS.Signals} [exitSignal] sent when our own process is gone first, however it ended
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {number | undefined} [uid]
 * @property {number | undefined} [gid]
 */

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {LaunchOptions} options
 */
function launch(command, args, { log, exitSignal = 'SIGKILL', cwd, env = cleanEnvironment(), uid, gid }) {
  const identity = uid === undefined || gid === undefined ? {} : { uid, gid };
  // A group of its own: Ctrl-C in a terminal then reaches only us, and we end the servers in their order.
  const child = spawn(command, args, { cwd, env, ...identity, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { all: '', stdout: '' };
  /** @type {Set<() => void>} */
  const readers = new Set();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      printed.all = (printed.all + text).slice(-LOG_LIMIT);
      if (stream === child.stdout) printed.stdout = (printed.stdout + text).slice(-LOG_LIMIT);
      log?.(text);
      for (const reader of readers) reader();
    });
  }

  // `close`, not `exit`: the output is complete then, and whoever inherited it has ended as well.
  /** @type {Promise<string>} how it ended; '' for success */
  const exited = new Promise((resolve) => {
    child.once('error', (error) => child.pid === undefined && resolve(`could not be started: ${error.message}`));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? '' : signal ? `ended by ${signal}` : `exit code ${code}`),
    );
  });

  const { pid } = child;
  if (pid === undefined) return { pid: -1, printed, readers, kill: () => {}, exited };
  // SIGKILL cannot be passed on, so it goes to the whole group; other signals are for the leader to handle.
  /** @param {NodeJS.Signals} signal */
  const target = (signal) => (signal === 'SIGKILL' ? -pid : pid);
  let isGone = false;
  const release = guardProcess(target(exitSignal), exitSignal);
  void exited.then(() => {
    isGone = true;
    release();
  });
  /** @param {NodeJS.Signals} signal */
  const kill = (signal) => {
    // The system may have given the pid to somebody else by now.
    if (isGone) return;
    try {
      process.kill(target(signal), signal);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
    }
  };
  return { pid, printed, readers, kill, exited };
}

/**
 * Runs a program to its end and resolves to what it wrote to stdout. Rejects, with the tail of everything it printed,
 * when it fails or outlives the deadline (it is killed then).
 * @param {string} command
 * @param {readonly string[]} args
 * @param {LaunchOptions} options
 * @returns {Promise<string>}
 */
export async function run(command, args, options) {
  const { label, deadlineMs = 60_000 } = options;
  const child = launch(command, args, options);
  const failure = await withDeadline(child.exited, deadlineMs, label).catch((error) => {
    child.kill('SIGKILL');
    return String(error.message);
  });
  if (failure !== '') throw new Error(`${label}: ${failure}\n${tailOf(child.printed.all)}`.trimEnd());
  return child.printed.stdout;
}

/**
 * Starts a server and resolves once it printed `readyText`, or once it listens on `readyPort`. Rejects, with the tail
 * of its log, when it exits before or the deadline passes; no process is left then.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {LaunchOptions & { stopSignals?: NodeJS.Signals[] } & ({ readyText: string } | { readyPort: number })} options
 *   stopSignals: the gentle ones; each has 5 s, then comes SIGKILL
 */
export async function startServer(command, args, options) {
  const { label, stopSignals = ['SIGTERM'], deadlineMs = 60_000 } = options;
  const child = launch(command, args, options);
  const end = async () => {
    for (const signal of /** @type {NodeJS.Signals[]} */ ([...stopSignals, 'SIGKILL'])) {
      child.kill(signal);
      const hasEnded = await withDeadline(child.exited, GRACE_MS, signal).then(
        () => true,
        () => false,
      );
      if (hasEnded) return;
    }
    throw new Error(`${label}: process ${child.pid} outlived SIGKILL`);
  };
  /** @type {Promise<void> | undefined} */
  let stopping;
  const stop = () => {
    stopping ??= end();
    return stopping;
  };

  const waiting = new AbortController();
  const ready =
    'readyPort' in options
      ? untilListening(options.readyPort, waiting.signal)
      : new Promise((resolve) => {
          const look = () => {
            if (!child.printed.all.includes(options.readyText)) return;
            child.readers.delete(look);
            resolve(undefined);
          };
          child.readers.add(look);
        });
  const early = child.exited.then((how) =>
    Promise.reject(new Error(`${label}: ended before it was ready (${how || 'exit code 0'})`)),
  );
  const awaited = 'readyPort' in options ? `port ${options.readyPort}` : `"${options.readyText}" in its log`;
  try {
    await withDeadline(Promise.race([ready, early]), deadlineMs, `${label}: ${awaited}`);
  } catch (error) {
    await stop();
    throw new Error(`${/** @type {Error} */ (error).message}\n${tailOf(child.printed.all)}`.trimEnd());
  } finally {
    waiting.abort();
  }
  return { pid: child.pid, exited: child.exited, log: () => child.printed.all, stop };
}

/**
 * Resolves when something on 127.0.0.1 takes connections there, or the wait is given up.
 * @param {number} port
 * @param {AbortSignal} signal
 */
async function untilListening(port, signal) {
  while (!signal.aborted) {
    const takesConnections = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (takesConnections) return;
    await delay(10);
  }
}
