import { describe, expect, it } from 'vitest';
import { type Round, type Row, rowsOf, summariseRow } from './bridge-rows.mjs';

const ROW: Row = {
  title: 'a figure',
  unit: 'ms',
  digits: 0,
  figure: 'ms',
  goals: { sse: { atMost: 30 } },
  ratioGoal: { atMost: 0.2 },
};

function rounds(...values: (number | null)[]): Round[] {
  return values.map((ms) => ({ ms }));
}

function verdict(row: Row, ours: readonly Round[], theirs?: readonly Round[]): string {
  const both = theirs === undefined ? { drawbridge: ours } : { drawbridge: ours, 'mcp-remote': theirs };
  return summariseRow(row, 'sse', both).verdict;
}

describe('the verdict on a row', () => {
  it('is PASS where the median and the ratio reach their goals', () => {
    expect(verdict(ROW, rounds(10, 29, 99), rounds(500, 500, 500))).toBe('PASS');
  });

  it('is miss where either does not', () => {
    expect(verdict(ROW, rounds(31), rounds(500))).toBe('miss');
    expect(verdict(ROW, rounds(29), rounds(140))).toBe('miss');
  });

  it('takes the ratio of each round, since rounds meet the machine in different states', () => {
    const line = summariseRow(ROW, 'sse', { drawbridge: rounds(10, 20, 30), 'mcp-remote': rounds(100, 100, 1000) });
    expect(line.ratio).toBe(0.1);
  });

  it('is unknown where the peer was not measured', () => {
    expect(verdict(ROW, rounds(10))).toBe('unknown');
  });

  it('is miss where one round never got there, however good the others were', () => {
    const { ratioGoal: _, ...row } = ROW;
    expect(verdict(row, rounds(10, null, 10))).toBe('miss');
    expect(verdict(row, rounds(null, null, null))).toBe('miss');
  });

  it('looks at the worst round where one is bad enough', () => {
    const { ratioGoal: _, ...row } = ROW;
    expect(verdict({ ...row, of: 'worst', goals: { sse: { atMost: 0 } } }, rounds(0, 0, 1))).toBe('miss');
  });

  it('judges every row over either transport', () => {
    const rows = Object.values(rowsOf).flat();
    const without = rows.filter(({ goals, ratioGoal }) => !(goals?.sse && goals.http) && ratioGoal === undefined);
    expect(rows.length).toBeGreaterThanOrEqual(8);
    expect(without).toEqual([]);
  });
});
