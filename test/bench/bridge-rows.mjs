import { median } from './report.mjs';

// What the bridge is measured by, and what it has to reach. A ratio is drawbridge / mcp-remote of the same round.

/**
 * @typedef {{ atMost: number } | { atLeast: number }} Limit
 *
 * @typedef {object} Row
 * @property {string} title
 * @property {string} unit
 * @property {number} digits
 * @property {string} figure the name of the figure in a round; null there means that it was not reached
 * @property {string} [ratioOf] the figure that is compared, where it is another
 * @property {'worst'} [of] the worst of the rounds counts, not their median
 * @property {{ sse?: Limit, http?: Limit }} [goals]
 * @property {Limit} [ratioGoal]
 */

/** Rows by the name of the phase that measures them. @type {Record<string, Row[]>} */
export const rowsOf = {
  start: [
    {
      title: 'start over node -e 0',
      unit: 'ms',
      digits: 1,
      figure: 'overFloorMs',
      ratioOf: 'startMs',
      goals: { sse: { atMost: 30 }, http: { atMost: 35 } },
      ratioGoal: { atMost: 0.2 },
    },
  ],
  memory: [
    {
      title: 'RSS after initialize',
      unit: 'MB',
      digits: 1,
      figure: 'rssMegabytes',
      goals: { sse: { atMost: 50 }, http: { atMost: 50 } },
      ratioGoal: { atMost: 0.55 },
    },
  ],
  sequential: [{ title: 'sequential call p50', unit: 'ms', digits: 3, figure: 'p50Ms', ratioGoal: { atMost: 0.35 } }],
  'in-flight': [
    { title: '100 in flight', unit: 'msgs/s', digits: 0, figure: 'messagesPerSecond', ratioGoal: { atLeast: 5.5 } },
    { title: 'CPU per 10 000', unit: 's', digits: 2, figure: 'cpuSecondsPer10k', ratioGoal: { atMost: 0.12 } },
  ],
  large: [
    {
      title: '10 MB result',
      unit: 'MB/s',
      digits: 0,
      figure: 'megabytesPerSecond',
      goals: { sse: { atLeast: 70 }, http: { atLeast: 150 } },
    },
  ],
  recovery: [
    {
      title: 'recovery after restart',
      unit: 'ms',
      digits: 0,
      figure: 'recoveryMs',
      goals: { sse: { atMost: 200 }, http: { atMost: 50 } },
    },
    {
      title: 'new calls that failed',
      unit: '',
      digits: 0,
      figure: 'failedNewCalls',
      of: 'worst',
      goals: { sse: { atMost: 0 }, http: { atMost: 0 } },
    },
  ],
};

/** @param {number[]} values @returns {[number, number] | null} */
function rangeOf(values) {
  return values.length === 0 ? null : [Math.min(...values), Math.max(...values)];
}

/**
 * @typedef {object} Cell
 * @property {number | null} value null where no round reached it
 * @property {[number, number] | null} range
 * @property {number} missed rounds that did not reach it
 * @property {number} rounds
 */

/** @param {Row} row @param {Record<string, number | null>[]} rounds @returns {Cell} */
function cellOf(row, rounds) {
  const values = rounds.map((round) => round[row.figure]).filter((value) => value !== null);
  const value = values.length === 0 ? null : row.of === 'worst' ? Math.max(...values) : median(values);
  return { value, range: rangeOf(values), missed: rounds.length - values.length, rounds: rounds.length };
}

/** @param {Limit | undefined} limit @param {number} value */
function isWithin(limit, value) {
  if (limit === undefined) return true;
  return 'atMost' in limit ? value <= limit.atMost : value >= limit.atLeast;
}

/**
 * One line of the table.
 * @param {Row} row
 * @param {'sse' | 'http'} transport
 * @param {Record<string, Record<string, number | null>[]>} roundsOf by the name of the peer
 */
export function summariseRow(row, transport, roundsOf) {
  const cells = Object.fromEntries(Object.entries(roundsOf).map(([name, rounds]) => [name, cellOf(row, rounds)]));
  const figure = row.ratioOf ?? row.figure;
  const [ours, theirs] = [roundsOf.drawbridge ?? [], roundsOf['mcp-remote'] ?? []];
  // Round by round, since neighbours in time have met the same machine.
  const ratios = ours
    .map((round, i) => [round[figure], theirs[i]?.[figure]])
    .filter(([a, b]) => typeof a === 'number' && typeof b === 'number' && b > 0)
    .map(([a, b]) => a / b);
  const ratio = ratios.length === 0 ? null : median(ratios);
  const goal = row.goals?.[transport];
  return {
    title: row.title,
    unit: row.unit,
    digits: row.digits,
    transport,
    cells,
    ratio,
    ratioRange: rangeOf(ratios),
    goal: goal ?? null,
    ratioGoal: row.ratioGoal ?? null,
    verdict: judge(cells.drawbridge, goal, ratio, row.ratioGoal),
  };
}

/** @returns {'PASS' | 'miss' | 'unknown'} unknown where what the goal speaks of was not measured */
function judge(ours, goal, ratio, ratioGoal) {
  if (ours === undefined) return 'unknown';
  // A goal that was reached in some rounds only is not reached.
  if (ours.missed > 0 || !isWithin(goal, ours.value)) return 'miss';
  if (ratioGoal === undefined) return 'PASS';
  if (ratio === null) return 'unknown';
  return isWithin(ratioGoal, ratio) ? 'PASS' : 'miss';
}
