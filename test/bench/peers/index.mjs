import { direct } from './direct.mjs';
import { drawbridge } from './drawbridge.mjs';
import { nginx } from './nginx.mjs';

/**
 * What a peer is given to start with.
 * @typedef {object} Setting
 * @property {number} upstreamPort
 * @property {string} folder a private temporary folder, removed afterwards
 * @property {number} [cpu] the CPU it must run on; undefined where nothing can be pinned
 * @property {number} sessions MCP sessions that will be open at once
 * @property {number} inFlight messages that will be in flight at once, for pools that need a size
 * @property {string} [bin] another build of our own bin file, to compare two
 */

/**
 * A peer that accepts connections. stopAll() ends its processes.
 * @typedef {object} Running
 * @property {number} port
 * @property {Record<string, string>} paths where each transport is served
 * @property {string} [authorization]
 * @property {import('../processes.mjs').ChildProcess} [child] root of the process tree whose CPU counts; undefined when
 *   nothing is under test
 */

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {boolean} hasAuth refuses requests without its key; checked before anything is measured
 * @property {(setting: Setting) => Promise<Running>} start throws with a message that says what to do
 */

/** In the order in which they take turns. @type {Record<string, Peer>} */
export const peers = { direct, nginx, drawbridge };
