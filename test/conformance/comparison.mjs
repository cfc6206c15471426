/** Whether a way through the gateway gives the suite what the fixture gives it directly. */

/** @typedef {import('./suite.mjs').Outcome} Outcome */
/** @typedef {import('./suite.mjs').Outcomes} Outcomes */

/**
 * @typedef {object} Difference
 * @property {string} scenario
 * @property {string[]} complaints
 * @property {string | undefined} reason why it cannot be otherwise, where that is known
 */

/**
 * Scenarios that came out worse than directly: fewer checks passed, or more failed or warned of.
 * @param {Outcomes} direct
 * @param {Outcomes} through
 * @param {Readonly<Record<string, string>>} [reasons] by scenario
 * @returns {Difference[]}
 */
export function findDifferences(direct, through, reasons = {}) {
  const differences = [];
  for (const [scenario, expected] of direct) {
    const outcome = through.get(scenario);
    if (outcome !== undefined && !isWorse(outcome, expected)) continue;
    const complaints = outcome === undefined ? ['it gave no result'] : outcome.complaints;
    differences.push({ scenario, complaints, reason: reasons[scenario] });
  }
  return differences;
}

/** @param {Outcome} outcome @param {Outcome} expected */
function isWorse(outcome, expected) {
  return outcome.passed < expected.passed || outcome.failed > expected.failed || outcome.warned > expected.warned;
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
  const sum = { passed: 0, failed: 0, warned: 0, complaints: [] };
  for (const { passed, failed, warned } of outcomes.values()) {
    sum.passed += passed;
    sum.failed += failed;
    sum.warned += warned;
  }
  return sum;
}
