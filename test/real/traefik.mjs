/**
 * Traefik, which neither Debian nor PyPI has, as a program built once into the ignored cache. The replacements in its
 * go.mod are those of Traefik's own, which count only in the module that is built.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, run } from './child-process.mjs';
import { withLock } from './lock.mjs';

const MODULE = fileURLToPath(new URL('traefik/', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/real/', import.meta.url));
/** Seen on two processors: 15 minutes where they were busy and Go's caches empty, half a minute where those were warm. */
const BUILD_MS = 30 * 60_000;

/** @returns {Promise<string>} */
export async function ensureTraefik() {
  const pinned = await Promise.all(['go.mod', 'go.sum'].map((name) => readFile(join(MODULE, name))));
  const key = createHash('sha256').update(Buffer.concat(pinned)).digest('hex').slice(0, 12);
  const program = join(CACHE, `traefik-${key}-${process.platform}-${process.arch}`);
  if (existsSync(program)) return program;
  return await withLock(`${program}.lock`, 2 * BUILD_MS, async () => {
    if (existsSync(program)) return program;
    const folder = `${program}.new-${randomUUID().slice(0, 8)}`;
    await mkdir(CACHE, { recursive: true });
    await cp(MODULE, folder, { recursive: true });
    const args = ['build', '-mod=readonly', '-o', join(folder, 'traefik'), 'github.com/traefik/traefik/v3/cmd/traefik'];
    try {
      await run('go', args, {
        label: 'Traefik is built with Go (1.22 or newer)',
        cwd: folder,
        env: cleanEnvironment({ HOME: process.env['HOME'] ?? folder }),
        deadlineMs: BUILD_MS,
      });
      // Renamed last and at once: a build that was cut short is never taken for a whole one.
      await rename(join(folder, 'traefik'), program);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return program;
  });
}
