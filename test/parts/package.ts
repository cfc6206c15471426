/** The package as its users get it: packed, and installed into an empty folder. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

export interface InstalledPackage {
  /** An empty project that depends on the package alone. */
  readonly folder: string;
  readonly files: readonly PackedFile[];
  readonly unpackedSize: number;
  remove(): void;
}

/** Packs the repository, after a build where its dist is older than what it is made of, and installs the tarball. */
export async function installPackage(): Promise<InstalledPackage> {
  if (isDistStale()) execFileSync(process.execPath, ['build.mjs'], { cwd: ROOT, stdio: 'inherit' });
  const temporary = mkdtempSync(join(tmpdir(), 'drawbridge-package-'));
  const folder = join(temporary, 'project');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"name":"consumer","private":true,"type":"module"}\n');
  const packed = await npm(['pack', '--ignore-scripts', '--json', '--pack-destination', temporary], ROOT);
  const [report] = Object.values(JSON.parse(packed) as Record<string, PackReport>);
  const tarball = join(temporary, report!.filename);
  await npm(['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball], folder);
  return {
    folder,
    files: report!.files,
    unpackedSize: report!.unpackedSize,
    remove: () => rmSync(temporary, { recursive: true, force: true }),
  };
}

interface PackReport {
  readonly filename: string;
  readonly files: readonly PackedFile[];
  readonly unpackedSize: number;
}

/** The output of npm, which looks for no newer one of itself meanwhile. */
export async function npm(args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, npm_config_update_notifier: 'false', npm_config_loglevel: 'error' };
  return (await run('npm', args, { cwd, env, shell: process.platform === 'win32' })).stdout;
}

function isDistStale(): boolean {
  const made = statSync(join(ROOT, 'dist/index.d.ts'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).map((path) => `src/${path}`);
  return [...sources, 'build.mjs', 'package.json'].some((path) => statSync(join(ROOT, path)).mtimeMs > made);
}
