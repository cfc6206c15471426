import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/relay/backoff.ts';

const delays = (backoff: Backoff, count: number, capMs?: number): number[] =>
  Array.from({ length: count }, () => backoff.next(capMs));

describe('delays between tries', () => {
  it('begin with none, then double up to the cap', () => {
    const backoff = new Backoff({ firstMs: 100, capMs: 1000, random: () => 0.5 });
    expect(delays(backoff, 7)).toEqual([0, 100, 200, 400, 800, 1000, 1000]);
  });

  it('are spread by a quarter either way, and never past the cap', () => {
    const least = new Backoff({ firstMs: 100, capMs: 1000, random: () => 0 });
    expect(delays(least, 3)).toEqual([0, 75, 150]);
    const most = new Backoff({ firstMs: 100, capMs: 1000, random: () => 1 });
    expect(delays(most, 6)).toEqual([0, 125, 250, 500, 1000, 1000]);
  });

  it('stay under the cap of the moment, and go on growing behind it', () => {
    const backoff = new Backoff({ firstMs: 100, capMs: 5000, random: () => 0.5 });
    expect(delays(backoff, 5, 150)).toEqual([0, 100, 150, 150, 150]);
    expect(backoff.next()).toBe(1600);
  });

  it('begin anew after a reset', () => {
    const backoff = new Backoff({ firstMs: 100, capMs: 1000 });
    delays(backoff, 5);
    backoff.reset();
    expect(backoff.next()).toBe(0);
  });

  it('stay finite however often it is tried', () => {
    const backoff = new Backoff({ firstMs: 100, capMs: 1000, random: () => 0.5 });
    expect(delays(backoff, 5000).at(-1)).toBe(1000);
  });
});
