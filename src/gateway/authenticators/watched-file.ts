import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';

export interface WatchedFileOptions<T> {
  readonly path: string;
  /** What errors call it, such as `key file`. */
  readonly what: string;
  /** Makes the value of the text; throws a DrawbridgeError that says what is wrong with it. */
  readonly parse: (text: string) => T;
  readonly logger: Logger;
  /** What to try when the file cannot be read. */
  readonly hint?: string;
  /** How often to look, in milliseconds. Default 2000. */
  readonly pollMs?: number;
}

const POLL_MS = 2000;
/** A file must stay as it is for this long before it is read: some programs empty it first and fill it then. */
const SETTLE_MS = 100;

/**
 * What stands in a file, read at once and again whenever the file changes. A new file that cannot be read or understood
 * is told once as an error, and the value stays what it was. The file is looked at by its path, so that one which is
 * replaced, be it by renaming or through a link, is seen; watching inodes would miss that.
 */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  readonly #timer: NodeJS.Timeout;
  #value: T;
  /** The version last looked at, good or not. */
  #version: string;
  /** A newer version that was seen, and is read when it is seen again. */
  #unsettled: string | undefined;
  #soon: NodeJS.Timeout | undefined;
  #isLooking = false;
  #lookedAt = performance.now();
  #isClosed = false;

  /** Throws `config` when the file cannot be read, and what `parse` throws. */
  constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
    const { path, pollMs = POLL_MS } = options;
    try {
      // Looked at before it is read: a change in between is then a new version.
      this.#version = versionOf(statSync(path, { bigint: true }));
      this.#value = options.parse(readFileSync(path, 'utf8'));
    } catch (thrown) {
      throw this.#explain(thrown);
    }
    this.#timer = setInterval(() => void this.look(), pollMs);
    this.#timer.unref();
  }

  get value(): T {
    // What was closed looks no more by itself; but who was let in by it must still be found out when that ends.
    if (this.#isClosed && performance.now() - this.#lookedAt > (this.#options.pollMs ?? POLL_MS)) void this.look();
    return this.#value;
  }

  /** Reads the file again if it has changed and was seen so before; never rejects. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#lookedAt = performance.now();
    const { path, what, parse, logger } = this.#options;
    try {
      const version = await stat(path, { bigint: true }).then(
        versionOf,
        (error: NodeJS.ErrnoException) => error.code ?? '',
      );
      if (version === this.#version) return;
      if (version !== this.#unsettled) {
        this.#unsettled = version;
        clearTimeout(this.#soon);
        this.#soon = setTimeout(() => void this.look(), SETTLE_MS);
        this.#soon.unref();
        return;
      }
      this.#version = version;
      this.#value = parse(await readFile(path, 'utf8'));
      logger.info(`the ${what} ${path} has changed and was read again`);
    } catch (thrown) {
      logger.error(`${this.#explain(thrown).sentence}; what was read before still holds`);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Ends the looking; from then on the file is looked at only when its value is asked for. Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
  }

  #explain(thrown: unknown): DrawbridgeError {
    const { code } = thrown as NodeJS.ErrnoException;
    if (thrown instanceof DrawbridgeError || code === undefined) return toDrawbridgeError(thrown, 'config');
    const { path, what, hint } = this.#options;
    return new DrawbridgeError('config', `cannot read the ${what} ${path}`, {
      why: code,
      ...(hint === undefined ? {} : { hint }),
      cause: thrown,
    });
  }
}

interface FileState {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

function versionOf({ ino, size, mtimeNs, ctimeNs }: FileState): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}
