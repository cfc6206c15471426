/** What the suite said of one check. */
export interface Check {
  readonly status: 'SUCCESS' | 'INFO' | 'SKIPPED' | 'WARNING' | 'FAILURE';
  readonly message: string;
}
/** Of one scenario: how many of its checks ended how, and each check by its id. */
export interface Outcome {
  readonly checks: ReadonlyMap<string, Check>;
  readonly passed: number;
  readonly failed: number;
  readonly warned: number;
}
/** By scenario. */
export type Outcomes = ReadonlyMap<string, Outcome>;
