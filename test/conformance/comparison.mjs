/** Whether a way through the gateway gives the suite what the fixture gives it directly. */

import { rankOf } from './suite.mjs';

/** @typedef {import('./suite.mjs').Outcome} Outcome */
/** @typedef {import('./suite.mjs').Outcomes} Outcomes */

/**
 * @typedef {object} Difference a check that came out worse than directly
 * @property {string} scenario
 * @property {string} check
 * @property {string} message what the suite says of it
 * @property {string | undefined} reason why it cannot be otherwise, where that is known
 */

/**
 * @param {Outcomes} direct
 * @param {Outcomes} through
 * @param {Readonly<Record<string, string>>} [reasons] by check
 * @returns {Difference[]}
 */
export function findDifferences(direct, through, reasons = {}) {
  const differences = [];
  for (const [scenario, expected] of direct) {
    const checks = through.get(scenario)?.checks ?? new Map();
    for (const check of new Set([...expected.checks.keys(), ...checks.keys()])) {
      if (rankOf(checks.get(check)) <= rankOf(expected.checks.get(check))) continue;
      const message = checks.get(check)?.message || 'not checked';
      differences.push({ scenario, check, message, reason: reasons[check] });
    }
  }
  return differences;
}

/** @param {Outcome | undefined} outcome */
function formatOutcome(outcome) {
  if (outcome === undefined) return '–';
  const { passed, failed, warned } = outcome;
  return [`${passed}`, failed > 0 && `${failed} failed`, warned > 0 && `${warned} warned`].filter(Boolean).join(', ');
}

/**
 * A Markdown table: scenarios down, ways across, in each cell the checks that passed and, where there are any, others.
 * @param {ReadonlyMap<string, Outcomes>} columns by the name of the way, the direct one first
 */
export function formatTable(columns) {
  const names = [...columns.keys()];
  const scenarios = new Set([...columns.values()].flatMap((outcomes) => [...outcomes.keys()]));
  const rows = [...scenarios].map((scenario) => [
    scenario,
    ...names.map((name) => formatOutcome(columns.get(name)?.get(scenario))),
  ]);
  const totals = names.map((name) => formatOutcome(sumOf(columns.get(name) ?? new Map())));
  const lines = [['scenario', ...names], ['---', ...names.map(() => '---')], ...rows, ['**all checks**', ...totals]];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @param {Outcomes} outcomes @returns {Outcome} */
function sumOf(outcomes) {
  const sum = { checks: new Map(), passed: 0, failed: 0, warned: 0 };
  for (const { passed, failed, warned } of outcomes.values()) {
    sum.passed += passed;
    sum.failed += failed;
    sum.warned += warned;
  }
  return sum;
}
