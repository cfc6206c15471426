/** The ways from the suite to the fixture: straight, and through the built gateway over each kind of upstream. */
import { fileURLToPath } from 'node:url';
import { startServer } from '../real/child-process.mjs';

/** @param {string} path */
const fileOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const BIN = fileOf('../../bin/mcp-drawbridge.cjs');
export const LEGACY_FIXTURE = fileOf('./fixture/legacy-server.mjs');
export const MODERN_FIXTURE = fileOf('./fixture/modern-server.mjs');

/**
 * @typedef {object} Running
 * @property {string} url where the suite finds it
 * @property {() => Promise<void>} stop
 */
/** @typedef {(fixture: string) => Promise<Running>} Start */

/** @type {Start} */
const direct = async (fixture) => {
  const server = await startFixture(fixture);
  return { url: `${server.origin}/mcp`, stop: server.stop };
};

/**
 * The gateway before a fixture that listens, at the path of the transport that it shall use.
 * @param {'/mcp' | '/sse'} path
 * @returns {Start}
 */
const before = (path) => async (fixture) => {
  const server = await startFixture(fixture);
  try {
    const gateway = await startGateway(['--upstream', `${server.origin}${path}`]);
    return {
      url: `${gateway.origin}/mcp`,
      stop: async () => {
        await gateway.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
};

/**
 * The gateway starts the fixture itself, a process for each session.
 * @type {Start}
 */
const command = async (fixture) => {
  const gateway = await startGateway(['--', process.execPath, fixture, 'stdio']);
  return { url: `${gateway.origin}/mcp`, stop: gateway.stop };
};

/** @satisfies {Record<string, Start>} */
export const PAIRINGS = {
  direct,
  'HTTP to HTTP': before('/mcp'),
  'HTTP to SSE': before('/sse'),
  'HTTP to a command': command,
};

/** @typedef {keyof typeof PAIRINGS} Pairing */

/** @param {string} fixture */
async function startFixture(fixture) {
  const args = [fixture, 'http'];
  const server = await startServer(process.execPath, args, { label: 'the fixture', readyText: 'listening on' });
  return { origin: `http://127.0.0.1:${/listening on (\d+)/.exec(server.log())?.[1]}`, stop: server.stop };
}

/** @param {string[]} upstream */
async function startGateway(upstream) {
  const args = [BIN, 'gateway', '--auth', 'none', '--port', '0', ...upstream];
  const server = await startServer(process.execPath, args, { label: 'the gateway', readyText: 'in front of' });
  const origin = /listening on (http:\/\/[^\s,]+)/.exec(server.log())?.[1] ?? '';
  return { origin, stop: server.stop };
}
