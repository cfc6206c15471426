import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, run } from './child-process.mjs';
import { ensureVenv } from './python.mjs';

const SCRIPT = fileURLToPath(new URL('python-client.py', import.meta.url));

/**
 * A virtual environment with this version of Python's `mcp` and nothing else.
 * @param {'1.30.0' | '2.3.0'} version
 */
export const ensurePythonMcp = (version) => ensureVenv(`python-mcp-${version}`, [`mcp==${version}`]);

/**
 * Lists the tools and makes these calls with Python's own client. Rejects with Python's own traceback.
 * @param {'1.30.0' | '2.3.0'} version
 * @param {'sse' | 'http' | 'auto'} transport
 * @param {string} url
 * @param {Record<string, string>} headers sent with every request
 * @param {readonly (readonly [string, object])[]} calls
 * @returns {Promise<{ server: string, protocol: string, tools: string[], texts: string[] }>}
 */
export async function runPythonClient(version, transport, url, headers, calls) {
  const venv = await ensurePythonMcp(version);
  // httpx would send even loopback traffic to a proxy that the environment names.
  const env = cleanEnvironment({ NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost' });
  const args = [SCRIPT, transport, url, JSON.stringify(headers), JSON.stringify(calls)];
  const label = `client of Python's mcp ${version}, ${transport}`;
  return JSON.parse(await run(join(venv, 'bin', 'python'), args, { env, label }));
}
