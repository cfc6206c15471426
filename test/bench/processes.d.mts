export class ChildProcess {
  constructor(name: string, command: readonly string[], options?: { isPiped?: boolean });
  readonly ending: string;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
  kill(): void;
}
export function stopAll(): Promise<void>;
