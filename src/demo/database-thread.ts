import { Worker } from 'node:worker_threads';

/** PGlite on a thread of its own: takes bytes of the PostgreSQL wire protocol, answers bytes. */
export interface DatabaseThread {
  /** False once the thread has been stopped, has crashed, or has missed a deadline. */
  readonly isAlive: boolean;
  /**
   * Runs one batch; the caller sends the next only when this has settled.
   *
   * Rejects when the answer is larger than {@link MAX_ANSWER_BYTES}, when the thread crashes, and after `timeoutMs`; the
   * last two end the thread.
   */
  ask(batch: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  stop(): Promise<void>;
}

/** Largest answer that a query may have on the wire; what is beyond is dropped as it comes, never gathered. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** How long PGlite may take to start; about 4 s is usual. */
const START_TIMEOUT_MS = 60_000;

type Reply = { readonly ready: true } | { readonly bytes: Uint8Array } | { readonly failure: string };

/**
 * The thread's program. A string, because the package's bundler makes one file of the demo and a worker needs one of its
 * own; and as little as possible, because no compiler reads it.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { PGlite } = require(workerData.modulePath);
async function main() {
  const database = await PGlite.create();
  await database.exec(workerData.setupSql);
  parentPort.on('message', async (batch) => {
    const chunks = [];
    let size = 0;
    const onRawData = (chunk) => {
      size += chunk.length;
      if (size > workerData.maxBytes) chunks.length = 0;
      else chunks.push(Buffer.from(chunk));
    };
    await database.execProtocolRawStream(batch, { syncToFs: false, onRawData });
    if (size <= workerData.maxBytes) parentPort.postMessage({ bytes: Buffer.concat(chunks) });
    else parentPort.postMessage({ failure: 'the answer is larger than ' + workerData.maxBytes + ' bytes' });
  });
  parentPort.postMessage({ ready: true });
}
main();
`;

/**
 * Starts a thread with an in-memory database and runs `setupSql` in it.
 *
 * A thread, and not PGlite right here, for two reasons: a running query blocks its thread (PGlite has no working
 * `statement_timeout`), and some statements end or hang the WebAssembly process; a thread can be ended from outside.
 */
export async function startDatabaseThread(
  modulePath: string,
  setupSql: string,
  signal: AbortSignal,
): Promise<DatabaseThread> {
  signal.throwIfAborted();
  const workerData = { modulePath, setupSql, maxBytes: MAX_ANSWER_BYTES };
  // execArgv: this process may run with loaders or --input-type, which would change how the program is read.
  const worker = new Worker(PROGRAM, { eval: true, name: 'demo-database', workerData, execArgv: [], env: {} });
  let isAlive = true;
  let settle: ((outcome: Reply | Error) => void) | undefined;
  const stop = async (): Promise<void> => {
    isAlive = false;
    await worker.terminate();
  };
  const fail = (error: Error): void => {
    isAlive = false;
    settle?.(error);
  };
  worker.on('message', (reply: Reply) => settle?.(reply));
  // Not always an Error: Emscripten throws an object of its own when the process inside exits.
  worker.on('error', (error: unknown) => fail(new Error(`the demo database crashed: ${String(error)}`)));
  worker.on('exit', () => fail(new Error('the demo database has ended')));

  const nextReply = (timeoutMs: number, late: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        settle?.(new Error(late));
        void stop();
      }, timeoutMs);
      settle = (outcome) => {
        settle = undefined;
        clearTimeout(timer);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
    });

  const abort = (): void => void stop();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await nextReply(START_TIMEOUT_MS, `PGlite did not start within ${START_TIMEOUT_MS / 1000} s`);
  } catch (error) {
    await stop();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }

  return {
    get isAlive() {
      return isAlive;
    },
    async ask(batch, timeoutMs) {
      if (!isAlive) throw new Error('the demo database has ended');
      const reply = nextReply(
        timeoutMs,
        `canceling statement due to statement timeout (${timeoutMs / 1000} s; the demo database starts again)`,
      );
      worker.postMessage(batch);
      const outcome = await reply;
      if ('bytes' in outcome) return outcome.bytes;
      throw new Error('failure' in outcome ? outcome.failure : 'the demo database answered out of turn');
    },
    stop,
  };
}
