import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, startServer } from './child-process.mjs';
import { onFreePort } from './free-port.mjs';
import { ensurePythonMcp } from './python-client.mjs';

const SCRIPT = fileURLToPath(new URL('python-mcp-server.py', import.meta.url));

/**
 * Starts a server written with Python's `mcp` 2.3.0 on 127.0.0.1.
 * @param {'sse' | 'streamable-http'} transport
 */
export async function startPythonMcpServer(transport) {
  const venv = await ensurePythonMcp('2.3.0');
  const env = cleanEnvironment({ PYTHONUNBUFFERED: '1' });
  return await onFreePort(async (port) => {
    const server = await startServer(join(venv, 'bin', 'python'), [SCRIPT, transport, String(port)], {
      env,
      label: `server of Python's mcp 2.3.0 on port ${port}`,
      readyText: 'Uvicorn running on',
    });
    return { url: `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`, port, ...server };
  });
}
