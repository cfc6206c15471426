import { beforeAll, describe, expect, it } from 'vitest';
import { findDifferences } from '../conformance/comparison.mjs';
import { RUNS, runOn } from '../conformance/runs.mjs';
import type { Outcomes } from '../conformance/suite.d.mts';

describe.each(RUNS)('the official conformance suite, $name', (run) => {
  let direct: Outcomes;
  beforeAll(async () => {
    direct = await runOn(run, 'direct');
  });

  it('passes with the fixture itself', () => {
    const own = [...direct].filter(([scenario]) => !run.beyond?.scenarios.test(scenario));
    // So many does the smallest set have; without results nothing below would fail.
    expect(own.length).toBeGreaterThanOrEqual(32);
    expect(own.filter(([, { failed }]) => failed > 0).map(([scenario]) => scenario)).toEqual([]);
  });

  it.each(run.pairings.slice(1))('gives the same through the gateway, %s', async (pairing) => {
    const through = await runOn(run, pairing);
    const reasons = run.reasons[pairing] ?? {};
    const differences = findDifferences(direct, through, reasons);
    expect(differences.filter(({ reason }) => reason === undefined)).toEqual([]);
    // A reason that nothing needs any more would hide the next fault.
    expect(differences.map(({ check }) => check).sort()).toEqual(Object.keys(reasons).sort());
    // A page of another site that was led to this address must not reach the server, whatever the server does itself.
    expect(through.get('dns-rebinding-protection')).toMatchObject({ passed: 2, failed: 0 });
  });
});
