import type { Outcomes } from './suite.d.mts';

export type Pairing = 'direct' | 'HTTP to HTTP' | 'HTTP to SSE' | 'HTTP to a command';
export interface Run {
  readonly name: string;
  /** The direct one first. */
  readonly pairings: readonly Pairing[];
  /** By pairing and check: why it comes out otherwise through the gateway. */
  readonly reasons: Readonly<Partial<Record<Pairing, Readonly<Record<string, string>>>>>;
  /** What the fixture itself does not have. */
  readonly beyond: { readonly scenarios: RegExp; readonly reason: string } | undefined;
}
export const RUNS: readonly Run[];
/** The outcomes on one way, with a fixture and a gateway of their own. */
export function runOn(run: Run, pairing: Pairing): Promise<Outcomes>;
