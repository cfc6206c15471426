/** The scenarios of test/faults as tests of the built bridge. */
import { describe, it } from 'vitest';
import { FAMILIES, play } from '../faults/suite.mjs';
import { BIN } from './run-cli.ts';

/** What a scenario waits for at most, with its own deadlines, before it says what did not come. */
const SCENARIO_MS = 60_000;

/** These use the processor; the others wait, for the most part, and do it side by side. */
const ALONE: readonly string[] = ['order', 'size', 'silence'];

/** Makes a test of each scenario of the family, over each transport. */
export function describeFaults(family: keyof typeof FAMILIES): void {
  const test = ALONE.includes(family) ? it : it.concurrent;
  const command = [process.execPath, BIN, '{url}', '--log-level', 'debug'];
  describe.each(['sse', 'http'] as const)(`the bridge over %s, faults of the family ${family}`, (kind) => {
    for (const scenario of FAMILIES[family]) {
      if (scenario.transports.includes(kind)) test(scenario.name, () => play(scenario, { command, kind }), SCENARIO_MS);
    }
  });
}
