import { readFileSync } from 'node:fs';
import { DrawbridgeError } from '../errors.ts';

/** The text of the file that `where` names, such as `--ca`; throws `config`, naming both. */
export function readTextFile(path: string, where: string): string {
  try {
    return readFileSync(expandHome(path), 'utf8');
  } catch (thrown) {
    throw new DrawbridgeError('config', `cannot read ${path}`, {
      why: `${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}; it is named with ${where}`,
      hint: 'Is the path right, and the file yours to read? A full path is safest: clients start us in folders of their own.',
    });
  }
}

/** The path with `~/` as the home folder, which no shell has seen where a client's configuration has it. */
export function expandHome(path: string): string {
  const home = process.env['HOME'] ?? process.env['USERPROFILE'];
  return home !== undefined && /^~[/\\]/.test(path) ? home + path.slice(1) : path;
}
