import { listTree, readCpuUs, readRssBytes } from './process-stats.mjs';
import { SseSession } from './sse-session.mjs';

// The load generator, run as a child so that it can be pinned. It takes one message per round over IPC,
// { port, path, authorization, sessions, inFlight, seconds, rampMs, target, upstream } (the last two are pids), and
// answers { result } or { failure }. It reads the CPU counters itself, in the same turn of the event loop that starts
// and ends the count: over IPC the two would be some hundred messages apart.

const MESSAGE_BYTES = 200;
const ANSWER_DEADLINE_MS = 10_000;
const FILLER = 'The quick brown fox jumps over the lazy dog. '.repeat(4);
const ANSWER_HEAD = '{"jsonrpc":"2.0","id":';

/** How sessions are opened, by transport. A class has open(), frame(body), addConnection(onReply), close(). */
const transports = { sse: SseSession };

/** One place in flight: a message goes out when the one before has got both its reply and its answer. */
class Lane {
  id = 0;
  sentAt = 0;
  text = '';
  isReplied = true;
  isAnswered = true;

  constructor(round, index, session, waiting) {
    this.round = round;
    this.index = index;
    this.session = session;
    this.waiting = waiting;
    this.connection = session.addConnection((status) => this.onReply(status));
  }

  get isIdle() {
    return this.isReplied && this.isAnswered;
  }

  send() {
    // Ids are unique in the whole round and each text names its session: an answer that strays is seen either way.
    this.id = this.round.nextId();
    const head = `{"jsonrpc":"2.0","id":${this.id},"method":"tools/call","params":{"name":"echo","arguments":{"text":"`;
    const tag = `session ${this.index} message ${this.id} `;
    this.text = tag + FILLER.slice(0, Math.max(0, MESSAGE_BYTES - head.length - tag.length - 4));
    this.isReplied = false;
    this.isAnswered = false;
    this.waiting.set(this.id, this);
    this.sentAt = performance.now();
    this.connection.send(this.session.frame(`${head}${this.text}"}}}`));
  }

  onReply(status) {
    if (status < 200 || status > 299) this.round.fail(new Error(`message ${this.id} was answered with HTTP ${status}`));
    this.isReplied = true;
    if (this.isAnswered) this.round.onDone(this);
  }

  onAnswer(data) {
    const expected = `${ANSWER_HEAD}${this.id},"result":{"content":[{"type":"text","text":"${this.text}"}]}}`;
    // The same JSON in other bytes is right as well: a peer may parse and write it anew.
    if (data !== expected && JSON.stringify(JSON.parse(data)) !== expected) {
      this.round.fail(
        new Error(`message ${this.id} of session ${this.index} got a wrong answer: ${data.slice(0, 300)}`),
      );
    }
    this.waiting.delete(this.id);
    this.isAnswered = true;
    this.round.onLatency(performance.now() - this.sentAt);
    if (this.isReplied) this.round.onDone(this);
  }
}

