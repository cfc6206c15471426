/** What knows GitHub's workflows and forms: actionlint from its Go module, check-jsonschema with the schemas it brings. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, run } from './child-process.mjs';
import { withLock } from './lock.mjs';
import { ensureVenv } from './python.mjs';

const ACTIONLINT = 'v1.7.12';
const CHECK_JSONSCHEMA = '0.39.0';
const CACHE = fileURLToPath(new URL('../../.cache/real/', import.meta.url));
const INSTALL_MS = 300_000;

async function ensureActionlint() {
  const folder = join(CACHE, `actionlint-${ACTIONLINT}-${process.platform}-${process.arch}`);
  const program = join(folder, 'actionlint');
  return await withLock(`${folder}.lock`, 2 * INSTALL_MS, async () => {
    if (existsSync(program)) return program;
    await mkdir(folder, { recursive: true });
    // Go puts the program in place at once, when it is whole.
    const args = ['install', `github.com/rhysd/actionlint/cmd/actionlint@${ACTIONLINT}`];
    await run('go', args, {
      label: `go install of actionlint ${ACTIONLINT}`,
      deadlineMs: INSTALL_MS,
      env: goEnvironment(folder),
    });
    return program;
  });
}

/** @param {string} folder */
const goEnvironment = (folder) => ({ ...process.env, GOBIN: folder });

const ensureCheckJsonschema = () => ensureVenv('check-jsonschema', [`check-jsonschema==${CHECK_JSONSCHEMA}`]);

/** For a hook with time: on a new machine one is built, the other downloaded. */
export async function installWorkflowTools() {
  await ensureActionlint();
  await ensureCheckJsonschema();
}

/** Rejects with what is wrong. @param {readonly string[]} files */
export async function lintWorkflows(files) {
  const program = await ensureActionlint();
  // Shell scripts would be judged by shellcheck where a machine has it, and nowhere else.
  const args = ['-no-color', '-shellcheck=', '-pyflakes=', ...files];
  await run(program, args, { label: 'actionlint', env: cleanEnvironment() });
}

/** Rejects with what is wrong. @param {string} schema @param {readonly string[]} files */
export async function checkAgainst(schema, files) {
  const venv = await ensureCheckJsonschema();
  const args = ['--builtin-schema', `vendor.${schema}`, ...files];
  await run(join(venv, 'bin', 'check-jsonschema'), args, { label: 'check-jsonschema', env: cleanEnvironment() });
}
