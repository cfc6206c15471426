import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;

/** @param {unknown} error @param {string[]} codes */
function ignore(error, ...codes) {
  if (!codes.includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? '')) throw error;
}

/** @param {string} holder */
const pidOf = (holder) => Number.parseInt(holder, 10);

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Runs `work` while no other process on this machine runs its own under the same lock folder.
 *
 * The lock is a folder that holds one file, named after its owner. It is made complete elsewhere and renamed into
 * place, which the system allows only while the place is absent or an empty folder: so it never exists without its
 * owner. The lock of a dead owner is opened by unlinking that very file: two who find it at once cannot both take it.
 * @template T
 * @param {string} folder
 * @param {number} deadlineMs
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(folder, deadlineMs, work) {
  await mkdir(dirname(folder), { recursive: true });
  const owner = `${process.pid}-${randomUUID()}`;
  const deadline = Date.now() + deadlineMs;
  while (true) {
    const holders = await readHolders(folder);
    const dead = holders.filter((holder) => !isAlive(pidOf(holder)));
    for (const holder of dead) await unlink(join(folder, holder)).catch((error) => ignore(error, 'ENOENT'));
    if (dead.length === holders.length && (await take(folder, owner))) break;
    if (Date.now() > deadline) {
      const held = `${folder} is still held by process ${holders.map(pidOf).join(', ')}`;
      throw new Error(`${held} after ${deadlineMs / 1000} s; delete the folder if that is wrong`);
    }
    await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await unlink(join(folder, owner)).catch((error) => ignore(error, 'ENOENT'));
    // The next owner may have moved in already.
    await rmdir(folder).catch((error) => ignore(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST'));
  }
}

/** @param {string} folder */
async function readHolders(folder) {
  try {
    return await readdir(folder);
  } catch (error) {
    ignore(error, 'ENOENT');
    return [];
  }
}

/** @param {string} folder @param {string} owner */
async function take(folder, owner) {
  const ours = `${folder}.${owner}`;
  await mkdir(ours);
  await writeFile(join(ours, owner), '');
  try {
    await rename(ours, folder);
    return true;
  } catch (error) {
    await rm(ours, { recursive: true });
    ignore(error, 'ENOTEMPTY', 'EEXIST');
    return false;
  }
}
