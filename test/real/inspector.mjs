/** The MCP Inspector's command line, installed once into the ignored cache, with the Node version that it wants. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, run } from './child-process.mjs';
import { withLock } from './lock.mjs';

const VERSION = '2.12.0';
const NODE_VERSION = '22';
const CACHE = fileURLToPath(new URL('../../.cache/real/', import.meta.url));
const INSTALL_MS = 300_000;

async function ensureInspector() {
  const folder = join(CACHE, `inspector-${VERSION}-node-${NODE_VERSION}-${process.platform}-${process.arch}`);
  if (existsSync(folder)) return folder;
  return await withLock(`${folder}.lock`, 2 * INSTALL_MS, async () => {
    if (existsSync(folder)) return folder;
    const made = `${folder}.new-${randomUUID().slice(0, 8)}`;
    await mkdir(made, { recursive: true });
    await writeFile(join(made, 'package.json'), '{"private":true}');
    const packages = [`@modelcontextprotocol/inspector@${VERSION}`, `node@${NODE_VERSION}`];
    const args = ['install', '--prefix', made, '--no-audit', '--no-fund', '--no-package-lock', ...packages];
    try {
      await run('npm', args, { label: `npm install of the Inspector ${VERSION}`, deadlineMs: INSTALL_MS, cwd: made });
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      throw error;
    }
    // Renamed last and at once: an installation that was cut short is never taken for a whole one.
    await rename(made, folder);
    return folder;
  });
}

/**
 * Runs the Inspector's command line and resolves to the result that it prints, parsed. Rejects with all that it said.
 * @param {readonly string[]} args as after `--cli`
 * @returns {Promise<any>}
 */
export async function runInspector(args) {
  const folder = await ensureInspector();
  const modules = join(folder, 'node_modules');
  const launcher = join(modules, '@modelcontextprotocol', 'inspector', 'clients', 'launcher', 'build', 'index.js');
  // It keeps settings in the home directory, which are not ours to change.
  const env = cleanEnvironment({ HOME: folder, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' });
  const label = `Inspector ${VERSION}: ${args.slice(-3).join(' ')}`;
  return JSON.parse(await run(join(modules, 'node', 'bin', 'node'), [launcher, '--cli', ...args], { env, label }));
}
