/**
 * Guards clean up after us however we die: an `exit` handler runs neither on SIGKILL nor on a signal that nobody
 * handles, which is how a test runner ends its workers. A guard is a shell that reads a pipe only we hold: a line
 * releases it, the end of the pipe means that we are gone.
 */
import { spawn } from 'node:child_process';

const END_PROCESS = 'read -r line || kill -"$1" "$2"';
/** A server that is ending may write while its folder is removed, hence more than one try. */
const REMOVE_FOLDER = `read -r line && exit
  tries=0
  until rm -rf "$1" || [ $tries -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done`;

/** @param {string} script @param {string[]} args */
function startGuard(script, args) {
  const guard = spawn('sh', ['-c', script, 'guard', ...args], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // It must neither keep our event loop alive nor bring it down.
  guard.once('error', () => {}).unref();
  const pipe = /** @type {import('node:net').Socket} */ (guard.stdin);
  pipe.on('error', () => {}).unref();
  return () => void pipe.end('released\n');
}

/**
 * Sends `signal` to a process (a group when negative) as soon as our own process is gone.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @returns {() => void} releases the guard
 */
export const guardProcess = (pid, signal) => startGuard(END_PROCESS, [signal.replace('SIG', ''), String(pid)]);

/**
 * Removes a folder as soon as our own process is gone.
 * @param {string} folder
 * @returns {() => void} releases the guard
 */
export const guardFolder = (folder) => startGuard(REMOVE_FOLDER, [folder]);
