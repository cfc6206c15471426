import { type DatabaseThread, startDatabaseThread } from './database-thread.ts';
import type { Pglite } from './load-pglite.ts';
import { SETUP_SQL } from './sample-data.ts';
import { decodeAnswer, encodeReadOnlyQuery, type QueryResult } from './wire.ts';

/** Longest that one statement may run; the thread is ended then, and started again with the same sample data. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** Most statements that may wait for their turn, over all sessions together. */
export const MAX_QUEUED_STATEMENTS = 100;

/** The demo's database: read-only, one statement at a time. */
export interface Database {
  /**
   * Runs one statement read-only; at most `maxRows` rows come back.
   *
   * Rejects with an `Error` whose message is PostgreSQL's own, or says which bound was met. A `signal` that aborts while
   * the statement still waits for its turn takes it out; a running one goes on to its end or its timeout.
   */
  query(sql: string, parameters: readonly string[], maxRows: number, signal?: AbortSignal): Promise<QueryResult>;
  close(): Promise<void>;
}

/** Starts PGlite with the sample data; rejects with the signal's reason when that aborts first. */
export async function openDatabase(
  { protocol, modulePath }: Pglite,
  options: {
    readonly logger: { warn(message: string): void };
    readonly signal?: AbortSignal;
    readonly statementTimeoutMs?: number;
  },
): Promise<Database> {
  const { logger, signal, statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
  const closed = new AbortController();
  const start = (until: AbortSignal): Promise<DatabaseThread> => startDatabaseThread(modulePath, SETUP_SQL, until);
  let thread = await start(signal ?? closed.signal);
  let restart: Promise<void> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let queued = 0;

  // At once rather than with the next query, so that the one after a timeout waits as little as possible; a start that
  // fails is tried again with the next query.
  const startAgain = (reason: string): Promise<void> => {
    logger.warn(`demo database: ${reason}; starting it again`);
    restart = start(closed.signal)
      .then((next) => {
        thread = next;
      })
      .finally(() => {
        restart = undefined;
      });
    restart.catch(() => {});
    return restart;
  };

  const run = async (sql: string, parameters: readonly string[], maxRows: number): Promise<QueryResult> => {
    if (!thread.isAlive) await (restart ?? startAgain('it had ended'));
    try {
      const batch = encodeReadOnlyQuery(protocol, sql, parameters, maxRows);
      const answer = decodeAnswer(protocol, await thread.ask(batch, statementTimeoutMs), maxRows);
      if (!answer.isComplete) {
        await thread.stop();
        throw new Error('the statement broke the demo database, which starts again');
      }
      if (answer.failure !== undefined) throw new Error(answer.failure);
      return answer.result;
    } catch (error) {
      if (!thread.isAlive && !closed.signal.aborted) void startAgain((error as Error).message);
      throw error;
    }
  };

  return {
    async query(sql, parameters, maxRows, querySignal) {
      if (queued >= MAX_QUEUED_STATEMENTS) throw new Error('too many statements are waiting; try again later');
      queued += 1;
      const turn = last.then(() => {
        closed.signal.throwIfAborted();
        querySignal?.throwIfAborted();
        return run(sql, parameters, maxRows);
      });
      last = turn.catch(() => {});
      try {
        return await turn;
      } finally {
        queued -= 1;
      }
    },
    async close() {
      closed.abort(new Error('the demo is closing'));
      await restart?.catch(() => {});
      await thread.stop();
    },
  };
}
