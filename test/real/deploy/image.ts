/** What the steps of a Dockerfile make, in a plain folder: RUN as a user that is not root, COPY as `cp` does it. */
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Copy, parseDockerfile, type Stage } from './dockerfile.ts';
import { runInside, type Sandbox, USER } from './sandbox.ts';

export interface Image {
  readonly stage: Stage;
  /** Each top folder that the steps made, by its path in the image. */
  readonly folders: Readonly<Record<string, string>>;
}

export interface Build {
  readonly dockerfile: string;
  /** Its build context. */
  readonly context: string;
  /** An empty folder, for the stages. */
  readonly folder: string;
  /** What the base image has, as folders of the machine; and what a build reaches the registries with. */
  readonly base: Sandbox;
}

export async function buildImage({ dockerfile, context, folder, base }: Build): Promise<Image> {
  const stages = parseDockerfile(readFileSync(dockerfile, 'utf8'));
  for (const [index, stage] of stages.entries()) {
    const root = join(folder, stage.name ?? `stage-${index}`);
    makeFolder(join(root, 'opt'));
    let current = '/';
    for (const step of stage.steps) {
      if (step.kind === 'folder') {
        current = step.path;
        makeFolder(join(root, current));
      } else if (step.kind === 'copy') {
        copy(
          step,
          step.from === undefined ? context : join(folder, step.from),
          join(root, resolve(current, step.destination)),
        );
      } else {
        const writable = { ...base.writable, ...foldersOf(root) };
        await runInside(['sh', '-c', step.command], { ...base, writable, folder: current }, `RUN ${step.command}`);
      }
    }
  }
  const last = stages.at(-1)!;
  return { stage: last, folders: foldersOf(join(folder, last.name ?? `stage-${stages.length - 1}`)) };
}

function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chownSync(path, USER, USER);
}

/** A file goes into a folder that is there, a folder's content into the destination. */
function copy({ sources }: Copy, from: string, to: string): void {
  for (const source of sources) {
    const path = join(from, source);
    const isFolder = statSync(path).isDirectory();
    const target = isFolder || !existsSync(to) ? to : join(to, basename(source));
    cpSync(path, target, { recursive: true, verbatimSymlinks: true });
    if (isFolder && readdirSync(path).length === 0) makeFolder(target);
  }
}

function foldersOf(root: string): Record<string, string> {
  return Object.fromEntries(readdirSync(root).map((name) => [`/${name}`, join(root, name)]));
}

/** The sum of the files below, links not followed. */
export function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

export function removeFolder(folder: string): void {
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
}
