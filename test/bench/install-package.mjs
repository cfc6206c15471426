import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
const INSTALL_DEADLINE_MS = 180_000;

/**
 * Installs a package with npm below .cache/, once: what is there from an earlier run is taken as it is.
 * @param {{ name: string, version: string }} wanted
 * @returns {Promise<string>} the package's folder
 * @throws {Error} that says what npm said last, and what can be measured without it
 */
export async function installPackage({ name, version }) {
  const home = join(CACHE, `${name}-${version}`);
  const folder = join(home, 'node_modules', name);
  if (existsSync(folder)) return folder;
  console.error(`bench: installing ${name} ${version} with npm`);
  mkdirSync(CACHE, { recursive: true });
  // Put in its place when it is whole, so that an install that was cut off is never taken for one.
  const fresh = mkdtempSync(join(CACHE, 'install-'));
  try {
    install(fresh, name, version);
    const installed = JSON.parse(readFileSync(join(fresh, 'node_modules', name, 'package.json'), 'utf8')).version;
    if (installed !== version) throw new Error(`npm installed ${name} ${installed} instead of ${version}`);
    if (!existsSync(home)) renameSync(fresh, home);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return folder;
}

function install(folder, name, version) {
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${version}`];
  const { status, error, stdout, stderr } = spawnSync('npm', args, {
    encoding: 'utf8',
    timeout: INSTALL_DEADLINE_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  const said = error?.message ?? (stderr.trimEnd() || stdout.trimEnd()).slice(-1_000);
  throw new Error(
    `${name} ${version} could not be installed with npm, so there is nothing to compare with ` +
      `(\`--only drawbridge\` measures without it); npm said:\n${said}`,
  );
}
