import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSocket } from './http-client.mjs';
import { HttpSession } from './http-session.mjs';
import { readRssBytes } from './process-stats.mjs';
import { ChildProcess, findFreePort, stopAll } from './processes.mjs';
import { describeMachine, median } from './report.mjs';
import { SseSession } from './sse-session.mjs';

// `bench bounds`: what clients that do nothing, and clients that do not read, cost the built gateway; each figure beside
// its goal. A row that misses its goal makes the run fail.

const MB = 1024 * 1024;
const IDLE_SESSIONS = 5000;
const MAX_IDLE_BYTES = 300 * MB;
/** What the stalled client was sent, in results of this many bytes. */
const STALLED_BYTES = 300 * MB;
const RESULT_BYTES = MB;
const MAX_STALLED_GROWTH_BYTES = 64 * MB;
const STALL_TIMEOUT_MS = 5000;
/** Descriptors that may be open more than before: an accepted health check, a log. */
const SPARE_DESCRIPTORS = 3;
/** How much slower the slowest hundredth of a neighbour's calls may be, beside a run without the stalled client. */
const MAX_P99_RATIO = 1.5;
/** Below this the ratio says nothing: it is how the machine schedules three processes on two processors. */
const P99_FLOOR_MS = 5;

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const DEFAULT_BIN = here('../../bin/mcp-drawbridge.cjs');

const rows = {
  'idle-sse': { title: `${IDLE_SESSIONS} idle SSE sessions`, measure: (stage) => measureIdle(stage, 'sse') },
  'idle-http': {
    title: `${IDLE_SESSIONS} idle Streamable HTTP sessions, each with its GET stream`,
    measure: (stage) => measureIdle(stage, 'http'),
  },
  stalled: { title: '300 MB for an SSE client that does not read', measure: measureStalled },
};

/** @param {{ only: string[] }} options */
export function selectBounds({ only }) {
  const unknown = only.find((name) => rows[name] === undefined);
  if (unknown !== undefined) throw new Error(`--only ${unknown}: the names are ${Object.keys(rows).join(', ')}`);
  return Object.keys(rows).filter((name) => only.length === 0 || only.includes(name));
}

/** @param {{ only: string[] }} options */
export function planBoundsSeconds(options) {
  return selectBounds(options).length * 90;
}

/** @param {{ only: string[], bin?: string }} options */
export async function benchBounds(options) {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bounds-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  try {
    const results = [];
    for (const name of selectBounds(options)) {
      const upstream = new ChildProcess('upstream', [process.execPath, here('echo-upstream.mjs')], { ipc: true });
      const { port } = await upstream.receive(10_000);
      const figures = await rows[name].measure({ folder, upstreamPort: port, bin: options.bin ?? DEFAULT_BIN });
      await stopAll();
      console.log(`${rows[name].title}\n`);
      console.log('| figure | measured | goal | |');
      console.log('|---|--:|--:|---|');
      for (const { what, value, goal, isMet } of figures) {
        console.log(`| ${what} | ${value} | ${goal ?? ''} | ${isMet === undefined ? '' : isMet ? 'met' : 'MISSED'} |`);
      }
      console.log('');
      results.push({ row: name, figures });
    }
    const missed = results.flatMap(({ figures }) => figures).filter(({ isMet }) => isMet === false);
    if (missed.length > 0) throw new Error(`goals were missed: ${missed.map(({ what }) => what).join(', ')}`);
    return { bench: 'bounds', machine: describeMachine(), results };
  } finally {
    await stopAll();
    removeFolder();
  }
}

