import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DrawbridgeError } from '../../errors.ts';

/** A file that is not there is a new one, of which nobody else needs to read anything. */
const NEW_MODE = 0o600;
/** Windows refuses to replace a file that somebody has open at this moment. */
const BUSY = new Set(['EPERM', 'EBUSY', 'EACCES']);
const BUSY_TRIES = 10;
const BUSY_PAUSE_MS = 50;
/** Whoever wrote a temporary file as old as this has died meanwhile. */
const LEFT_BEHIND_MS = 60_000;
const MAX_BACKUPS = 1000;
/** Larger than any configuration is. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export interface Replacement {
  /** What was read before, undefined where there was no file; what stands there now must still be that. */
  readonly before: string | undefined;
  readonly after: string;
  /** For the name of the backup. */
  readonly now: Date;
  /** Whether a copy of the old file is left beside it. Default true. */
  readonly keepsBackup?: boolean;
  /** Whether its owner alone may read the new file, whoever could read the old one. Default false. */
  readonly isPrivate?: boolean;
  /** Whether a folder that is not there is made. Default true. */
  readonly makesFolder?: boolean;
}

/** Somebody else writes the same file: nothing has changed, and it may be tried again. */
export class WriteConflict extends DrawbridgeError {}

/** The text of a file; undefined where there is none. Throws `config` for what cannot be read. */
export function readFileText(path: string): string | undefined {
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new DrawbridgeError('config', `${path} is too large`, { why: `it has more than ${MAX_FILE_BYTES} bytes` });
    const bytes = readFileSync(path);
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) return text;
    throw new DrawbridgeError('config', `${path} cannot be read`, { why: 'it is not UTF-8' });
  } catch (thrown) {
    if (thrown instanceof DrawbridgeError) throw thrown;
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw new DrawbridgeError('config', `${path} cannot be read`, { why: codeOf(thrown) });
  }
}

/**
 * Replaces a file as a whole: a backup of the old one beside it, the new one written under another name, and then put
 * in its place. Who reads it meanwhile has the one or the other. A link stays, and what it leads to is replaced. Returns
 * the path of the backup, if one was needed. Throws `config`, or a `WriteConflict`, with the old file as it
 * was and nothing left lying about.
 */
export function replaceFile(path: string, replacement: Replacement): string | undefined {
  const { before, after, now, keepsBackup = true, isPrivate = false, makesFolder = true } = replacement;
  const target = targetOf(path);
  const temporary = join(dirname(target), `.${basename(target)}.mcp-drawbridge.tmp`);
  let backup: string | undefined;
  let isOurs = false;
  try {
    if (makesFolder) mkdirSync(dirname(target), { recursive: true });
    const access = before === undefined ? undefined : statSync(target);
    if (before !== undefined && keepsBackup) backup = writeBackup(target, before, access, now);
    takeTurn(temporary, after, isPrivate && access !== undefined ? ownerOnly(access) : access, now);
    isOurs = true;
    // As late as can be: what somebody else has written meanwhile would be lost. Two who find one that was left behind
    // may both have taken its place.
    if (readFileText(temporary) !== after || readFileText(target) !== before) throw changedMeanwhile(path);
    putInPlace(temporary, target);
    return backup;
  } catch (thrown) {
    for (const left of [isOurs ? temporary : undefined, backup]) if (left !== undefined) removeQuietly(left);
    if (thrown instanceof DrawbridgeError) throw thrown;
    throw unwritable(path, thrown);
  }
}

function unwritable(path: string, thrown: unknown): DrawbridgeError {
  return new DrawbridgeError('config', `${path} cannot be written`, {
    why: codeOf(thrown),
    hint: 'Is its folder there, and yours to write in? The file is as it was.',
  });
}

/** Where a link leads, through others, also to what is not there yet. */
function targetOf(path: string): string {
  try {
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? realpathSync(path) : path;
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw unwritable(path, thrown);
    throw new DrawbridgeError('config', `${path} cannot be written`, {
      why: `it is a link that leads nowhere (${codeOf(thrown)})`,
      hint: 'Remove the link, or make what it leads to.',
    });
  }
}

/** Never over another file: `<name>.2026-11-25T10-00-00.bak`, then with a number behind the time. */
function writeBackup(target: string, text: string, access: Access | undefined, now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(':', '-');
  for (let number = 1; number <= MAX_BACKUPS; number++) {
    const path = `${target}.${stamp}${number === 1 ? '' : `-${number}`}.bak`;
    try {
      writeNew(path, text, access);
      return path;
    } catch (thrown) {
      if (codeOf(thrown) !== 'EEXIST') throw thrown;
    }
  }
  throw new DrawbridgeError('config', `${target} has too many backups`, { hint: 'Remove some of them.' });
}

/** One writer at a time: the temporary file is the same for all, and who finds one that is not old comes too late. */
function takeTurn(temporary: string, text: string, access: Access | undefined, now: Date): void {
  try {
    writeNew(temporary, text, access);
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') throw thrown;
    const since = statSync(temporary, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (now.getTime() - since < LEFT_BEHIND_MS)
      throw new WriteConflict('config', `${temporary} is there`, {
        why: 'somebody else is writing the same file at this moment',
        hint: 'Try again.',
      });
    removeQuietly(temporary);
    writeNew(temporary, text, access);
  }
}

/** Who may do what with a file. */
interface Access {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

function ownerOnly({ uid, gid }: Access): Access {
  return { mode: NEW_MODE, uid, gid };
}

/** A file that cannot be written to its end is not left there. */
function writeNew(path: string, text: string, access: Access | undefined): void {
  const file = openSync(path, 'wx', NEW_MODE);
  try {
    try {
      if (access !== undefined) giveAccess(file, access);
      const bytes = Buffer.from(text);
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    removeQuietly(path);
    throw thrown;
  }
}

/** The owner first: giving a file away takes bits of its mode. A mask of the process has no say in it. */
function giveAccess(file: number, { mode, uid, gid }: Access): void {
  const now = fstatSync(file);
  if (now.uid !== uid) fchownSync(file, uid, gid);
  let bits = mode & 0o777;
  if (now.uid === uid && now.gid !== gid) {
    try {
      fchownSync(file, uid, gid);
    } catch {
      // It stays with another group, which has no right to it.
      bits &= ~0o070;
    }
  }
  fchmodSync(file, bits);
}

function putInPlace(temporary: string, target: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      renameSync(temporary, target);
      return;
    } catch (thrown) {
      if (
        attempt === BUSY_TRIES ||
        !BUSY.has(codeOf(thrown)) ||
        statSync(target, { throwIfNoEntry: false })?.isDirectory()
      )
        throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    }
  }
}

function changedMeanwhile(path: string): WriteConflict {
  return new WriteConflict('config', `${path} has changed meanwhile`, {
    why: 'somebody else wrote it after it was read',
    hint: 'Try again. Does its client write it while it runs? Then close it first.',
  });
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or is in place already.
  }
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? String(thrown);
}
