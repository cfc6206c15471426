import { expect, it } from 'vitest';
import { lookAtClock } from '../../../src/check/hops/clock.ts';
import type { Walk } from '../../../src/check/walk-state.ts';
import type { WatchedExchange } from '../../../src/check/watched-exchange.ts';

const NOW = Date.parse('2026-11-24T12:00:00.900Z');
/** What the hop takes of a walk and of an exchange. */
const walk = {
  now: () => NOW,
  finding: (_hop: string, verdict: string, said: string) => `${verdict} ${said}`,
} as unknown as Walk;

it.each([
  // In whole seconds, which some servers take a second to renew, and it was a while on its way.
  ['Tue, 24 Nov 2026 12:00:00 GMT', 'ok both clocks agree'],
  ['Tue, 24 Nov 2026 11:59:59 GMT', 'ok both clocks agree'],
  ['Tue, 24 Nov 2026 11:59:58 GMT', 'ok both clocks agree'],
  ['Tue, 24 Nov 2026 11:59:57 GMT', 'ok the clocks are 4 s apart'],
  ['Tue, 24 Nov 2026 12:00:05 GMT', 'ok the clocks are 4 s apart'],
  ['Tue, 24 Nov 2026 11:58:00 GMT', "warn the server's clock is 121 s behind that of this machine"],
])('a Date of %s is told as: %s', (date, said) => {
  const exchange = { header: () => date } as unknown as WatchedExchange;
  expect([...lookAtClock(walk, exchange)]).toEqual([said]);
});