class Round {
  #options;
  #lastId = 0;
  #done = 0;
  #latencies = [];
  #isSending = true;
  /** @type {Lane[]} */
  #lanes = [];
  #sessions = [];
  #onIdle = () => {};
  #reject = (_error) => {};
  #failed = new Promise((_resolve, reject) => {
    this.#reject = reject;
  });

  constructor(options) {
    this.#options = options;
    this.#failed.catch(() => {});
  }

  nextId() {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** The first failure ends the round: numbers of a run that lost or mixed up answers mean nothing. */
  fail(error) {
    this.#reject(error);
  }

  onLatency(ms) {
    this.#latencies.push(ms);
  }

  onDone(lane) {
    this.#done += 1;
    if (this.#isSending) lane.send();
    else if (this.#lanes.every((one) => one.isIdle)) this.#onIdle();
  }

  #onMessage(index, waiting, data) {
    const id = data.startsWith(ANSWER_HEAD) ? Number.parseInt(data.slice(ANSWER_HEAD.length, 40), 10) : undefined;
    const lane = waiting.get(id ?? JSON.parse(data).id);
    if (lane !== undefined) return lane.onAnswer(data);
    // Requests and notifications of the target itself (a ping, a log line) are none of ours.
    if (JSON.parse(data).method !== undefined) return;
    this.fail(new Error(`session ${index} got an answer that it does not wait for: ${data.slice(0, 300)}`));
  }

  async #open() {
    const { sessions, inFlight, port, path, authorization, transport } = this.#options;
    const waits = [];
    for (let index = 0; index < sessions; index++) {
      const waiting = new Map();
      const onMessage = (data) => {
        try {
          this.#onMessage(index, waiting, data);
        } catch (error) {
          this.fail(new Error(`session ${index} got what is not JSON (${error.message}): ${data.slice(0, 300)}`));
        }
      };
      const onFail = (error) => this.fail(new Error(`session ${index}: ${error.message}`, { cause: error }));
      const session = new transports[transport]({ port, path, authorization, onMessage, onFail });
      this.#sessions.push(session);
      waits.push(waiting);
      await session.open();
    }
    for (let i = 0; i < inFlight; i++) {
      const index = i % sessions;
      this.#lanes.push(new Lane(this, index, this.#sessions[index], waits[index]));
    }
  }

  #checkDeadlines() {
    const now = performance.now();
    const late = this.#lanes.find((lane) => !lane.isIdle && now - lane.sentAt > ANSWER_DEADLINE_MS);
    if (late === undefined) return;
    const what = late.isAnswered ? 'HTTP reply' : 'answer';
    this.fail(new Error(`message ${late.id} of session ${late.index} got no ${what} in ${ANSWER_DEADLINE_MS} ms`));
  }

  #sample(pids) {
    return {
      at: performance.now(),
      done: this.#done,
      targetUs: readCpuUs(pids),
      upstreamUs: readCpuUs([this.#options.upstream]),
      loadUs: readCpuUs([process.pid]),
      rssBytes: readRssBytes(pids),
    };
  }

  async #measure() {
    const { seconds, rampMs, target } = this.#options;
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await this.#open();
    const connections = () => this.#sessions.reduce((sum, session) => sum + session.connectionsOpened, 0);
    for (const lane of this.#lanes) lane.send();
    await pause(rampMs);
    const tree = target === undefined ? [] : listTree(target);
    const opened = connections();
    this.#latencies = [];
    const first = this.#sample(tree);
    await pause(seconds * 1000);
    // Listed again: a target may have started workers since.
    const last = this.#sample(target === undefined ? [] : listTree(target));
    const latencies = Float64Array.from(this.#latencies).sort();
    const reopened = connections() - opened;
    this.#isSending = false;
    await new Promise((resolve) => {
      this.#onIdle = resolve;
    });
    return summarise(first, last, latencies, reopened);
  }

  async run() {
    const watch = setInterval(() => this.#checkDeadlines(), 500);
    try {
      return await Promise.race([this.#measure(), this.#failed]);
    } finally {
      clearInterval(watch);
      for (const session of this.#sessions) session.close();
    }
  }
}

function summarise(first, last, latencies, reopened) {
  const messages = last.done - first.done;
  const elapsedMs = last.at - first.at;
  const quantile = (q) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN;
  const cores = (name) => (last[name] - first[name]) / 1000 / elapsedMs;
  if (messages === 0) throw new Error('not one message was answered');
  return {
    messages,
    messagesPerSecond: (messages * 1000) / elapsedMs,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    cpuUsPerMessage: (last.targetUs - first.targetUs) / messages,
    targetCores: cores('targetUs'),
    upstreamCores: cores('upstreamUs'),
    loadCores: cores('loadUs'),
    rssMegabytes: last.rssBytes / 1e6,
    reopenedConnections: reopened,
  };
}

process.on('message', (options) => {
  new Round(options).run().then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ failure: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
