import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFairness } from './fairness.mjs';
import { peers } from './peers/index.mjs';
import { readMachineBusyUs } from './process-stats.mjs';
import { ChildProcess, planCpus, stopAll } from './processes.mjs';
import { describeMachine, formatTable, summariseRounds } from './report.mjs';

// `bench gateway`: what a gateway costs in front of an MCP server. Peers take turns, round by round, so that whatever
// else the machine does hits all of them alike; each figure is a median of its rounds. A message is a POST relayed up,
// its 202 relayed back and its answer event relayed down.

/** Before a round counts, its sessions and connections have run for this long. */
const RAMP_MS = 300;

/** Clears the rest of a terminal's line and goes back to its start. */
const CLEAR_LINE = '\x1b[K\r';

/** What is measured; a row can be added without touching anything below. `baseline` is the peer that is 1.00. */
const rows = {
  sse: { title: 'legacy SSE echo', transport: 'sse', peers: ['direct', 'nginx', 'drawbridge'], baseline: 'nginx' },
};

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @typedef {object} Options
 * @property {number} rounds counted rounds of each peer
 * @property {number} seconds length of a round
 * @property {number} sessions
 * @property {number} inFlight messages in flight in all sessions together
 * @property {string[]} only names of rows and peers; empty means all
 * @property {string} [bin]
 */

/** @param {Options} options @returns {{ row: string, peers: string[] }[]} what is left of the rows */
export function selectRows({ only }) {
  const known = new Set([...Object.keys(rows), ...Object.keys(peers)]);
  const unknown = only.find((name) => !known.has(name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: the names are ${[...known].join(', ')}`);
  const wantedRows = Object.keys(rows).filter((name) => only.includes(name));
  const wantedPeers = Object.keys(peers).filter((name) => only.includes(name));
  return (wantedRows.length > 0 ? wantedRows : Object.keys(rows)).map((row) => ({
    row,
    peers: rows[row].peers.filter((name) => wantedPeers.length === 0 || wantedPeers.includes(name)),
  }));
}

/** @param {Options} options @returns {number} how long all rounds together take, in seconds, without starting up */
export function planSeconds(options) {
  const turns = selectRows(options).reduce((sum, row) => sum + row.peers.length, 0);
  return turns * (options.rounds + 1) * (options.seconds + RAMP_MS / 1000 + 0.2);
}

/**
 * What all peers share.
 * @typedef {object} Stage
 * @property {ChildProcess} load
 * @property {ChildProcess} upstream
 * @property {number} upstreamPort
 * @property {{ target?: number }} cpus
 * @property {string} folder
 */

/** One turn of one peer. @param {Stage} stage */
async function measure({ load, upstream }, transport, running, options) {
  const { sessions, inFlight, seconds } = options;
  const busyBefore = readMachineBusyUs();
  const start = performance.now();
  load.send({
    transport,
    port: running.port,
    path: running.paths[transport],
    authorization: running.authorization,
    sessions,
    inFlight,
    seconds,
    rampMs: RAMP_MS,
    target: running.child?.pid,
    upstream: upstream.pid,
  });
  const { result, failure } = await load.receive(seconds * 1000 + 40_000);
  if (failure !== undefined) {
    throw running.child?.hasExited ? running.child.failure(`ended (${failure})`) : new Error(failure);
  }
  const busyCores = (readMachineBusyUs() - busyBefore) / 1000 / (performance.now() - start);
  const ownCores = result.targetCores + result.loadCores + result.upstreamCores;
  return { ...result, otherCores: Math.max(0, busyCores - ownCores) };
}

/** @param {Stage} stage */
async function measureRow({ row, peers: names }, stage, options) {
  const { transport, title, baseline } = rows[row];
  const contenders = [];
  const notes = [];
  for (const name of names) {
    const peer = peers[name];
    const running = await peer.start({
      upstreamPort: stage.upstreamPort,
      folder: mkdtempSync(join(stage.folder, `${name}-`)),
      cpu: stage.cpus.target,
      sessions: options.sessions,
      inFlight: options.inFlight,
      bin: options.bin,
    });
    if (peer.hasAuth) notes.push(...(await checkFairness(peer.name, running, running.paths[transport])));
    contenders.push({ name, peer, running, rounds: [] });
  }
  for (let round = 0; round <= options.rounds; round++) {
    for (const { peer, running, rounds } of contenders) {
      const progress = `${title}: ${round === 0 ? 'warm-up' : `round ${round}`}, ${peer.name}`;
      if (process.stderr.isTTY) process.stderr.write(`${progress}${CLEAR_LINE}`);
      try {
        const figures = await measure(stage, transport, running, options);
        if (round > 0) rounds.push(figures);
      } catch (error) {
        throw new Error(`${progress}: ${error.message}`, { cause: error });
      }
    }
  }
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
  await Promise.all(contenders.map(({ running }) => running.child?.stop()));
  const entries = contenders.map(({ name, peer, rounds }) => ({ name, label: peer.name, rounds }));
  return { row, title, baseline, peers: summariseRounds(entries, baseline), notes };
}

/**
 * Measures, prints the table, and gives back all figures.
 * @param {Options} options
 */
export async function benchGateway(options) {
  const cpus = planCpus();
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  // A signal ends the process without passing the `finally` below.
  process.once('exit', removeFolder);
  try {
    const startPart = (name) =>
      new ChildProcess(name, [process.execPath, here(name)], { cpu: cpus.harness, ipc: true });
    const upstream = startPart('echo-upstream.mjs');
    const { port: upstreamPort } = await upstream.receive(10_000);
    const stage = { load: startPart('load.mjs'), upstream, upstreamPort, cpus, folder };
    const results = [];
    for (const selected of selectRows(options)) {
      const result = await measureRow(selected, stage, options);
      if (cpus.note !== undefined) result.notes.push(cpus.note);
      console.log(formatTable(result, options));
      results.push(result);
    }
    const { rounds, seconds, sessions, inFlight } = options;
    return { bench: 'gateway', machine: describeMachine(), settings: { rounds, seconds, sessions, inFlight }, results };
  } finally {
    await stopAll();
    removeFolder();
  }
}
