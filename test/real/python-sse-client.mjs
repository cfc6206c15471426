import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, run } from './child-process.mjs';
import { ensurePostgresMcp } from './postgres-mcp.mjs';

const SCRIPT = fileURLToPath(new URL('python-sse-client.py', import.meta.url));

/**
 * Calls `execute_sql` with the client of Python's `mcp` 1.25.0, as many agents do. Rejects with Python's own traceback.
 * @param {string} url of an SSE endpoint
 * @param {Record<string, string>} headers sent with every request
 * @param {string} sql
 * @returns {Promise<{ server: { name: string, version: string }, tools: string[], text: string }>}
 */
export async function runPythonSseClient(url, headers, sql) {
  const venv = await ensurePostgresMcp('1.25.0');
  // httpx would send even loopback traffic to a proxy that the environment names.
  const env = cleanEnvironment({ NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost' });
  const args = [SCRIPT, url, JSON.stringify(headers), sql];
  return JSON.parse(await run(join(venv, 'bin', 'python'), args, { env, label: 'Python SSE client' }));
}
