import { createRequire } from 'node:module';

/** PGlite's own wire-protocol encoder and decoder. */
export type Protocol = typeof import('@electric-sql/pglite').protocol;

/** PGlite as the demo needs it: its wire protocol here, and the file that the database thread loads. */
export interface Pglite {
  readonly protocol: Protocol;
  readonly modulePath: string;
}

const MISSING =
  'The demo needs PGlite, which is not installed: run `npm install @electric-sql/pglite` beside mcp-drawbridge ' +
  '(or, without installing: `npx -p mcp-drawbridge -p @electric-sql/pglite mcp-drawbridge gateway --demo`)';

/**
 * Loads PGlite, an optional peer of the package, at the moment the demo starts.
 *
 * @throws an `Error` with `code: 'DEMO_NEEDS_PGLITE'` when it is not installed.
 */
export async function loadPglite(): Promise<Pglite> {
  try {
    const { protocol } = await import('@electric-sql/pglite');
    // A path, since the thread's program is a string and could resolve a bare name only from the working directory.
    return { protocol, modulePath: createRequire(import.meta.url).resolve('@electric-sql/pglite') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw Object.assign(new Error(MISSING, { cause: error }), { code: 'DEMO_NEEDS_PGLITE' });
  }
}
