import type { Finding } from './finding.ts';
import type { WalkOptions } from './walk-options.ts';

/** Walks an MCP URL hop by hop. */
export async function* walkServer(options: WalkOptions): AsyncGenerator<Finding> {
  yield { hop: 'machine', verdict: 'ok', said: `Node.js ${options.facts.nodeVersion}` };
}
