import { RECOVERY_DEADLINE_MS } from './bridge-recovery.mjs';
import { drawGrid } from './report.mjs';

/** @param {number} value @param {number} digits */
const show = (value, digits) => value.toFixed(digits);

function showCell(cell, digits) {
  if (cell === undefined) return '-';
  if (cell.value === null) return 'did not recover';
  return cell.missed === 0
    ? show(cell.value, digits)
    : `${show(cell.value, digits)}; ${cell.missed} of ${cell.rounds} did not`;
}

function showRange(range, digits) {
  return range === null || range === undefined ? '-' : range.map((value) => show(value, digits)).join('-');
}

function showLimit(limit, suffix) {
  return 'atMost' in limit ? `<= ${limit.atMost}${suffix}` : `>= ${limit.atLeast}${suffix}`;
}

function showGoal({ goal, ratioGoal }) {
  const parts = [goal && showLimit(goal, ''), ratioGoal && showLimit(ratioGoal, 'x')];
  return parts.filter((part) => part !== null).join(', ') || '-';
}

const TRANSPORTS = { sse: 'SSE', http: 'HTTP' };

/** @param {any[]} lines of the table @param {Record<string, string>} labels peer → its name and version */
export function formatBridgeTable(lines, labels) {
  const peerTitles = Object.values(labels).flatMap((label) => [label, '(min-max)']);
  const grid = lines.map((line) => [
    `${line.title}${line.unit === '' ? '' : `, ${line.unit}`}`,
    TRANSPORTS[line.transport],
    ...Object.keys(labels).flatMap((name) => {
      const cell = line.cells[name];
      return [showCell(cell, line.digits), showRange(cell?.range, line.digits)];
    }),
    line.ratio === null ? '-' : `${show(line.ratio, 2)}x`,
    showRange(line.ratioRange, 2),
    showGoal(line),
    line.verdict,
  ]);
  return drawGrid([['', '', ...peerTitles, 'ratio', '(range)', 'goal', 'verdict'], ...grid]);
}

/** Sentences about what needs a grain of salt. @param {Record<string, Record<string, any[]>>} roundsOf by contender */
export function listBridgeCaveats(roundsOf) {
  const caveats = [];
  for (const [label, rounds] of Object.entries(roundsOf)) {
    const worst = (name) => Math.max(0, ...rounds.map((round) => round[name] ?? 0));
    const least = Math.min(...rounds.map((round) => round.bridgeCores ?? 1));
    if (worst('harnessCores') > 0.95 && least < 0.9) {
      caveats.push(`${label}: client and upstream fill their core and the bridge does not; CPU per message holds`);
    }
    if (worst('otherCores') > 0.1) {
      caveats.push(`${label}: other programs used up to ${Math.round(100 * worst('otherCores'))}% of a core meanwhile`);
    }
    const endings = [...new Set(rounds.map((round) => round.ending ?? '').filter((ending) => ending !== ''))];
    if (endings.length > 0) caveats.push(`${label}: ended when its server did (${endings.join(', ')})`);
    if (endings.length === 0 && rounds.some((round) => round.recoveryMs === null)) {
      caveats.push(`${label}: answered no call within ${RECOVERY_DEADLINE_MS / 1000} s of the restart`);
    }
    if (worst('unansweredNewCalls') > 0 && endings.length === 0) {
      caveats.push(`${label}: up to ${worst('unansweredNewCalls')} new calls were never answered at all`);
    }
    if (worst('unansweredOldCalls') > 0 && endings.length === 0) {
      caveats.push(`${label}: up to ${worst('unansweredOldCalls')} calls in flight at the loss were never answered`);
    }
  }
  return caveats;
}
