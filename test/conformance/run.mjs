/**
 * `npm run conformance`: the official suite's server scenarios, directly and through the gateway. Prints a table for
 * each set of scenarios; ends with 1 where something that passes directly does not pass through the gateway.
 */
import { findDifferences, formatTable } from './comparison.mjs';
import { RUNS, runOn } from './runs.mjs';

let isWorse = false;
for (const run of RUNS) {
  console.log(`## ${run.name}\n`);
  const columns = new Map();
  for (const pairing of run.pairings) columns.set(pairing, await runOn(run, pairing));
  console.log(`${formatTable(columns)}\n`);
  const [direct, ...others] = run.pairings;
  if (run.beyond !== undefined) console.log(`- directly, ${run.beyond.scenarios.source}: ${run.beyond.reason}`);
  for (const [scenario, { checks }] of columns.get(direct)) {
    if (run.beyond?.scenarios.test(scenario)) continue;
    for (const [check, { status, message }] of checks) {
      if (status === 'FAILURE' || status === 'WARNING') console.log(`- directly, ${check}: ${message}`);
    }
  }
  for (const pairing of others) {
    for (const { check, message, reason } of findDifferences(
      columns.get(direct),
      columns.get(pairing),
      run.reasons[pairing],
    )) {
      isWorse ||= reason === undefined;
      console.log(`- ${pairing}, ${check}: ${reason ?? `NOT AS DIRECTLY, ${message}`}`);
    }
  }
  console.log('');
}
process.exitCode = isWorse ? 1 : 0;
