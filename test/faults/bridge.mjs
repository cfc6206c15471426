import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { isGroupAlive, peakMemoryBytes, signalGroup } from './process-group.mjs';
import { until } from './wait.mjs';

// Any stdio bridge as its client sees it: a child process that reads and writes JSON-RPC lines.

/** Some bridges need seconds to load, and npx before them. */
const HANDSHAKE_MS = 30_000;
const ANSWER_MS = 10_000;
const MAX_STDERR_CHARS = 20_000;
const SHOWN_CHARS = 300;

/** @type {Set<Bridge>} all whose processes may still live */
const running = new Set();
process.on('exit', () => {
  for (const bridge of running) bridge.kill();
});

/**
 * @typedef {object} Answer
 * @property {string} line as it was written
 * @property {any} message
 * @property {number} at when it came, by `performance.now()`
 */

export class Bridge {
  stderr = '';
  /** Lines of stdout that are no JSON-RPC message. @type {string[]} */
  strayLines = [];
  /** What came that answers no request. @type {any[]} */
  notifications = [];
  /** How it ended, once it has. @type {{ code: number | null, signal: string | null } | undefined} */
  exit;
  /** @type {Map<string, Answer[]>} by the id as JSON */
  #answers = new Map();
  #asked = new Set();
  #lastId = 0;
  #partial = [];
  #isReadToEnd = false;
  #child;

