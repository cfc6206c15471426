/** Debian packages that a suite against real servers needs, installed where that is possible. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment, run } from './child-process.mjs';
import { withLock } from './lock.mjs';

/**
 * Resolves to what `find` finds, after an installation of the packages where it finds nothing at first. Rejects where
 * that is not possible: a suite that went without would look like one that passed.
 * @template T
 * @param {object} options
 * @param {() => Promise<T | undefined>} options.find
 * @param {string} options.missing what was looked for where, for errors
 * @param {readonly string[]} options.packages
 * @param {((text: string) => void) | undefined} [options.log]
 * @returns {Promise<T>}
 */
export async function ensureInstalled({ find, missing, packages, log }) {
  const found = await find();
  if (found !== undefined) return found;
  const names = packages.join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error(`${missing}; install them (Debian: apt-get install ${names}), or run as root on Debian`);
  }
  const env = cleanEnvironment({ DEBIAN_FRONTEND: 'noninteractive' });
  // A half-installed package is worse than a slow end, hence no SIGKILL.
  const options = { env, log, exitSignal: /** @type {const} */ ('SIGTERM'), deadlineMs: 600_000 };
  return await withLock(join(tmpdir(), 'drawbridge-apt.lock'), 900_000, async () => {
    const foundMeanwhile = await find();
    if (foundMeanwhile !== undefined) return foundMeanwhile;
    await run('apt-get', ['update'], { ...options, label: `${missing}; apt-get update` });
    const install = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', ...packages];
    await run('apt-get', install, { ...options, label: `${missing}; apt-get install ${names}` });
    const installed = await find();
    if (installed === undefined) throw new Error(`${missing}, not even after apt-get install ${names}`);
    return installed;
  });
}
