import { beforeAll, describe, expect, it } from 'vitest';
import { findDifferences } from '../conformance/comparison.mjs';
import { RUNS, runOn } from '../conformance/runs.mjs';
import type { Outcomes } from '../conformance/suite.d.mts';

/** `npm run conformance` runs them all. */
const run = RUNS[0]!;

describe(`the official conformance suite, ${run.name}`, () => {
  let direct: Outcomes;
  beforeAll(async () => {
    direct = await runOn(run, 'direct');
  });

  it('passes with the fixture itself', () => {
    expect(direct.size).toBe(32);
    for (const [scenario, { failed }] of direct) expect([scenario, failed]).toEqual([scenario, 0]);
  });

  it.each(run.pairings.slice(1))('gives the same through the gateway, %s', async (pairing) => {
    const through = await runOn(run, pairing);
    const differences = findDifferences(direct, through, run.reasons[pairing]);
    expect(differences.filter(({ reason }) => reason === undefined)).toEqual([]);
    // A page of another site that was led to this address must not reach the server, whatever the server does itself.
    expect(through.get('dns-rebinding-protection')).toMatchObject({ passed: 2, failed: 0 });
  });
});
