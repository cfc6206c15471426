import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BridgeClient } from './bridge-client.mjs';
import { IN_FLIGHT, measureInFlight, measureLarge, measureMemory, measureSequential } from './bridge-phases.mjs';
import { measureRecovery } from './bridge-recovery.mjs';
import { formatBridgeTable, listBridgeCaveats } from './bridge-report.mjs';
import { rowsOf, summariseRow } from './bridge-rows.mjs';
import { bridges } from './peers/bridges.mjs';
import { ChildProcess, pinSelf, planCpus, stopAll } from './processes.mjs';
import { describeMachine, median } from './report.mjs';

// `bench bridge`: what a client has from a bridge, beside mcp-remote. Both speak to the same upstream and take turns,
// round by round, so that whatever else the machine does hits both alike; each figure is a median of its rounds.

const START_DEADLINE_MS = 30_000;
const STARTS_PER_ROUND = 5;
const CLEAR_LINE = '\x1b[K\r';
const URL_PATHS = { sse: '/sse', http: '/mcp' };
const ECHO_UPSTREAM = fileURLToPath(new URL('echo-upstream.mjs', import.meta.url));

/** Measured one after the other on one process of a bridge. */
const SESSION_PHASES = {
  memory: measureMemory,
  sequential: measureSequential,
  'in-flight': measureInFlight,
  large: measureLarge,
};

/**
 * @typedef {object} Options
 * @property {number} rounds
 * @property {number} seconds how long the calls in flight are counted
 * @property {string[]} only names of phases, transports and peers; empty means all
 * @property {string} [bin]
 */