/** Our own gateway as an operator starts it, with every cap above what is opened. */
async function startCommand({ folder, upstreamPort, bin }, path) {
  if (!existsSync(bin)) throw new Error(`${bin} is not there; run \`npm run build\` first`);
  const env = { PATH: process.env.PATH, HOME: folder };
  const keyFile = join(mkdtempSync(join(folder, 'gateway-')), 'keys.json');
  const add = spawnSync(process.execPath, [bin, 'keys', 'add', 'bench', '--key-file', keyFile], {
    env,
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (add.status !== 0) throw new Error(`\`keys add\` gave no key: ${add.stderr}`);
  const port = await findFreePort();
  const args = ['gateway', '--upstream', `http://127.0.0.1:${upstreamPort}${path}`, '--key-file', keyFile];
  args.push('--port', String(port), '--log-level', 'warn');
  const caps = ['max-sessions', 'max-sessions-per-principal', 'max-streams-per-address', 'max-connections'];
  for (const cap of [...caps, 'max-connections-per-address']) args.push(`--${cap}`, String(4 * IDLE_SESSIONS));
  for (const limit of ['calls', 'requests', 'address']) args.push(`--limit-${limit}`, '60000000');
  const child = new ChildProcess('gateway', [process.execPath, bin, ...args], { env });
  await child.waitForPort(port, 15_000);
  return { child, port, authorization: `Bearer ${add.stdout.trim()}` };
}

const descriptorsOf = (pid) => readdirSync(`/proc/${pid}/fd`).length;
const megabytes = (bytes) => `${(bytes / MB).toFixed(1)} MB`;

/** Waits until the condition holds. @returns {Promise<boolean>} whether it did in time */
async function holds(condition, ms) {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

async function measureIdle(stage, transport) {
  const path = transport === 'sse' ? '/sse' : '/mcp';
  const { child, port, authorization } = await startCommand(stage, path);
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const failures = [];
  const onFail = (error) => failures.push(error);
  const create = () =>
    transport === 'sse'
      ? new SseSession({ port, path, authorization, onMessage: () => {}, onFail })
      : new HttpSession({ port, path, authorization, agent, onFail });
  const closeAll = async (sessions) => {
    for (let from = 0; from < sessions.length; from += 50) {
      await Promise.all(sessions.slice(from, from + 50).map((session) => session.close()));
    }
  };
  // What the first sessions load and compile is no part of what a session costs.
  const first = Array.from({ length: 20 }, create);
  await Promise.all(first.map((session) => session.open()));
  await closeAll(first);
  const isBack = (before) => holds(() => descriptorsOf(child.pid) <= before + SPARE_DESCRIPTORS, 20_000);
  await isBack(24);
  const descriptorsBefore = descriptorsOf(child.pid);
  const rssBefore = readRssBytes([child.pid]);
  const sessions = [];
  const startedAt = performance.now();
  let peak = rssBefore;
  while (sessions.length < IDLE_SESSIONS) {
    const opened = Array.from({ length: 50 }, create);
    sessions.push(...opened);
    await Promise.all(opened.map((session) => session.open()));
    peak = Math.max(peak, readRssBytes([child.pid]));
  }
  const openedMs = performance.now() - startedAt;
  // Two heartbeats of 14 s, each of which writes to every stream.
  const idleUntil = performance.now() + 30_000;
  while (performance.now() < idleUntil) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    peak = Math.max(peak, readRssBytes([child.pid]));
  }
  const rss = readRssBytes([child.pid]);
  const descriptorsOpen = descriptorsOf(child.pid);
  if (failures.length > 0) throw new Error(`${failures.length} streams were lost, the first: ${failures[0].message}`);
  await closeAll(sessions);
  agent.destroy();
  const isDescriptorBack = await isBack(descriptorsBefore);
  const descriptorsAfter = descriptorsOf(child.pid);
  await child.stop();
  return [
    { what: 'opened within', value: `${(openedMs / 1000).toFixed(1)} s` },
    { what: 'RSS before', value: megabytes(rssBefore) },
    {
      what: 'RSS, idle for 30 s',
      value: megabytes(rss),
      goal: `< ${megabytes(MAX_IDLE_BYTES)}`,
      isMet: rss < MAX_IDLE_BYTES,
    },
    {
      what: 'RSS at its peak',
      value: megabytes(peak),
      goal: `< ${megabytes(MAX_IDLE_BYTES)}`,
      isMet: peak < MAX_IDLE_BYTES,
    },
    { what: 'of which a session', value: `${((rss - rssBefore) / 1024 / IDLE_SESSIONS).toFixed(1)} kB` },
    {
      what: 'descriptors before, open, after',
      value: `${descriptorsBefore}, ${descriptorsOpen}, ${descriptorsAfter}`,
      goal: 'back',
      isMet: isDescriptorBack,
    },
  ];
}

/** One neighbour that calls again and again; the stalled client beside it, in the second half. */
async function measureStalled({ upstreamPort }) {
  const options = {
    upstream: `http://127.0.0.1:${upstreamPort}/sse`,
    auth: 'none',
    limitCalls: 60_000_000,
    limitRequests: 60_000_000,
    limitAddress: 60_000_000,
    maxConcurrentCalls: 2000,
    stallTimeoutMs: STALL_TIMEOUT_MS,
  };
  const child = new ChildProcess('gateway', [process.execPath, here('embedded-gateway.mjs'), JSON.stringify(options)], {
    ipc: true,
  });
  const { port } = await child.receive(15_000);
  const neighbour = await openNeighbour(port);
  await neighbour.callFor(2000);
  const alone = await neighbour.callFor(12_000);
  const rssBefore = readRssBytes([child.pid]);
  const stalled = await openStalled(port);
  let peak = rssBefore;
  const sampler = setInterval(() => {
    peak = Math.max(peak, readRssBytes([child.pid]));
  }, 20);
  const startedAt = performance.now();
  let cutMs = Number.NaN;
  const cut = stalled.closed.then(() => {
    cutMs = performance.now() - startedAt;
  });
  const sent = stalled.callMany(STALLED_BYTES / RESULT_BYTES);
  const beside = await neighbour.callFor(12_000);
  const isCut = await Promise.race([cut.then(() => true), new Promise((resolve) => setTimeout(resolve, 5000, false))]);
  clearInterval(sampler);
  await sent;
  const sessions = await askSessions(child);
  neighbour.close();
  stalled.close();
  await child.stop();
  const growth = peak - rssBefore;
  const ratio = Math.max(beside.p99, P99_FLOOR_MS) / Math.max(alone.p99, P99_FLOOR_MS);
  return [
    { what: 'RSS before', value: megabytes(rssBefore) },
    {
      what: 'RSS growth at its peak',
      value: megabytes(growth),
      goal: `< ${megabytes(MAX_STALLED_GROWTH_BYTES)}`,
      isMet: growth < MAX_STALLED_GROWTH_BYTES,
    },
    {
      what: `cut, with a stall timeout of ${STALL_TIMEOUT_MS / 1000} s, after`,
      value: `${(cutMs / 1000).toFixed(1)} s`,
      goal: `< ${(2 * STALL_TIMEOUT_MS) / 1000 + 2} s`,
      isMet: isCut && cutMs < 2 * STALL_TIMEOUT_MS + 2000,
    },
    { what: 'sessions left', value: String(sessions), goal: '1', isMet: sessions === 1 },
    { what: 'a neighbour’s calls alone: p50, p99', value: `${alone.p50.toFixed(2)}, ${alone.p99.toFixed(2)} ms` },
    { what: 'beside it: p50, p99', value: `${beside.p50.toFixed(2)}, ${beside.p99.toFixed(2)} ms` },
    { what: 'ratio of p99', value: ratio.toFixed(2), goal: `< ${MAX_P99_RATIO}`, isMet: ratio < MAX_P99_RATIO },
  ];
}

async function askSessions(child) {
  child.send('sessions');
  const { sessions } = await child.receive(5000);
  return sessions;
}

const call = (id, name, args) =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });

