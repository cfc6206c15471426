import { isDeepStrictEqual } from 'node:util';
import { monotonicMs } from './clock.mjs';
import { fillText } from './fill-text.mjs';

// The MCP client behind a bridge: writes lines to its stdin, reads lines from its stdout, and checks every one.

const MESSAGE_BYTES = 200;
const FILLER = fillText(MESSAGE_BYTES);
const ANSWER_HEAD = '{"jsonrpc":"2.0","id":';
const CLOSE_DEADLINE_MS = 2_000;
const LF = 10;

const INITIALIZE = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1.0.0' },
};

/**
 * A call that waits for its answer.
 * @typedef {object} Waiting
 * @property {string | undefined} text what the answer must hold; undefined for the answer to initialize
 * @property {(atMs: number) => void} onAnswer told of the right answer, and when its last byte was there
 * @property {((message: string) => void) | undefined} onError takes an error answer; without it, one fails the run
 */

export class BridgeClient {
  #child;
  #parts = [];
  #lastId = 0;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #fail = (_error) => {};
  /** Rejects at the first answer that is wrong, and never settles otherwise: a run that mixed up answers means nothing. */
  failed = new Promise((_resolve, reject) => {
    this.#fail = reject;
  });

  /** @param {import('./processes.mjs').ChildProcess} child with its stdin and stdout piped */
  constructor(child) {
    this.#child = child;
    this.failed.catch(() => {});
    child.stdout.on('data', (chunk) => this.#read(chunk));
    // A bridge that is gone reads nothing more; whoever waits for its answers hears that from the child.
    child.stdin.on('error', () => {});
  }

  /** How many calls wait for their answer. */
  get openCalls() {
    return this.#waiting.size;
  }

  /**
   * Waits for something that the bridge has to bring about.
   * @template T
   * @param {Promise<T>} promise
   * @param {string} what
   * @param {number} deadlineMs
   * @returns {Promise<T>}
   * @throws {Error} when it does not come, when an answer was wrong, and when the bridge ended instead
   */
  async within(promise, what, deadlineMs) {
    let timer;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(this.#child.failure(`gave ${what} not within ${deadlineMs} ms`)), deadlineMs);
    });
    const ended = this.#child.exited.then(() => {
      throw this.#child.failure(`ended (${this.#child.ending}) before ${what}`);
    });
    try {
      return await Promise.race([promise, this.failed, late, ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Shakes hands. @returns {Promise<number>} when the answer to initialize was there */
  async initialize(deadlineMs) {
    const answered = new Promise((resolve) => {
      this.#send('initialize', INITIALIZE, { text: undefined, onAnswer: resolve });
    });
    const atMs = await this.within(answered, 'the answer to initialize', deadlineMs);
    this.#child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    return atMs;
  }

  /**
   * Calls the echo tool with a text that names the call.
   * @param {(atMs: number) => void} onAnswer
   * @param {(message: string) => void} [onError]
   */
  echo(onAnswer, onError) {
    const tag = `message ${this.#lastId + 1} `;
    const text = tag + FILLER.slice(0, MESSAGE_BYTES - 100 - tag.length);
    this.#send('tools/call', { name: 'echo', arguments: { text } }, { text, onAnswer, onError });
  }

  /** Asks for a result of so many bytes. @param {number} bytes @param {(atMs: number) => void} onAnswer */
  fill(bytes, onAnswer) {
    this.#send('tools/call', { name: 'fill', arguments: { bytes } }, { text: fillText(bytes), onAnswer });
  }

  #send(method, params, waiting) {
    const id = ++this.#lastId;
    this.#waiting.set(id, waiting);
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
  }

  /** Ends the bridge as a client does that is done, by closing its stdin, or by force when that is not enough. */
  async close() {
    this.#child.stdin.end();
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_DEADLINE_MS);
    });
    await Promise.race([this.#child.exited, late]);
    clearTimeout(timer);
    await this.#child.stop();
  }

  #read(chunk) {
    const atMs = monotonicMs();
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      const last = chunk.subarray(start, end);
      const line = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
      this.#parts = [];
      start = end + 1;
      this.#take(line.latin1Slice(), atMs);
    }
    if (start < chunk.length) this.#parts.push(chunk.subarray(start));
  }

  #take(line, atMs) {
    try {
      const id = line.startsWith(ANSWER_HEAD) ? Number.parseInt(line.slice(ANSWER_HEAD.length, 40), 10) : undefined;
      const isPlain = id !== undefined && this.#waiting.has(id);
      const message = isPlain ? undefined : JSON.parse(line);
      // Requests and notifications of the bridge itself (a ping, a log line) are none of ours.
      if (message?.method !== undefined) return;
      this.#answer(isPlain ? id : message.id, line, atMs);
    } catch (error) {
      this.#fail(new Error(`${this.#child.name} wrote what is no answer (${error.message}): ${line.slice(0, 300)}`));
    }
  }

  #answer(id, line, atMs) {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) throw new Error(`no call waits for the id ${JSON.stringify(id)}`);
    this.#waiting.delete(id);
    const { text, onAnswer, onError } = waiting;
    // The same JSON in other bytes is right as well: a bridge may parse and write it anew.
    if (text !== undefined && line === `${ANSWER_HEAD}${id},"result":{"content":[{"type":"text","text":"${text}"}]}}`) {
      return onAnswer(atMs);
    }
    const message = JSON.parse(line);
    if (onError !== undefined && typeof message.error?.message === 'string') return onError(message.error.message);
    const isRight =
      text === undefined
        ? message.result?.protocolVersion === INITIALIZE.protocolVersion
        : isDeepStrictEqual(message, { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
    if (!isRight) throw new Error(`call ${id} got a wrong answer`);
    onAnswer(atMs);
  }
}