  /** @param {string[]} command @param {NodeJS.ProcessEnv} env */
  constructor([file, ...args], env) {
    // A group of its own: what a launcher such as npx leaves behind is found, and ended, with it.
    this.#child = spawn(file, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.startedAt = performance.now();
    running.add(this);
    this.#child.stdin.on('error', () => {});
    this.#child.stdout.on('error', () => {});
    this.#child.stdout.setEncoding('utf8').on('data', (text) => this.#read(text));
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr = (this.stderr + text).slice(-MAX_STDERR_CHARS);
    });
    this.#child.on('error', (error) => {
      this.stderr += error.message;
      this.exit ??= { code: null, signal: null };
      this.#isReadToEnd = true;
    });
    this.#child.on('exit', (code, signal) => {
      this.exit = { code, signal };
    });
    // Later than `exit`: what it wrote last may still be in the pipe, and an orphan may hold that open.
    this.#child.on('close', () => {
      this.#isReadToEnd = true;
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Writes the text to its stdin as it is. */
  write(text) {
    this.#child.stdin.write(text);
  }

  /** The same, and waits until the bridge has taken it, or has ended. */
  async writeAll(text) {
    if (this.#child.stdin.write(text)) return;
    let isTaken = false;
    this.#child.stdin.once('drain', () => {
      isTaken = true;
    });
    await this.#until(ANSWER_MS, 'the bridge reads its stdin', () => isTaken);
  }

  /** Sends a request; gives the id, as it is written. */
  request(method, params = {}, id = String(++this.#lastId)) {
    this.write(this.textOf(method, params, id));
    return id;
  }

  /** The line of a request, for those who write several at once. */
  textOf(method, params = {}, id = String(++this.#lastId)) {
    this.expectAnswerTo(id);
    return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${JSON.stringify(params)}}\n`;
  }

  /** Says that the client wrote a request with this id. */
  expectAnswerTo(id) {
    this.#asked.add(keyOf(id));
  }

  call(name, args = {}, id = undefined) {
    return this.request('tools/call', { name, arguments: args }, id);
  }

  notify(method, params = {}) {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', method, params })}\n`);
  }

  /** @returns {string} the id of the request */
  initialize() {
    const clientInfo = { name: 'fault-suite', version: '1.0.0' };
    return this.request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  }

  async handshake() {
    const answer = await this.answer(this.initialize(), HANDSHAKE_MS, 'initialize is answered');
    assert(answer.message.error === undefined, `initialize was answered with an error: ${shown(answer.line)}`);
    this.notify('notifications/initialized');
    return answer;
  }

  /**
   * The answer to the request with this id, be it there already or still to come.
   * @returns {Promise<Answer>}
   */
  async answer(id, ms = ANSWER_MS, label = `request ${id} is answered`) {
    const key = keyOf(id);
    await this.#until(ms, label, () => this.#answers.has(key));
    return this.#answers.get(key)[0];
  }

  /** The answer, which must be a result. */
  async result(id, ms = ANSWER_MS, label = undefined) {
    const { line, message } = await this.answer(id, ms, label);
    assert(message.result !== undefined, `${label ?? `request ${id}`}: answered with an error: ${shown(line)}`);
    return message.result;
  }

  /** The answer, which must be an error. */
  async error(id, ms = ANSWER_MS, label = undefined) {
    const { line, message } = await this.answer(id, ms, label);
    assert(message.error !== undefined, `${label ?? `request ${id}`}: answered with no error: ${shown(line)}`);
    return message.error;
  }

  hasAnswered(id) {
    return this.#answers.has(keyOf(id));
  }

  countNotifications(method) {
    return this.notifications.filter((message) => message.method === method).length;
  }

  /** Waits for a notification of this method, be it there already or still to come. */
  notified(method, ms = ANSWER_MS) {
    return this.#until(ms, `the client is sent ${method}`, () => this.countNotifications(method) > 0);
  }

  closeStdin() {
    this.#child.stdin.end();
  }

  /** Nobody reads its stdout any more: what it writes meets EPIPE. */
  closeStdout() {
    this.#child.stdout.destroy();
  }

  /** The client reads no answers for a while; the pipe fills. */
  stopReading() {
    this.#child.stdout.pause();
  }

  goOnReading() {
    this.#child.stdout.resume();
  }

  /** The most memory that a process of its group has taken so far; 0 where the system does not tell. */
  peakMemoryBytes() {
    return peakMemoryBytes(this.pid);
  }

  /** Signals the process that was started, as a client does; a launcher may stand between. */
  signal(name) {
    this.#child.kill(name);
  }

  /** As Ctrl-C in a terminal does: to all processes of the group. */
  interrupt() {
    this.#signalGroup('SIGINT');
  }

  freeze() {
    this.#signalGroup('SIGSTOP');
  }

  thaw() {
    this.#signalGroup('SIGCONT');
  }

  /** Waits for its end. */
  async exited(ms) {
    await until(ms, 'the bridge ends', () => this.exit !== undefined);
    return this.exit;
  }

  /** Whether a process of its group lives on. */
  hasSurvivors() {
    return isGroupAlive(this.pid);
  }

  expectAlive() {
    assert(this.exit === undefined, `the bridge has ended (${this.#describeExit()})`);
  }

  /** What holds in every scenario: only messages on stdout, at most one answer to a request, none to anything else. */
  check() {
    assert.deepEqual(this.strayLines.map(shown), [], 'stdout carries something else than JSON-RPC lines');
    for (const [key, answers] of this.#answers) {
      assert(answers.length === 1, `request ${key} was answered ${answers.length} times`);
      assert(this.#asked.has(key), `an answer to a request that the client never sent: ${shown(answers[0].line)}`);
    }
  }

  /** Ends it and whatever it left in its group. */
  kill() {
    running.delete(this);
    this.#signalGroup('SIGKILL');
  }

  #signalGroup(signal) {
    if (this.pid !== undefined) signalGroup(this.pid, signal);
  }

  async #until(ms, label, condition) {
    await until(ms, label, () => condition() || this.#isReadToEnd);
    assert(condition(), `the bridge ended (${this.#describeExit()}) before: ${label}`);
  }

  #describeExit() {
    const { code, signal } = this.exit ?? {};
    const lines = this.stderr.trimEnd().split('\n');
    const said = lines.filter((line) => /error/i.test(line)).at(0) ?? lines.at(-1);
    return `${signal ?? `code ${code}`}; stderr: ${shown(said)}`;
  }

  #read(text) {
    const lines = text.split('\n');
    this.#partial.push(lines[0]);
    if (lines.length === 1) return;
    this.#receive(this.#partial.join(''));
    for (const line of lines.slice(1, -1)) this.#receive(line);
    this.#partial = [lines.at(-1)];
  }

  #receive(line) {
    const message = parse(line);
    if (message?.jsonrpc !== '2.0') this.strayLines.push(line);
    else if (message.id === undefined || message.method !== undefined) this.notifications.push(message);
    else {
      const key = JSON.stringify(message.id);
      const answers = this.#answers.get(key) ?? [];
      this.#answers.set(key, [...answers, { line, message, at: performance.now() }]);
    }
  }
}

/** An error must say where: with its host and port, whatever else. */
export function expectNamed(error, upstream) {
  assert(error.message.includes(upstream.host), `the error does not name ${upstream.host}: "${shown(error.message)}"`);
}

/** @param {string} line */
function shown(line) {
  return line.length > SHOWN_CHARS ? `${line.slice(0, SHOWN_CHARS)}… (${line.length} characters)` : line;
}

/** Ids are compared as JSON values: a bridge may write one in another way, which is for a scenario of its own to see. */
function keyOf(id) {
  return JSON.stringify(JSON.parse(id));
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
