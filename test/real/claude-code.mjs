/** Claude Code's command line, installed once into the ignored cache. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './child-process.mjs';
import { withLock } from './lock.mjs';

const VERSION = '2.1.197';
const CACHE = fileURLToPath(new URL('../../.cache/real/', import.meta.url));
const INSTALL_MS = 300_000;

/**
 * Resolves to the path of its program, which needs no Node.js: it is a package of its own for each system.
 * @returns {Promise<string>}
 */
export async function ensureClaudeCode() {
  const system = `claude-code-${process.platform}-${process.arch}`;
  const folder = join(CACHE, `${system}-${VERSION}`);
  const program = join(folder, 'node_modules', '@anthropic-ai', system, 'claude');
  if (existsSync(folder)) return program;
  return await withLock(`${folder}.lock`, 2 * INSTALL_MS, async () => {
    if (existsSync(folder)) return program;
    const made = `${folder}.new-${randomUUID().slice(0, 8)}`;
    await mkdir(made, { recursive: true });
    await writeFile(join(made, 'package.json'), '{"private":true}');
    const args = ['install', '--prefix', made, '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'];
    try {
      await run('npm', [...args, `@anthropic-ai/${system}@${VERSION}`], {
        label: `npm install of Claude Code ${VERSION}`,
        deadlineMs: INSTALL_MS,
        cwd: made,
      });
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      throw error;
    }
    // Renamed last and at once: an installation that was cut short is never taken for a whole one.
    await rename(made, folder);
    return program;
  });
}