async function openNeighbour(port) {
  let answered = () => {};
  const session = new SseSession({
    port,
    path: '/sse',
    onMessage: () => answered(),
    onFail: (error) => {
      throw error;
    },
  });
  await session.open();
  const connection = session.addConnection(() => {});
  let id = 0;
  return {
    /** @param {number} ms */
    callFor: async (ms) => {
      const latencies = [];
      const end = performance.now() + ms;
      while (performance.now() < end) {
        const at = performance.now();
        await new Promise((resolve) => {
          answered = resolve;
          connection.send(session.frame(call(++id, 'echo', { text: 'hello' })));
        });
        latencies.push(performance.now() - at);
        // A hundred a second, which leaves the processor to the others.
        await new Promise((resolve) => setTimeout(resolve, 8));
      }
      latencies.sort((a, b) => a - b);
      return { p50: median(latencies), p99: latencies[Math.floor(latencies.length * 0.99)] };
    },
    close: () => session.close(),
  };
}

/** A client that shakes hands and then reads nothing any more, and asks for much. */
async function openStalled(port) {
  let text = '';
  let isClosed = false;
  let close = (_value) => {};
  const closed = new Promise((resolve) => {
    close = resolve;
  });
  let announced = (_value) => {};
  const endpoint = new Promise((resolve) => {
    announced = resolve;
  });
  let answered = (_value) => {};
  const initialized = new Promise((resolve) => {
    answered = resolve;
  });
  const socket = openSocket(
    port,
    (piece) => {
      text += piece;
      const found = /data: (\/sse\/messages\S+)/.exec(text)?.[1];
      if (found !== undefined) announced(found);
      if (text.includes('"protocolVersion"')) answered(undefined);
    },
    () => close(undefined),
  );
  // A socket that is paused does not see that the other side is gone; a write to it tells.
  const probe = setInterval(() => socket.write('\r\n'), 250);
  closed.then(() => {
    isClosed = true;
    clearInterval(probe);
  });
  socket.write(`GET /sse HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
  const path = await endpoint;
  /** @param {string} body */
  const post = async (body) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body });
    await answer.text();
    return answer.status;
  };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'stalled', version: '1' } };
  await post(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }));
  await initialized;
  await post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
  socket.pause();
  return {
    closed,
    /** As far as it is let: a session that was cut takes no more. */
    callMany: async (count) => {
      for (let id = 1; id <= count && !isClosed; id++) {
        const status = await post(call(id, 'fill', { bytes: RESULT_BYTES }));
        if (status === 404) return;
        if (status !== 202) throw new Error(`call ${id} of the stalled client was answered ${status}`);
      }
    },
    close: () => {
      clearInterval(probe);
      socket.destroy();
    },
  };
}
