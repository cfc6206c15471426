/** A clock that a test moves: it says what was planned, and does it when it is told to. */
import type { Clock } from '../../src/gateway/listener/acme-clock.ts';

export interface TestClock extends Clock {
  /** The time from now to what is planned; undefined while nothing is. */
  plannedMs(): number | undefined;
  /** How often something was planned. */
  plans(): number;
  /** Moves the time, and does nothing. */
  moveTo(ms: number): void;
  /** Goes to the time of what is planned, and does it. */
  runPlanned(): void;
}

export function createTestClock(startMs = Date.now()): TestClock {
  let now = startMs;
  let count = 0;
  let planned: { readonly at: number; readonly fn: () => void } | undefined;
  return {
    now: () => now,
    after: (ms, fn) => {
      if (planned !== undefined) throw new Error('two things are planned at a time');
      const own = { at: now + ms, fn };
      planned = own;
      count += 1;
      return () => {
        if (planned === own) planned = undefined;
      };
    },
    plannedMs: () => (planned === undefined ? undefined : planned.at - now),
    plans: () => count,
    moveTo: (ms) => {
      now = ms;
    },
    runPlanned: () => {
      if (planned === undefined) throw new Error('nothing is planned');
      const { at, fn } = planned;
      planned = undefined;
      now = Math.max(now, at);
      fn();
    },
  };
}
