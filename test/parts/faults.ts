/** The scenarios of test/faults as tests of the built bridge. */
import { describe, it } from 'vitest';
import { FAMILIES, play } from '../faults/suite.mjs';
import { BIN } from './run-cli.ts';

/** What a scenario waits for at most, with its own deadlines, before it says what did not come. */
const SCENARIO_MS = 60_000;

/** Makes a test of each scenario of the family, over each transport. */
export function describeFaults(family: keyof typeof FAMILIES): void {
  const command = [process.execPath, BIN, '{url}', '--log-level', 'debug'];
  describe.each(['sse', 'http'] as const)(`the bridge over %s, faults of the family ${family}`, (kind) => {
    for (const scenario of FAMILIES[family]) {
      if (scenario.transports.includes(kind)) it(scenario.name, () => play(scenario, { command, kind }), SCENARIO_MS);
    }
  });
}
