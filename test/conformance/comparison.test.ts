import { expect, it } from 'vitest';
import { findDifferences, formatTable } from './comparison.mjs';
import type { Check, Outcome } from './suite.d.mts';

type Status = Check['status'];

function outcomeOf(statuses: Record<string, Status>): Outcome {
  const all = Object.entries(statuses);
  const count = (wanted: Status): number => all.filter(([, status]) => status === wanted).length;
  const checks = new Map(all.map(([id, status]) => [id, { status, message: `${id} says ${status}` }]));
  return { checks, passed: count('SUCCESS'), failed: count('FAILURE'), warned: count('WARNING') };
}

it.each([
  ['fails', 'SUCCESS', 'FAILURE'],
  ['is warned of', 'SUCCESS', 'WARNING'],
  ['says nothing any more', 'SUCCESS', 'INFO'],
  ['fails in place of a warning', 'WARNING', 'FAILURE'],
] as const)('a check that %s through the gateway is a difference', (_what, expected, status) => {
  const direct = new Map([['ping', outcomeOf({ pong: expected })]]);
  const through = new Map([['ping', outcomeOf({ pong: status })]]);
  expect(findDifferences(direct, through)).toEqual([
    { scenario: 'ping', check: 'pong', message: `pong says ${status}`, reason: undefined },
  ]);
});

it('a check or a scenario that is not there any more is a difference, and so is a new failure', () => {
  const direct = new Map([
    ['ping', outcomeOf({ pong: 'SUCCESS' })],
    ['list', outcomeOf({ tools: 'SUCCESS' })],
  ]);
  const through = new Map([['list', outcomeOf({ crash: 'FAILURE' })]]);
  expect(findDifferences(direct, through).map(({ check, message }) => [check, message])).toEqual([
    ['pong', 'not checked'],
    ['tools', 'not checked'],
    ['crash', 'crash says FAILURE'],
  ]);
});

it('what is as good as directly, or better, is none', () => {
  const direct = new Map([['ping', outcomeOf({ pong: 'SUCCESS', note: 'INFO', slow: 'WARNING', dead: 'FAILURE' })]]);
  const through = new Map([['ping', outcomeOf({ pong: 'SUCCESS', slow: 'SUCCESS', dead: 'FAILURE' })]]);
  expect(findDifferences(direct, through)).toEqual([]);
});

it('a difference has its reason where one is known of that check', () => {
  const direct = new Map([['ping', outcomeOf({ pong: 'SUCCESS', other: 'SUCCESS' })]]);
  const through = new Map([['ping', outcomeOf({ pong: 'FAILURE', other: 'FAILURE' })]]);
  const reasons = findDifferences(direct, through, { pong: 'it cannot' }).map(({ reason }) => reason);
  expect(reasons).toEqual(['it cannot', undefined]);
});

it('the table has a row a scenario, a column a way, and what did not pass', () => {
  const columns = new Map([
    ['direct', new Map([['ping', outcomeOf({ pong: 'SUCCESS' })]])],
    ['through', new Map([['ping', outcomeOf({ pong: 'SUCCESS', more: 'FAILURE' })]])],
  ]);
  expect(formatTable(columns).split('\n')).toEqual([
    '| scenario | direct | through |',
    '| --- | --- | --- |',
    '| ping | 1 | 1, 1 failed |',
    '| **all checks** | 1 | 1, 1 failed |',
  ]);
});
