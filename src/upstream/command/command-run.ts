import { type ChildProcess, spawn } from 'node:child_process';
import { platform } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { type Environment, secretsOfEnvironment } from './child-environment.ts';
import { infoOf, LineLog } from './line-log.ts';
import { signalGroup } from './process-group.ts';

export interface CommandOptions {
  /** The program, looked for on the PATH of the environment, and its arguments; no shell reads them. */
  readonly command: readonly [string, ...string[]];
  /** All of the environment that it gets. */
  readonly environment: Environment;
  readonly logger: Logger;
  /** What the log calls the server; empty for none. */
  readonly name?: string;
}

/** Between asking a command to end (its stdin closes), SIGTERM, and SIGKILL; and for its number to be free after that. */
const STDIN_MS = 1500;
const TERM_MS = 1500;
const KILL_MS = 500;
/** How long its outputs may bring their rest after its end. */
const REST_MS = 200;
const POLL_MS = 20;
const IS_WINDOWS = platform() === 'win32';
/**
 * Ends the group when we are gone without a word (SIGKILL): a pipe that only we hold then ends. Windows needs none: Node
 * puts its children there into a job that ends with it.
 */
const GUARD = 'read -r line || { kill -s TERM -- "-$1"; sleep 2; kill -s KILL -- "-$1"; }';

/** One process of a command with all that it starts: a group of its own, from its start to its end. */
export class CommandRun {
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess | undefined;
  readonly #stderr: LineLog;
  readonly #what: string;
  readonly secrets: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
  /** Settles with why it ended, when its outputs were read to their ends or 200 ms after; never rejects. */
  readonly ended: Promise<DrawbridgeError>;
  #hasExited = false;
  #ending: Promise<void> | undefined;

  /** Settles when the process runs; rejects with `upstream_unreachable`, naming the command, when it cannot be started. */
  static async start(options: CommandOptions): Promise<CommandRun> {
    const [file, ...args] = options.command;
    // A group of its own: what a terminal sends to ours must not end it before its sessions have ended.
    const child = spawnOrThrow(file, args, options.environment);
    if (child.pid === undefined) throw await startError(file, child);
    return new CommandRun(options, child, child.pid);
  }

  private constructor(options: CommandOptions, child: ChildProcess, pid: number) {
    const { command, environment, logger, name = '' } = options;
    this.#child = child;
    this.#what = command[0];
    this.secrets = secretsOfEnvironment(environment);
    this.fields = { ...(name === '' ? {} : { server: name }), pid };
    this.#stderr = new LineLog({
      log: infoOf(logger),
      fields: this.fields,
      what: this.#what,
      secrets: this.secrets,
    });
    this.#guard = IS_WINDOWS ? undefined : startGuard(pid, logger);
    this.ended = this.#watch();
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Whether we have begun to end it. */
  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  get stdin(): Writable {
    return this.#child.stdin!;
  }

  get stdout(): Readable {
    return this.#child.stdout!;
  }

  /**
   * Closes its stdin, waits 1.5 s, then SIGTERM to the group, 1.5 s, then SIGKILL. Settles when nothing of the group is
   * left, after 3.5 s at the latest. Idempotent.
   */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.stdin.end();
    // A program that waits for its output to be read would not hear of it.
    this.stdout.resume();
    if (!this.#hasExited) await within(STDIN_MS, this.ended);
    if (!(await this.#isGone(0))) {
      this.#signal('SIGTERM');
      if (!(await this.#isGone(TERM_MS))) {
        this.#signal('SIGKILL');
        await this.#isGone(KILL_MS);
      }
    }
    // Not before: while the group lives, only the guard would end it if we were killed now.
    this.#guard?.kill('SIGKILL');
    this.stdout.destroy();
  }

  /** Whether no process of the group is left, at the latest after so long. */
  async #isGone(ms: number): Promise<boolean> {
    const end = performance.now() + ms;
    while (true) {
      if (this.#hasExited && (IS_WINDOWS || !signalGroup(this.pid, 0))) return true;
      if (performance.now() >= end) return false;
      await new Promise((fulfil) => setTimeout(fulfil, POLL_MS));
    }
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (!IS_WINDOWS) signalGroup(this.pid, signal);
    else if (!this.#hasExited) {
      // With all that it has started, which a signal there would leave alone.
      const killer = spawn('taskkill', ['/pid', String(this.pid), '/t', '/f'], { stdio: 'ignore', windowsHide: true });
      killer.on('error', () => this.#child.kill(signal));
    }
  }

  #watch(): Promise<DrawbridgeError> {
    const { stderr, stdin, stdout } = this.#child;
    stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    for (const stream of [stderr, stdout, stdin]) stream?.on('error', () => {});
    return new Promise((fulfil) => {
      this.#child.on('exit', (code, signal) => {
        this.#hasExited = true;
        let isTold = false;
        const tell = (): void => {
          if (isTold) return;
          isTold = true;
          clearTimeout(rest);
          stderr?.destroy();
          this.#stderr.end();
          fulfil(this.#endError(signal === null ? `exit code ${code}` : `it was ended by ${signal}`));
          // What it has started may live on.
          void this.end();
        };
        const rest = setTimeout(tell, REST_MS);
        this.#child.once('close', tell);
      });
    });
  }

  #endError(how: string): DrawbridgeError {
    const { lastLine } = this.#stderr;
    return new DrawbridgeError('upstream_lost', `the command ${this.#what} has ended`, {
      why: lastLine === undefined ? how : `${how}; its last line: ${lastLine.slice(0, 300)}`,
    });
  }
}

function spawnOrThrow(file: string, args: readonly string[], env: Environment): ChildProcess {
  try {
    return spawn(file, args, {
      env: { ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: !IS_WINDOWS,
      windowsHide: true,
    });
  } catch (thrown) {
    throw nameStartError(file, thrown as NodeJS.ErrnoException);
  }
}

/** Node tells by an event that a program could not be started. */
function startError(file: string, child: ChildProcess): Promise<DrawbridgeError> {
  return new Promise((fulfil) => {
    child.once('error', (error: NodeJS.ErrnoException) => fulfil(nameStartError(file, error)));
  });
}

function nameStartError(file: string, error: NodeJS.ErrnoException): DrawbridgeError {
  const { code = error.message } = error;
  const isScript = IS_WINDOWS && ['EINVAL', 'ENOENT'].includes(code);
  const reasons: Record<string, string> = { ENOENT: 'it was not found', EACCES: 'it may not be executed' };
  return new DrawbridgeError('upstream_unreachable', `the command ${file} cannot be started`, {
    why: reasons[code] === undefined ? code : `${reasons[code]} (${code})`,
    hint: isScript
      ? `Windows starts programs alone; for a script write cmd /c ${file} …`
      : 'Is it installed, and on the PATH of the gateway? A full path is safest.',
    cause: error,
  });
}

function startGuard(pid: number, logger: Logger): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
  });
  guard.on('error', (error) => logger.debug({ pid }, `the command has no guard: ${error.message}`)).unref();
  guard.stdin?.on('error', () => {});
  return guard;
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((fulfil) => {
    timer = setTimeout(fulfil, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
