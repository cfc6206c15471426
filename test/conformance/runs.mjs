/** What is run: each set of scenarios, the fixture that it is for, and the ways on which it can be asked. */
import { LEGACY_FIXTURE, MODERN_FIXTURE, PAIRINGS } from './pairings.mjs';
import { runSuite } from './suite.mjs';

/** @typedef {import('./suite.mjs').Outcomes} Outcomes */
/** @typedef {import('./pairings.mjs').Pairing} Pairing */

/**
 * @typedef {object} Run
 * @property {string} name
 * @property {string} version of the suite
 * @property {readonly string[]} args which scenarios
 * @property {string} fixture
 * @property {readonly Pairing[]} pairings the direct one first
 * @property {Readonly<Partial<Record<Pairing, Readonly<Record<string, string>>>>>} reasons by pairing and check: why it
 *   comes out otherwise through the gateway
 * @property {{ scenarios: RegExp, reason: string } | undefined} beyond what the fixture itself does not have
 */

/** @type {readonly Pairing[]} */
const LEGACY_PAIRINGS = ['direct', 'HTTP to HTTP', 'HTTP to SSE', 'HTTP to a command'];

/** Neither legacy SSE nor stdio has a stream for each answer. */
const AS_JSON = 'an answer before which such a server says nothing is given as JSON, without a stream';
const STREAMS_AS_JSON = { 'server-sse-streams-functional': AS_JSON };
const POLLING_AS_JSON = {
  ...STREAMS_AS_JSON,
  'server-sse-priming-event': AS_JSON,
  'server-sse-retry-field': AS_JSON,
  'server-sse-disconnect-resume': AS_JSON,
};
const KEEPS_STREAM = 'the gateway asks the server for the rest itself, and its stream to the client stays whole';

/** @type {readonly Run[]} */
export const RUNS = [
  {
    name: '0.1.16, all server scenarios',
    version: '0.1.16',
    args: ['--suite', 'all'],
    fixture: LEGACY_FIXTURE,
    pairings: LEGACY_PAIRINGS,
    reasons: { 'HTTP to SSE': STREAMS_AS_JSON, 'HTTP to a command': STREAMS_AS_JSON },
    beyond: undefined,
  },
  {
    name: '0.2.0-alpha.12, requirements of 2025-11-25',
    version: '0.2.0-alpha.12',
    args: ['--requirements', '2025-11-25'],
    fixture: LEGACY_FIXTURE,
    pairings: LEGACY_PAIRINGS,
    reasons: {
      'HTTP to HTTP': {
        'server-sse-disconnect-resume': KEEPS_STREAM,
      },
      'HTTP to SSE': POLLING_AS_JSON,
      'HTTP to a command': POLLING_AS_JSON,
    },
    beyond: undefined,
  },
  {
    name: '0.2.0-alpha.12, requirements of 2026-07-28',
    version: '0.2.0-alpha.12',
    args: ['--requirements', '2026-07-28'],
    fixture: MODERN_FIXTURE,
    pairings: ['direct', 'HTTP to HTTP'],
    reasons: {},
    beyond: {
      scenarios: /^tasks-/,
      reason: 'an extension that no revision requires and that the SDK of the fixture has not',
    },
  },
];

/**
 * The outcomes on one way, with a fixture and a gateway of their own.
 * @param {Run} run
 * @param {Pairing} pairing
 * @returns {Promise<Outcomes>}
 */
export async function runOn({ version, args, fixture }, pairing) {
  const { url, stop } = await PAIRINGS[pairing](fixture);
  try {
    return await runSuite({ version, url, args });
  } finally {
    await stop();
  }
}
