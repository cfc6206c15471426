import { monotonicMs, pause } from './clock.mjs';

// A client that goes on calling while its server is restarted: how long after the new server listens is a call answered
// again, and how many of the calls made meanwhile failed.

const CALL_EVERY_MS = 10;
const STEADY_MS = 500;
const OUTAGE_MS = 1_000;
/** After the first answer the calls go on for this long: a recovery that stutters is none. */
const AFTER_MS = 500;
const REST_DEADLINE_MS = 5_000;

export const RECOVERY_DEADLINE_MS = 20_000;

/**
 * @typedef {object} Recovery
 * @property {number | null} recoveryMs from the new server listening to the next call answered; null where none was
 * @property {string} ending how the bridge ended, or ''
 * @property {number} newCalls calls made after the loss
 * @property {number} failedNewCalls of these, answered with an error or not at all
 * @property {number} unansweredNewCalls of the failed ones, not answered at all
 * @property {number} unansweredOldCalls calls in flight at the loss that were never answered
 */

/** Calls in a steady rhythm, and keeps a record of each. */
class Caller {
  #timer;
  /** @type {{ sentAtMs: number, answeredAtMs: number, isFailed: boolean }[]} */
  calls = [];

  constructor(client, child) {
    this.#timer = setInterval(() => {
      const call = { sentAtMs: monotonicMs(), answeredAtMs: Number.NaN, isFailed: false };
      this.calls.push(call);
      // What a client calls after its bridge has ended fails as well.
      if (child.hasExited) return;
      const settle = (isFailed) => (atMs) => {
        call.isFailed = isFailed;
        call.answeredAtMs = isFailed ? monotonicMs() : atMs;
      };
      client.echo(settle(false), settle(true));
    }, CALL_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** @param {number} sinceMs @returns the first call made and answered since then */
  firstAnswered(sinceMs) {
    return this.calls
      .filter((call) => call.sentAtMs > sinceMs && !call.isFailed && call.answeredAtMs > sinceMs)
      .sort((a, b) => a.answeredAtMs - b.answeredAtMs)[0];
  }
}

/**
 * @param {import('./bridge-client.mjs').BridgeClient} client that has shaken hands
 * @param {import('./processes.mjs').ChildProcess} child the bridge
 * @param {{ stop(): Promise<void>, start(): Promise<number> }} upstream start() gives the time from which it listens
 * @returns {Promise<Recovery>}
 */
export async function measureRecovery(client, child, upstream) {
  const caller = new Caller(client, child);
  try {
    await client.within(pause(STEADY_MS), 'a steady state', STEADY_MS + 5_000);
    if (caller.firstAnswered(0) === undefined) throw child.failure('answered no call before its server was restarted');
    await upstream.stop();
    const lostAtMs = monotonicMs();
    await orFailed(client, pause(OUTAGE_MS));
    const backAtMs = await upstream.start();
    const first = await orFailed(client, waitForAnswer(caller, child, lostAtMs, backAtMs + RECOVERY_DEADLINE_MS));
    if (first !== undefined) await orFailed(client, pause(AFTER_MS));
    caller.stop();
    await orFailed(client, waitForRest(client, child));
    return summarise(caller.calls, child, lostAtMs, first === undefined ? null : first.answeredAtMs - backAtMs);
  } finally {
    caller.stop();
  }
}

/** An answer that is wrong fails the run here as everywhere. */
function orFailed(client, promise) {
  return Promise.race([promise, client.failed]);
}

async function waitForAnswer(caller, child, lostAtMs, untilMs) {
  while (monotonicMs() < untilMs && !child.hasExited) {
    const first = caller.firstAnswered(lostAtMs);
    if (first !== undefined) return first;
    await pause(5);
  }
  return caller.firstAnswered(lostAtMs);
}

async function waitForRest(client, child) {
  const untilMs = monotonicMs() + REST_DEADLINE_MS;
  while (monotonicMs() < untilMs && !child.hasExited && client.openCalls > 0) await pause(5);
}

/** @returns {Recovery} */
function summarise(calls, child, lostAtMs, recoveryMs) {
  const isUnanswered = (call) => Number.isNaN(call.answeredAtMs);
  const fresh = calls.filter((call) => call.sentAtMs > lostAtMs);
  const old = calls.filter((call) => call.sentAtMs <= lostAtMs);
  return {
    recoveryMs,
    ending: child.hasExited ? child.ending : '',
    newCalls: fresh.length,
    failedNewCalls: fresh.filter((call) => call.isFailed || isUnanswered(call)).length,
    unansweredNewCalls: fresh.filter(isUnanswered).length,
    unansweredOldCalls: old.filter(isUnanswered).length,
  };
}
