/** Python for the suites against real servers: a suitable interpreter, and virtual environments that are made once. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './child-process.mjs';
import { withLock } from './lock.mjs';

const CACHE = fileURLToPath(new URL('../../.cache/real/', import.meta.url));
const FOUND = join(CACHE, 'python');
const OLDEST_MINOR = 12;
const INSTALL_MS = 600_000;
/** A first run on a slow line; whoever waits for the lock waits for three such steps. */
const LOCK_MS = 3 * INSTALL_MS;
/** ensurepip is a package of its own on Debian; without it `venv` fails half-way. */
const PROBE = 'import ensurepip, sys, venv; print("%d.%d.%d" % sys.version_info[:3]); print(sys.executable)';

/** pyenv's own folders: its `python3.12` on PATH refuses to run unless that version is switched on. */
async function findPyenvPythons() {
  const folder = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  const versions = await readdir(folder).catch(() => []);
  const suitable = versions.filter((version) => /^3\.1[23]\.\d+$/.test(version));
  const newestFirst = suitable.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  const tried = newestFirst.map((version) => join(folder, version, 'bin', 'python3'));
  return { tried, missing: tried.length === 0 ? [`${folder}/3.{12,13}.*: none`] : [] };
}

/** @param {string} command */
async function remember(command) {
  await mkdir(CACHE, { recursive: true });
  // Not atomic and need not be: a name that was cut short does not run, and the search goes on.
  await writeFile(FOUND, command);
}

/**
 * Finds an interpreter that postgres-mcp can run on. The one found last time is tried first: asking everything on PATH
 * costs more than half a second where pyenv's shims answer.
 * @returns {Promise<{ command: string, version: string }>}
 */
export async function findPython() {
  const remembered = await readFile(FOUND, 'utf8').catch(() => '');
  const pyenv = await findPyenvPythons();
  const rejected = [];
  for (const candidate of [remembered, 'python3.13', 'python3.12', 'python3', ...pyenv.tried]) {
    if (candidate === '') continue;
    try {
      const printed = await run(candidate, ['-c', PROBE], { label: candidate, deadlineMs: 20_000 });
      const [version = '', command = ''] = printed.trim().split('\n');
      const [major, minor] = version.split('.').map(Number);
      if (major === 3 && Number(minor) >= OLDEST_MINOR) {
        if (command !== remembered) await remember(command);
        return { command, version };
      }
      rejected.push(`${candidate}: is ${version}`);
    } catch (error) {
      rejected.push(
        String(/** @type {Error} */ (error).message)
          .trim()
          .split('\n')
          .slice(0, 2)
          .join(' '),
      );
    }
  }
  const looked = [...rejected, ...pyenv.missing].map((line) => `  ${line}`).join('\n');
  throw new Error(`no Python 3.${OLDEST_MINOR} or newer (with venv and ensurepip); looked for:\n${looked}`);
}

/**
 * Makes a virtual environment in the repository's ignored cache, or finds the one an earlier run made.
 * @param {string} name
 * @param {readonly string[]} installArgs what `uv pip install` is given
 * @param {readonly string[]} [overrides] requirements that win over those of the packages (uv's --override)
 * @returns {Promise<string>} its folder
 */
export async function ensureVenv(name, installArgs, overrides = []) {
  const { command, version } = await findPython();
  // The folder counts as well: a virtual environment holds its own absolute path and cannot be moved.
  const inputs = { cache: CACHE, version, platform: `${process.platform}-${process.arch}`, installArgs, overrides };
  const key = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 12);
  const place = `${name}-${key}`;
  // A link that is made last and at once: an installation that was cut short is never taken for a whole one.
  const link = join(CACHE, place);
  const isComplete = () => existsSync(join(link, 'bin', 'python'));

  if (isComplete()) return link;
  return await withLock(`${link}.lock`, LOCK_MS, async () => {
    if (isComplete()) return link;
    await rm(link, { force: true });
    const leftovers = (await readdir(CACHE)).filter((entry) => entry.startsWith(`${place}.venv-`));
    // The pip of an owner that was killed may still be writing there: we use another folder, and this may fail.
    for (const entry of leftovers) await rm(join(CACHE, entry), { recursive: true, force: true }).catch(() => {});
    const folder = `${link}.venv-${randomUUID().slice(0, 8)}`;
    await install(name, command, folder, installArgs, overrides);
    await symlink(basename(folder), link);
    return link;
  });
}

/**
 * pip cannot override what a package requires, uv can; and uv itself comes from pip.
 * @param {string} name
 * @param {string} command
 * @param {string} folder
 * @param {readonly string[]} installArgs
 * @param {readonly string[]} overrides
 */
async function install(name, command, folder, installArgs, overrides) {
  /** @param {string} program @param {string[]} args @param {string} step */
  const step = (program, args, step) => run(program, args, { label: `${name}: ${step}`, deadlineMs: INSTALL_MS });
  const python = join(folder, 'bin', 'python');
  await step(command, ['-m', 'venv', folder], `${command} -m venv`);
  await step(python, ['-m', 'pip', 'install', '--disable-pip-version-check', 'uv'], 'pip install uv');
  const overridesFile = join(folder, 'overrides.txt');
  await writeFile(overridesFile, `${overrides.join('\n')}\n`);
  const args = ['pip', 'install', '--python', python, '--override', overridesFile, ...installArgs];
  await step(join(folder, 'bin', 'uv'), args, `uv pip install ${installArgs.join(' ')}`);
}
