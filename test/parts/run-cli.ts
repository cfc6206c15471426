/** Runs the built command line as its users do: a process, its two outputs, its end. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { within } from './deadline.ts';

export const BIN = fileURLToPath(new URL('../../bin/mcp-drawbridge.cjs', import.meta.url));

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** For Node itself, before the file. */
  readonly nodeArgs?: readonly string[];
  /** A command that starts it, with the arguments before it. */
  readonly through?: readonly string[];
  /** Another copy of the program than this repository's. */
  readonly bin?: string;
}

export interface CliResult {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** Everything on stdout so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Writes one line to stdin, as it is. */
  writeLine(line: string): void;
  /** Settles with the first line of stdout that fits, be it there already or still to come. */
  line(label: string, fits: (line: string) => boolean, ms?: number): Promise<string>;
  /** Settles with the first match in stderr, be it there already or still to come. */
  logged(pattern: RegExp, ms?: number): Promise<RegExpExecArray>;
  /** Settles when it has ended and its outputs are read to their ends. */
  exited(ms?: number): Promise<CliResult>;
}

const running = new Set<ChildProcessWithoutNullStreams>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts it; whatever happens, it does not outlive the tests of the file. */
export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  const startArgs = [...(options.nodeArgs ?? []), options.bin ?? BIN, ...args];
  const [command = process.execPath, ...before] = [...(options.through ?? []), process.execPath];
  const child = spawn(command, [...before, ...startArgs], {
    env: { ...withoutTwins(process.env), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  const look = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    look();
  });
  // It may end before it has read everything.
  child.stdin.on('error', () => {});
  const end = new Promise<CliResult>((fulfil) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      fulfil({ code, signal, stdout, stderr });
    });
  });
  const output = (): string => `\n--- stdout\n${stdout}\n--- stderr\n${stderr}`;

  function found<T>(label: string, ms: number, find: () => T | undefined): Promise<T> {
    let listener: (() => void) | undefined;
    const promise = new Promise<T>((fulfil, reject) => {
      listener = () => {
        const value = find();
        if (value !== undefined) fulfil(value);
      };
      listeners.add(listener);
      listener();
      end.then(() => reject(new Error(`it ended before: ${label}${output()}`)));
    });
    return within(ms, label, promise).finally(() => listeners.delete(listener!));
  }

  return {
    child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    writeLine: (line) => child.stdin.write(`${line}\n`),
    line: (label, fits, ms = 10_000) => found(label, ms, () => linesOf(stdout).find(fits)),
    logged: (pattern, ms = 10_000) => found(`stderr matches ${pattern}`, ms, () => pattern.exec(stderr) ?? undefined),
    exited: (ms = 10_000) =>
      within(ms, 'the process ends', end).catch((error: Error) => {
        throw new Error(error.message + output());
      }),
  };
}

/** Runs it to its end, with stdin closed after `input`. */
export function runCli(args: readonly string[], options: CliOptions & { input?: string } = {}): Promise<CliResult> {
  const cli = startCli(args, options);
  cli.child.stdin.end(options.input ?? '');
  return cli.exited();
}

/** Complete lines, without what is still being written. */
export function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

/** The environment of whoever runs the tests must not configure what is tested. */
function withoutTwins(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('DRAWBRIDGE_')));
}