/** @param {Options} options */
export function selectBridgeRows({ only }) {
  const groups = [Object.keys(rowsOf), Object.keys(URL_PATHS), Object.keys(bridges)];
  const unknown = only.find((name) => !groups.flat().includes(name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: the names are ${groups.flat().join(', ')}`);
  const [phases, transports, peers] = groups.map((names) => {
    const wanted = names.filter((name) => only.includes(name));
    return wanted.length > 0 ? wanted : names;
  });
  return { phases, transports, peers };
}

/** @param {Options} options @returns {number} the longest that all rounds may take where nothing hangs, in seconds */
export function planBridgeSeconds(options) {
  const { transports, peers } = selectBridgeRows(options);
  return options.rounds * transports.length * peers.length * (options.seconds + 45);
}

/** The upstream, which can be restarted on its port. */
class Upstream {
  #cpu;
  #child;
  port = 0;

  constructor(cpu) {
    this.#cpu = cpu;
  }

  get pid() {
    return this.#child.pid;
  }

  /** @returns {Promise<number>} the time from which it listens */
  async start() {
    const command = [process.execPath, ECHO_UPSTREAM, String(this.port)];
    this.#child = new ChildProcess('echo-upstream.mjs', command, { cpu: this.#cpu, ipc: true });
    const { port, listeningAtMs } = await this.#child.receive(10_000);
    this.port = port;
    return listeningAtMs;
  }

  /** As a crash does: without a word to anybody. */
  async stop() {
    this.#child.kill();
    await this.#child.exited;
  }
}

/** One bridge over one transport, and its rounds. */
class Contender {
  #stage;
  #file;
  #folder;
  /** @type {Record<string, any>[]} */
  rounds = [];

  constructor(stage, name, transport, file) {
    this.#stage = stage;
    this.#file = file;
    this.#folder = mkdtempSync(join(stage.folder, `${name}-${transport}-`));
    this.name = name;
    this.transport = transport;
    this.label = `${bridges[name].name}, ${transport}`;
  }

  /** @returns {Promise<{ child: ChildProcess, client: BridgeClient, startMs: number }>} after the handshake */
  async open() {
    const { args, env } = bridges[this.name];
    const { cpus, upstream } = this.#stage;
    const url = `http://127.0.0.1:${upstream.port}${URL_PATHS[this.transport]}`;
    const child = new ChildProcess(this.label, [process.execPath, this.#file, ...args(url, this.transport)], {
      cpu: cpus.target,
      // Only these: NODE_OPTIONS or a proxy of the caller must not change what is measured.
      env: { PATH: process.env.PATH, HOME: this.#folder, ...env(this.#folder) },
      isPiped: true,
    });
    const client = new BridgeClient(child);
    const answeredAtMs = await client.initialize(START_DEADLINE_MS);
    return { child, client, startMs: answeredAtMs - child.startedAtMs };
  }
}

/** What Node needs to do nothing, started like the bridges. @returns {Promise<number>} */
async function measureFloor({ cpus, folder }) {
  const env = { PATH: process.env.PATH, HOME: folder };
  const child = new ChildProcess('node -e 0', [process.execPath, '-e', '0'], { cpu: cpus.target, env, isPiped: true });
  await child.exited;
  if (child.ending !== 'exit code 0') throw child.failure(`ended (${child.ending})`);
  return child.endedAtMs - child.startedAtMs;
}

async function measureStarts(stage, contenders, count) {
  const floors = [];
  const times = new Map(contenders.map((contender) => [contender, []]));
  for (let i = 0; i < count; i++) {
    floors.push(await measureFloor(stage));
    for (const contender of contenders) {
      const { client, startMs } = await contender.open();
      await client.close();
      times.get(contender).push(startMs);
    }
  }
  const floorMs = median(floors);
  return new Map(
    contenders.map((contender) => {
      const startMs = median(times.get(contender));
      return [contender, { startMs, floorMs, overFloorMs: startMs - floorMs, starts: times.get(contender), floors }];
    }),
  );
}

async function measureSession(stage, contender, phases, seconds) {
  const { child, client } = await contender.open();
  const figures = {};
  for (const phase of phases) {
    const part = { client, pid: child.pid, upstreamPid: stage.upstream.pid, seconds };
    Object.assign(figures, await SESSION_PHASES[phase](part));
  }
  await client.close();
  return figures;
}

async function measureRestart(stage, contender) {
  const { child, client } = await contender.open();
  const figures = await measureRecovery(client, child, stage.upstream);
  await client.close();
  return figures;
}

/** One turn of every contender in every phase. */
async function measureRound(stage, contenders, { phases, seconds }, tell) {
  const figures = new Map(contenders.map((contender) => [contender, {}]));
  if (phases.includes('start')) {
    tell('starts');
    const starts = await measureStarts(stage, contenders, STARTS_PER_ROUND);
    for (const [contender, start] of starts) Object.assign(figures.get(contender), start);
  }
  const sessionPhases = phases.filter((phase) => phase in SESSION_PHASES);
  if (sessionPhases.length > 0) {
    for (const contender of contenders) {
      tell(contender.label);
      Object.assign(figures.get(contender), await measureSession(stage, contender, sessionPhases, seconds));
    }
  }
  if (phases.includes('recovery')) {
    for (const contender of contenders) {
      tell(`${contender.label}, restart of the upstream`);
      Object.assign(figures.get(contender), await measureRestart(stage, contender));
    }
  }
  for (const contender of contenders) contender.rounds.push(figures.get(contender));
}

function summarise(contenders, phases, transports) {
  return phases.flatMap((phase) =>
    rowsOf[phase].flatMap((row) =>
      transports.map((transport) => {
        const those = contenders.filter((contender) => contender.transport === transport);
        return summariseRow(row, transport, Object.fromEntries(those.map(({ name, rounds }) => [name, rounds])));
      }),
    ),
  );
}

/**
 * Measures, prints the table, and gives back all figures.
 * @param {Options} options
 */
export async function benchBridge(options) {
  const { phases, transports, peers } = selectBridgeRows(options);
  const files = new Map();
  for (const name of peers) files.set(name, await bridges[name].prepare(options));
  const cpus = planCpus();
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  // A signal ends the process without passing the `finally` below.
  process.once('exit', removeFolder);
  try {
    if (cpus.harness !== undefined) pinSelf(cpus.harness);
    const upstream = new Upstream(cpus.harness);
    await upstream.start();
    const stage = { upstream, cpus, folder };
    const contenders = transports.flatMap((transport) =>
      peers.map((name) => new Contender(stage, name, transport, files.get(name))),
    );
    // Uncounted, for the files that are read for the first time.
    await measureStarts(stage, contenders, 1);
    for (let round = 1; round <= options.rounds; round++) {
      const tell = (what) => {
        if (process.stderr.isTTY) process.stderr.write(`round ${round}: ${what}${CLEAR_LINE}`);
      };
      await measureRound(stage, contenders, { phases, seconds: options.seconds }, tell);
    }
    if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
    return report(contenders, phases, transports, peers, options, cpus.note);
  } finally {
    await stopAll();
    removeFolder();
  }
}

function report(contenders, phases, transports, peers, { rounds, seconds }, note) {
  const lines = summarise(contenders, phases, transports);
  const caveats = listBridgeCaveats(Object.fromEntries(contenders.map((one) => [one.label, one.rounds])));
  const floors = contenders[0].rounds.flatMap((round) => round.floors ?? []);
  if (floors.length > 0) caveats.unshift(`node -e 0 took ${median(floors).toFixed(1)} ms`);
  if (note !== undefined) caveats.unshift(note);
  console.log(
    `\nbridges to one upstream: median of ${rounds} rounds in turn, ${STARTS_PER_ROUND} starts and ${seconds} s with ` +
      `${IN_FLIGHT} in flight each; ratio = drawbridge / mcp-remote, median of rounds\n`,
  );
  console.log(formatBridgeTable(lines, Object.fromEntries(peers.map((name) => [name, bridges[name].name]))));
  const judged = lines.filter(({ verdict }) => verdict !== 'unknown');
  const passed = judged.filter(({ verdict }) => verdict === 'PASS');
  console.log(`\n${passed.length} of ${judged.length} judged rows reach their goal`);
  for (const caveat of caveats) console.log(`note: ${caveat}`);
  const measured = contenders.map(({ name, transport, rounds: all }) => ({ peer: name, transport, rounds: all }));
  const settings = { rounds, seconds, inFlight: IN_FLIGHT, startsPerRound: STARTS_PER_ROUND };
  return { bench: 'bridge', machine: describeMachine(), settings, results: lines, caveats, measured };
}
