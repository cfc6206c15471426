/** How many checks of a scenario ended how. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly warned: number;
  readonly complaints: readonly string[];
}
/** By scenario. */
export type Outcomes = ReadonlyMap<string, Outcome>;
