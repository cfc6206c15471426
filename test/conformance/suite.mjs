/** The official conformance suite: installed once, run against a URL, its results read. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, run } from '../real/child-process.mjs';
import { guardFolder } from '../real/guard.mjs';
import { withLock } from '../real/lock.mjs';

const CACHE = fileURLToPath(new URL('../../.cache/real/', import.meta.url));
/** The suite does not start on an older one; ours may be. */
const NODE_VERSION = '22.23.3';
const INSTALL_MS = 300_000;
/** All scenarios take some five seconds where everything is well; each has 30 s to fail. */
const RUN_MS = 300_000;

/** @typedef {'SUCCESS' | 'INFO' | 'SKIPPED' | 'WARNING' | 'FAILURE'} Status */
/**
 * @typedef {object} Check
 * @property {Status} status
 * @property {string} message what the suite says of it, where it did not pass
 */
/**
 * @typedef {object} Outcome of one scenario
 * @property {ReadonlyMap<string, Check>} checks by id; of several under one id the worst
 * @property {number} passed
 * @property {number} failed
 * @property {number} warned
 */
/** @typedef {Map<string, Outcome>} Outcomes by scenario */

/** @type {Readonly<Record<Status, number>>} */
const RANKS = { SUCCESS: 0, INFO: 1, SKIPPED: 1, WARNING: 2, FAILURE: 3 };

/**
 * The higher, the worse; a check that was not made says as little as one that was skipped.
 * @param {Check | undefined} check
 */
export const rankOf = (check) => RANKS[check?.status ?? 'SKIPPED'];

/**
 * Installs the suite and the Node that it needs below .cache/, once.
 * @param {string} version
 * @returns {Promise<{ node: string, entry: string }>}
 */
async function ensureSuite(version) {
  const home = join(CACHE, `conformance-${version}-node-${NODE_VERSION}`);
  const modules = join(home, 'node_modules');
  const suite = {
    node: join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node'),
    entry: join(modules, '@modelcontextprotocol', 'conformance', 'dist', 'index.js'),
  };
  if (existsSync(home)) return suite;
  return await withLock(`${home}.lock`, 2 * INSTALL_MS, async () => {
    if (existsSync(home)) return suite;
    // Put in its place when it is whole, so that an installation that was cut off is never taken for one.
    const fresh = await mkdtemp(join(CACHE, 'conformance-install-'));
    try {
      const wanted = [`@modelcontextprotocol/conformance@${version}`, `node@${NODE_VERSION}`];
      const args = ['install', '--prefix', fresh, '--no-audit', '--no-fund', '--no-save', ...wanted];
      await run('npm', args, { label: `npm install ${wanted.join(' ')}`, cwd: fresh, deadlineMs: INSTALL_MS });
      await run(join(fresh, 'node_modules', 'node', 'bin', 'node'), ['--version'], { label: `node ${NODE_VERSION}` });
      await rename(fresh, home);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    return suite;
  });
}

/**
 * Runs scenarios against the server at a URL.
 * @param {{ version: string, url: string, args: readonly string[] }} what `args` say which scenarios
 * @returns {Promise<Outcomes>}
 */
export async function runSuite({ version, url, args }) {
  const { node, entry } = await ensureSuite(version);
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-conformance-'));
  const release = guardFolder(folder);
  try {
    await mkdir(join(folder, 'out'));
    const label = `conformance ${version} at ${url}`;
    const all = [entry, 'server', '--url', url, '-o', join(folder, 'out'), ...args];
    // It ends with 1 where a check fails, which is a result like another; without results something else went wrong.
    const failure = await run(node, all, { label, cwd: folder, env: cleanEnvironment(), deadlineMs: RUN_MS }).then(
      () => undefined,
      (/** @type {Error} */ error) => error,
    );
    const outcomes = await readOutcomes(join(folder, 'out'));
    if (outcomes.size === 0) throw failure ?? new Error(`${label}: no results`);
    return outcomes;
  } finally {
    await rm(folder, { recursive: true, force: true });
    release();
  }
}

/**
 * @param {string} folder
 * @returns {Promise<Outcomes>}
 */
async function readOutcomes(folder) {
  /** @type {Outcomes} */
  const outcomes = new Map();
  for (const entry of (await readdir(folder)).sort()) {
    const scenario = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\dZ-]+$/.exec(entry)?.[1];
    if (scenario === undefined) continue;
    const checks = JSON.parse(await readFile(join(folder, entry, 'checks.json'), 'utf8'));
    outcomes.set(scenario, outcomeOf(checks));
  }
  return outcomes;
}

/**
 * @param {{ id: string, status: Status, errorMessage?: string }[]} all
 * @returns {Outcome}
 */
function outcomeOf(all) {
  /** @type {Map<string, Check>} */
  const checks = new Map();
  for (const { id, status, errorMessage = '' } of all) {
    const check = { status, message: errorMessage };
    const former = checks.get(id);
    if (former === undefined || rankOf(check) > rankOf(former)) checks.set(id, check);
  }
  /** @param {Status} wanted */
  const count = (wanted) => all.filter(({ status }) => status === wanted).length;
  return { checks, passed: count('SUCCESS'), failed: count('FAILURE'), warned: count('WARNING') };
}
