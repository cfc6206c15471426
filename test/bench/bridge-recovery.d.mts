import type { BridgeClient } from './bridge-client.mjs';
import type { ChildProcess } from './processes.mjs';

export interface Recovery {
  readonly recoveryMs: number | null;
  readonly ending: string;
  readonly newCalls: number;
  readonly failedNewCalls: number;
  readonly unansweredNewCalls: number;
  readonly unansweredOldCalls: number;
}
export function measureRecovery(
  client: BridgeClient,
  child: ChildProcess,
  upstream: { stop(): Promise<void>; start(): Promise<number> },
): Promise<Recovery>;
