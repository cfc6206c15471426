import { monotonicMs, pause } from './clock.mjs';
import { listTree, readCpuUs, readMachineBusyUs, readRssBytes } from './process-stats.mjs';

// What is measured on a bridge that has shaken hands, each for itself. Client and upstream share one CPU, the bridge has
// the other for itself.

const ANSWER_DEADLINE_MS = 10_000;
/** A client is idle for a moment after the handshake; so is a bridge whose memory is read. */
const SETTLE_MS = 500;
const WARM_CALLS = 300;
const COUNTED_CALLS = 500;
const RAMP_MS = 1_000;
const LARGE_BYTES = 10_000_000;
const LARGE_CALLS = 3;
const LARGE_DEADLINE_MS = 30_000;

export const IN_FLIGHT = 100;

/**
 * @typedef {object} Phase
 * @property {import('./bridge-client.mjs').BridgeClient} client
 * @property {number} pid of the bridge
 * @property {number} upstreamPid
 * @property {number} seconds
 */

/** Resident memory of the bridge that has done nothing but the handshake. @param {Phase} phase */
export async function measureMemory({ client, pid }) {
  await client.within(pause(SETTLE_MS), 'a quiet moment', 2 * SETTLE_MS + 1_000);
  return { rssMegabytes: readRssBytes(listTree(pid)) / 1e6 };
}

/** One call after the other. @param {Phase} phase */
export async function measureSequential({ client }) {
  const latencies = [];
  for (let i = 0; i < WARM_CALLS + COUNTED_CALLS; i++) {
    const sentAtMs = monotonicMs();
    const answered = new Promise((resolve) => client.echo(resolve));
    const atMs = await client.within(answered, `the answer to call ${i + 1}`, ANSWER_DEADLINE_MS);
    if (i >= WARM_CALLS) latencies.push(atMs - sentAtMs);
  }
  latencies.sort((a, b) => a - b);
  const quantile = (q) => latencies[Math.floor(latencies.length * q)];
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

/** A hundred calls in flight: an answer sends the next call. @param {Phase} phase */
export async function measureInFlight({ client, pid, upstreamPid, seconds }) {
  let done = 0;
  let isSending = true;
  let lastAtMs = monotonicMs();
  const send = () =>
    client.echo((atMs) => {
      done += 1;
      lastAtMs = atMs;
      if (isSending) send();
    });
  // Read in the turn of the event loop in which the count begins or ends.
  const sample = () => ({
    atMs: monotonicMs(),
    done,
    bridgeUs: readCpuUs(listTree(pid)),
    harnessUs: readCpuUs([process.pid, upstreamPid]),
    machineUs: readMachineBusyUs(),
  });
  const run = async () => {
    for (let i = 0; i < IN_FLIGHT; i++) send();
    await pause(RAMP_MS);
    const first = sample();
    await pause(seconds * 1000);
    const last = sample();
    isSending = false;
    while (client.openCalls > 0 && monotonicMs() - lastAtMs < ANSWER_DEADLINE_MS) await pause(5);
    if (client.openCalls > 0)
      throw new Error(`${client.openCalls} of ${IN_FLIGHT} calls in flight were never answered`);
    return summarise(first, last);
  };
  return client.within(run(), 'all answers', RAMP_MS + seconds * 1000 + 2 * ANSWER_DEADLINE_MS);
}

function summarise(first, last) {
  const messages = last.done - first.done;
  if (messages === 0) throw new Error('not one call was answered');
  const elapsedMs = last.atMs - first.atMs;
  const cores = (name) => (last[name] - first[name]) / 1000 / elapsedMs;
  return {
    messagesPerSecond: (messages * 1000) / elapsedMs,
    cpuSecondsPer10k: ((last.bridgeUs - first.bridgeUs) / messages) * 0.01,
    bridgeCores: cores('bridgeUs'),
    harnessCores: cores('harnessUs'),
    otherCores: Math.max(0, cores('machineUs') - cores('bridgeUs') - cores('harnessUs')),
  };
}

/** Results of 10 MB, the first of them uncounted. @param {Phase} phase */
export async function measureLarge({ client }) {
  let totalMs = 0;
  for (let i = 0; i <= LARGE_CALLS; i++) {
    const sentAtMs = monotonicMs();
    const answered = new Promise((resolve) => client.fill(LARGE_BYTES, resolve));
    const atMs = await client.within(answered, `result ${i + 1} of ${LARGE_BYTES} bytes`, LARGE_DEADLINE_MS);
    if (i > 0) totalMs += atMs - sentAtMs;
  }
  return { megabytesPerSecond: (LARGE_CALLS * LARGE_BYTES) / 1e6 / (totalMs / 1000) };
}
