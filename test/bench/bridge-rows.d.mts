export type Limit = { readonly atMost: number } | { readonly atLeast: number };
export type Round = Readonly<Record<string, number | null>>;

export interface Row {
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  readonly figure: string;
  readonly ratioOf?: string;
  readonly of?: 'worst';
  readonly goals?: { readonly sse?: Limit; readonly http?: Limit };
  readonly ratioGoal?: Limit;
}
export interface Line {
  readonly cells: Readonly<Record<string, { readonly value: number | null; readonly missed: number }>>;
  readonly ratio: number | null;
  readonly verdict: 'PASS' | 'miss' | 'unknown';
}
export const rowsOf: Readonly<Record<string, readonly Row[]>>;
export function summariseRow(
  row: Row,
  transport: 'sse' | 'http',
  roundsOf: Readonly<Record<string, readonly Round[]>>,
): Line;
