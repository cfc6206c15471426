import { openDatabase } from './database.ts';
import { startHttpServer } from './http-server.ts';
import { loadPglite } from './load-pglite.ts';
import { createDemoServer } from './mcp-server.ts';
import { SAMPLE_QUERY } from './sample-data.ts';

/** What {@link startDemoUpstream} may be told. */
export interface DemoUpstreamOptions {
  /** Ends the start, and later the running upstream, exactly as `close()` does. */
  readonly signal?: AbortSignal;
  /** Hears of what no client is told: a database that had to be started again, a request that failed inside. */
  readonly logger?: { warn(message: string): void };
}

/** A running demo upstream; two addresses, one database. */
export interface DemoUpstream {
  /** The legacy SSE address, `http://127.0.0.1:PORT/sse`. */
  readonly url: string;
  /** The Streamable HTTP address, `http://127.0.0.1:PORT/mcp`. */
  readonly httpUrl: string;
  /** One `execute_sql` query over the sample data with at most 6 rows, on one line. */
  readonly sampleQuery: string;
  /** Ends every stream, the HTTP server and PGlite; idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the embedded upstream: postgres-mcp's tool names over a read-only PGlite database with sample data.
 *
 * Takes about 4 s, nearly all of it PGlite's `initdb`, and about 800 MB of memory until `close()`. The database runs on a
 * thread of its own, so neither its start nor a slow query stops the event loop.
 *
 * @throws an `Error` with `code: 'DEMO_NEEDS_PGLITE'` when `@electric-sql/pglite` is not installed; the signal's reason
 * when it aborts during the start.
 */
export async function startDemoUpstream(options: DemoUpstreamOptions = {}): Promise<DemoUpstream> {
  const { signal, logger = { warn: () => {} } } = options;
  signal?.throwIfAborted();
  const database = await openDatabase(await loadPglite(), { logger, ...(signal && { signal }) });
  try {
    const server = await startHttpServer({ createServer: () => createDemoServer(database), logger });
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      signal?.removeEventListener('abort', close);
      closing ??= Promise.all([server.close(), database.close()]).then(() => {});
      return closing;
    };
    signal?.addEventListener('abort', close, { once: true });
    if (signal?.aborted) {
      await close();
      signal.throwIfAborted();
    }
    return { url: `${server.origin}/sse`, httpUrl: `${server.origin}/mcp`, sampleQuery: SAMPLE_QUERY, close };
  } catch (error) {
    await database.close();
    throw error;
  }
}
