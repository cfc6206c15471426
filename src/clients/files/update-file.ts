import { readFileText, replaceFile, WriteConflict } from './replace-file.ts';

/** Longer than any number of people write one file at the same moment. */
const MAX_WAIT_MS = 5000;
/** Not the same for two who met, so that they do not meet again. */
const MAX_PAUSE_MS = 25;

/**
 * Changes a file that its owner alone reads, without a backup, so that nobody's change is lost: where somebody else has
 * written it between reading and writing, `change` is asked again with what is there then. It gets undefined where there
 * is no file. Throws `config` for what cannot be read or written, and what `change` throws, with the file as it was.
 */
export function updatePrivateFile(path: string, change: (before: string | undefined) => string): void {
  const endMs = Date.now() + MAX_WAIT_MS;
  for (;;) {
    const before = readFileText(path);
    const after = change(before);
    try {
      const access = { keepsBackup: false, isPrivate: true, makesFolder: false };
      replaceFile(path, { before, after, now: new Date(), ...access });
      return;
    } catch (thrown) {
      if (!(thrown instanceof WriteConflict) || Date.now() > endMs) throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.ceil(Math.random() * MAX_PAUSE_MS));
    }
  }
}
