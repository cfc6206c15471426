import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackage } from '../install-package.mjs';

const DEFAULT_BIN = fileURLToPath(new URL('../../../bin/mcp-drawbridge.cjs', import.meta.url));
const MCP_REMOTE = { name: 'mcp-remote', version: '0.15.1' };

/**
 * A bridge as a client starts it: Node on its file, the URL of a server without authentication, logs off.
 * @typedef {object} BridgePeer
 * @property {string} name
 * @property {(setting: { bin?: string }) => Promise<string>} prepare makes sure that it is there; gives its file
 * @property {(url: string, transport: 'sse' | 'http') => string[]} args
 * @property {(folder: string) => Record<string, string>} env where it keeps its files, beside HOME
 */

/** In the order in which they take turns. @type {Record<string, BridgePeer>} */
export const bridges = {
  drawbridge: {
    name: 'drawbridge',
    async prepare({ bin = DEFAULT_BIN }) {
      if (!existsSync(bin)) throw new Error(`${bin} is not there; run \`npm run build\` first`);
      return bin;
    },
    args: (url) => [url, '--log-level', 'silent'],
    env: () => ({}),
  },
  'mcp-remote': {
    name: `mcp-remote ${MCP_REMOTE.version}`,
    async prepare() {
      return join(await installPackage(MCP_REMOTE), 'dist/proxy.js');
    },
    // Told which transport it is, for to find that out it would need longer.
    args: (url, transport) => [url, '--transport', `${transport}-only`, '--silent'],
    env: (folder) => ({ MCP_REMOTE_CONFIG_DIR: folder }),
  },
};
