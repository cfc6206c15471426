import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildProcess, findFreePort } from '../processes.mjs';

// Our own gateway as an operator starts it: the published bin file, keys on, every limit on but too high to bite.

const DEFAULT_BIN = fileURLToPath(new URL('../../../bin/mcp-drawbridge.cjs', import.meta.url));

/** A million calls a second, in calls a minute. */
const NEVER_BITES = String(60_000_000);

/** What one principal may open by default; up to this the bench leaves the default alone. */
const DEFAULT_SESSIONS = 50;

export const drawbridge = {
  name: 'drawbridge',
  hasAuth: true,

  /** @type {import('./index.mjs').Peer['start']} */
  async start({ upstreamPort, folder, cpu, sessions, bin = DEFAULT_BIN }) {
    if (!existsSync(bin)) throw new Error(`${bin} is not there; run \`npm run build\` first`);
    // Only these: a DRAWBRIDGE_… variable or NODE_OPTIONS of the caller must not change what is measured.
    const env = { PATH: process.env.PATH, HOME: folder };
    const keyFile = join(folder, 'keys.json');
    const add = spawnSync(process.execPath, [bin, 'keys', 'add', 'bench', '--key-file', keyFile], {
      env,
      encoding: 'utf8',
      timeout: 20_000,
    });
    if (add.status !== 0 || !/^\S+\n$/.test(add.stdout)) {
      throw new Error(`\`keys add\` gave no key (exit ${add.status}): ${add.stderr.trimEnd() || add.stdout}`);
    }
    const port = await findFreePort();
    const args = ['gateway', '--upstream', `http://127.0.0.1:${upstreamPort}/sse`, '--key-file', keyFile];
    args.push('--host', '127.0.0.1', '--port', String(port), '--log-level', 'warn');
    for (const limit of ['calls', 'requests', 'address']) args.push(`--limit-${limit}`, NEVER_BITES);
    if (sessions > DEFAULT_SESSIONS) {
      args.push('--max-sessions', String(2 * sessions), '--max-sessions-per-principal', String(2 * sessions));
    }
    const child = new ChildProcess('drawbridge', [process.execPath, bin, ...args], { cpu, env });
    await child.waitForPort(port, 15_000);
    return { port, paths: { sse: '/sse' }, authorization: `Bearer ${add.stdout.trim()}`, child };
  },
};
