import { cpus, release } from 'node:os';

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {{ name: string, label: string, rounds: Record<string, number>[] }[]} entries
 * @param {string} baseline the peer whose capacity per core is 1.00
 */
export function summariseRounds(entries, baseline) {
  const peers = entries.map(({ name, label, rounds }) => {
    const keys = Object.keys(rounds[0]);
    const medians = Object.fromEntries(keys.map((key) => [key, median(rounds.map((round) => round[key]))]));
    const costs = rounds.map((round) => round.cpuUsPerMessage);
    const measured = { ...medians, cpuUsRange: [Math.min(...costs), Math.max(...costs)] };
    // With nothing under test a zero would read as "free".
    const absent = { cpuUsPerMessage: null, cpuUsRange: null, targetCores: null, rssMegabytes: null };
    return { name, label, ...measured, ...(medians.targetCores > 0 ? {} : absent), rounds };
  });
  const base = peers.find((peer) => peer.name === baseline);
  for (const peer of peers) {
    // Round by round, since neighbours in time have met the same machine: the speed of a virtual CPU drifts by a fifth.
    const isMeasured = typeof base?.cpuUsPerMessage === 'number' && peer.cpuUsPerMessage !== null;
    const ratios = isMeasured
      ? peer.rounds.map((round, i) => base.rounds[i].cpuUsPerMessage / round.cpuUsPerMessage)
      : [];
    peer.capacityVsBaseline = isMeasured ? median(ratios) : null;
    peer.capacityRange = isMeasured ? [Math.min(...ratios), Math.max(...ratios)] : null;
  }
  return peers;
}

/** What a reader needs to know before comparing with figures of another day. */
export function describeMachine() {
  return { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, kernel: release(), node: process.version };
}

const percent = (cores) => `${Math.round(cores * 100)}%`;

/** Column title → cell. "cpu" columns are shares of one core. */
function columnsFor(baselineLabel) {
  return {
    name: (peer) => peer.label,
    'msgs/s': (peer) => String(Math.round(peer.messagesPerSecond)),
    'p50 ms': (peer) => peer.p50Ms.toFixed(2),
    'p99 ms': (peer) => peer.p99Ms.toFixed(2),
    'CPU us/msg': (peer) => peer.cpuUsPerMessage?.toFixed(1) ?? '-',
    '(min-max)': (peer) => peer.cpuUsRange?.map((us) => us.toFixed(1)).join('-') ?? '-',
    [`capacity vs ${baselineLabel}`]: (peer) => peer.capacityVsBaseline?.toFixed(2) ?? '-',
    '(range)': (peer) => peer.capacityRange?.map((ratio) => ratio.toFixed(2)).join('-') ?? '-',
    'RSS MB': (peer) => peer.rssMegabytes?.toFixed(0) ?? '-',
    'cpu gateway': (peer) => (peer.targetCores === null ? '-' : percent(peer.targetCores)),
    'cpu load': (peer) => percent(peer.loadCores),
    'cpu upstream': (peer) => percent(peer.upstreamCores),
    'cpu others': (peer) => percent(peer.otherCores),
  };
}

/** Sentences about rows whose figures need a grain of salt. */
function listCaveats(peers) {
  const caveats = [];
  for (const peer of peers) {
    const harness = peer.loadCores + peer.upstreamCores;
    if (peer.targetCores !== null && peer.targetCores < 0.9 && harness > 0.95) {
      caveats.push(
        `${peer.label}: load and upstream fill their core and the gateway does not, so msgs/s and latency are the ` +
          'harness; CPU us/msg holds',
      );
    }
    if (peer.otherCores > 0.1) {
      caveats.push(`${peer.label}: other programs used ${percent(peer.otherCores)} of a core meanwhile`);
    }
    if (peer.reopenedConnections > 0) {
      caveats.push(`${peer.label}: closed ${peer.reopenedConnections} keep-alive connections during a round`);
    }
  }
  return caveats;
}

/** A Markdown table. @param {string[][]} grid its first row holds the titles, its first column the names */
export function drawGrid(grid) {
  const widths = grid[0].map((_, i) => Math.max(...grid.map((cells) => cells[i].length)));
  const line = (cells) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const dashes = widths.map((width, i) => '-'.repeat(width + 1) + (i === 0 ? '-' : ':'));
  return [line(grid[0]), `|${dashes.join('|')}|`, ...grid.slice(1).map(line)].join('\n');
}

/**
 * @param {{ title: string, baseline: string, peers: any[], notes: string[] }} result
 * @param {{ rounds: number, seconds: number, sessions: number, inFlight: number }} options
 */
export function formatTable({ title, baseline, peers, notes }, { rounds, seconds, sessions, inFlight }) {
  const columns = columnsFor(peers.find((peer) => peer.name === baseline)?.label ?? baseline);
  const grid = [Object.keys(columns), ...peers.map((peer) => Object.values(columns).map((cell) => cell(peer)))];
  const heading =
    `${title}: ${inFlight} in flight over ${sessions} sessions, median of ${rounds} rounds of ${seconds} s ` +
    '(CPU in microseconds of one core; capacity = CPU of the baseline / CPU of the peer, median of rounds)';
  const remarks = [...notes, ...listCaveats(peers)].map((note) => `note: ${note}`);
  return ['', heading, '', drawGrid(grid), ...(remarks.length ? ['', ...remarks] : [])].join('\n');
}
