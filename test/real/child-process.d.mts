export interface LaunchOptions {
  /** Names the process in errors. */
  readonly label: string;
  readonly deadlineMs?: number;
  readonly log?: ((text: string) => void) | undefined;
  /** Sent when our own process is gone first, however it ended. */
  readonly exitSignal?: NodeJS.Signals;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface ServerProcess {
  readonly pid: number;
  /** Resolves when it has ended: '' for exit code 0, else how. */
  readonly exited: Promise<string>;
  log(): string;
  stop(): Promise<void>;
}

type Ready = { readonly readyText: string } | { readonly readyPort: number };

export function cleanEnvironment(extra?: Readonly<Record<string, string>>): NodeJS.ProcessEnv;
export function run(command: string, args: readonly string[], options: LaunchOptions): Promise<string>;
export function startServer(
  command: string,
  args: readonly string[],
  options: LaunchOptions & { readonly stopSignals?: readonly NodeJS.Signals[] } & Ready,
): Promise<ServerProcess>;
