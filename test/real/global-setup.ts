// Without it TypeScript does not find the module that is augmented below.
import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.mjs';
import { startPostgresMcp } from './postgres-mcp.mjs';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The SSE endpoint of a real postgres-mcp in restricted mode. */
    postgresMcpUrl: string;
    /** Its database, for tests that look behind it. */
    databaseUri: string;
  }
}

/** Starts what the `real` project talks to. It throws when it cannot: a skipped suite would look like a passed one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  const server = await startPostgresMcp({ databaseUri: postgres.uri }).catch(async (error: unknown) => {
    await postgres.stop();
    throw error;
  });
  project.provide('postgresMcpUrl', server.url);
  project.provide('databaseUri', postgres.uri);
  return async () => {
    try {
      await server.stop();
    } finally {
      await postgres.stop();
    }
  };
}
