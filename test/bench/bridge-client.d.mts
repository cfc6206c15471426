import type { ChildProcess } from './processes.mjs';

export class BridgeClient {
  constructor(child: ChildProcess);
  initialize(deadlineMs: number): Promise<number>;
  within<T>(promise: Promise<T>, what: string, deadlineMs: number): Promise<T>;
  echo(onAnswer: (atMs: number) => void, onError?: (message: string) => void): void;
  close(): Promise<void>;
}
