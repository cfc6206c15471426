import type { Outcomes } from './suite.d.mts';

/** A check that came out worse than directly. */
export interface Difference {
  readonly scenario: string;
  readonly check: string;
  readonly message: string;
  /** Why it cannot be otherwise, where that is known. */
  readonly reason: string | undefined;
}
/** `reasons`: by check. */
export function findDifferences(
  direct: Outcomes,
  through: Outcomes,
  reasons?: Readonly<Record<string, string>>,
): Difference[];
/** A Markdown table: scenarios down, ways across; the direct one first. */
export function formatTable(columns: ReadonlyMap<string, Outcomes>): string;
