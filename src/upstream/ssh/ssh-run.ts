import type { ChildProcess } from 'node:child_process';
import { DrawbridgeError } from '../../errors.ts';
import { cleanLine, type Logger } from '../../log.ts';
import { LineDecoder } from '../../message/line-decoder.ts';
import type { SshDestination } from './ssh-destination.ts';
import { isChatter, nameSshFailure } from './ssh-failure.ts';

export interface SshRunOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly destination: SshDestination;
  readonly logger: Logger;
  /** Each line that ssh writes to stderr, cleaned. */
  readonly onLine: (line: string) => void;
}

/** Written once the forwardings stand, by every version of OpenSSH. */
const UP = 'debug1: Entering interactive session.';
const MAX_LINE_BYTES = 1000;
/** Enough for the whole of a login, from which a failure is named. */
const LINES_KEPT = 200;
/** A server can make ssh write without end. */
const LINES_LOGGED = 100;
/** How long stderr may bring its rest after the end; a ProxyCommand that lives on may hold it open. */
const REST_MS = 200;
const TERM_MS = 1000;
const KILL_MS = 1000;
/**
 * Ends ssh when the bridge is gone without a word (SIGKILL): a pipe that only the bridge holds then ends. `ssh -N` has
 * no such tie of its own, it never looks at its stdin. Windows needs none: Node puts its children there into a job
 * that ends with it.
 */
const GUARD = 'read -r line || kill "$1"';

/** One ssh process, from its start to its end. */
export class SshRun {
  readonly #child: ChildProcess;
  readonly #options: SshRunOptions;
  readonly #guard: ChildProcess | undefined;
  readonly #lines: string[] = [];
  /** Settles with why it ended; never rejects. */
  readonly ended: Promise<DrawbridgeError>;
  /** Settles with undefined when the tunnel stands, with the reason when the process ended before. */
  readonly up: Promise<DrawbridgeError | undefined>;
  #isUp = false;
  #logged = 0;
  #failure: DrawbridgeError | undefined;
  #setUp: () => void = () => {};

  /** Rejects with `config` when the command cannot be started. */
  static async start(options: SshRunOptions): Promise<SshRun> {
    const [{ spawn }, { platform }] = await Promise.all([import('node:child_process'), import('node:os')]);
    const isWindows = platform() === 'win32';
    // A group of its own: what a terminal or a host sends to ours must leave the tunnel up until the session has ended.
    const child = spawn(options.command, options.args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
      detached: !isWindows,
    });
    if (child.pid === undefined) throw await startError(options.command, child);
    const guard = isWindows
      ? undefined
      : spawn('/bin/sh', ['-c', GUARD, 'guard', String(child.pid)], {
          stdio: ['pipe', 'ignore', 'ignore'],
          detached: true,
        });
    return new SshRun(options, child, guard);
  }

  private constructor(options: SshRunOptions, child: ChildProcess, guard: ChildProcess | undefined) {
    this.#options = options;
    this.#child = child;
    this.#guard = guard;
    guard?.on('error', (error) => options.logger.debug(`ssh has no guard: ${error.message}`)).unref();
    guard?.stdin?.on('error', () => {});
    const isUp = new Promise<undefined>((fulfil) => {
      this.#setUp = () => fulfil(undefined);
    });
    this.ended = this.#watch();
    this.up = Promise.race([isUp, this.ended]);
  }

  /** Why it ended; undefined while it runs. */
  get failure(): DrawbridgeError | undefined {
    return this.#failure;
  }

  /** Whether ssh has written such a line, of those that are kept. */
  hasSaid(pattern: RegExp): boolean {
    return this.#lines.some((line) => pattern.test(line));
  }

  /** The last line that says more than what ssh is doing. */
  get lastWord(): string | undefined {
    return this.#lines.findLast((line) => !isChatter(line));
  }

  /** Ends it: SIGTERM, after a second SIGKILL. Settles when it is gone. Idempotent. */
  async end(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#child.kill('SIGTERM');
    if (await this.#isGoneWithin(TERM_MS)) return;
    this.#child.kill('SIGKILL');
    await this.#isGoneWithin(KILL_MS);
  }

  async #isGoneWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((fulfil) => {
      timer = setTimeout(() => fulfil(false), ms);
    });
    const isGone = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    return isGone;
  }

  #watch(): Promise<DrawbridgeError> {
    const decoder = new LineDecoder({ line: (line) => this.#hear(line), tooLong: () => {} }, MAX_LINE_BYTES);
    const stderr = this.#child.stderr;
    stderr?.on('data', (chunk: Buffer) => decoder.push(chunk));
    stderr?.on('error', () => {});
    return new Promise((fulfil) => {
      this.#child.on('exit', (code, signal) => {
        // At once, so that the guard can never meet another process of the same number.
        this.#guard?.kill('SIGKILL');
        let isTold = false;
        const tell = (): void => {
          if (isTold) return;
          isTold = true;
          clearTimeout(rest);
          stderr?.destroy();
          decoder.end();
          const how = signal === null ? `exit code ${code}` : `ended by ${signal}`;
          this.#failure = nameSshFailure(this.#options.destination, this.#lines, { how, wasUp: this.#isUp });
          fulfil(this.#failure);
        };
        const rest = setTimeout(tell, REST_MS);
        this.#child.once('close', tell);
      });
    });
  }

  #hear(bytes: Buffer): void {
    const line = cleanLine(bytes.toString(), []);
    if (line === UP && !this.#isUp) {
      this.#isUp = true;
      // What was said of the login explains no later end.
      this.#lines.length = 0;
      this.#setUp();
      return;
    }
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
    this.#log(line);
    this.#options.onLine(line);
  }

  #log(line: string): void {
    if (isChatter(line) || this.#logged > LINES_LOGGED) return;
    this.#logged++;
    this.#options.logger.info(this.#logged > LINES_LOGGED ? 'ssh says more than is logged' : `ssh: ${line}`);
  }
}

/** Node tells by an event that a program could not be started. */
function startError(command: string, child: ChildProcess): Promise<DrawbridgeError> {
  return new Promise((fulfil) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const isMissing = error.code === 'ENOENT';
      fulfil(
        new DrawbridgeError(
          'config',
          isMissing ? 'ssh is not installed, or not on the PATH' : 'ssh cannot be started',
          {
            why: `${error.code ?? error.message} starting ${command}`,
            hint: 'Install the OpenSSH client; on Windows: Settings, Optional features, OpenSSH Client.',
            cause: error,
          },
        ),
      );
    });
  });
}
