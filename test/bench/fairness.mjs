import { request } from 'node:http';
import { securityHeaders } from './security-headers.mjs';

// A peer that skips part of the work would win for the wrong reason: looked at before anything is measured.

const DEADLINE_MS = 5_000;

/** @returns {Promise<{ status: number, headers: import('node:http').IncomingHttpHeaders }>} */
function head(port, path, authorization) {
  return new Promise((resolve, reject) => {
    const headers = { Accept: 'text/event-stream', ...(authorization && { Authorization: authorization }) };
    const outgoing = request(
      { host: '127.0.0.1', port, path, headers, agent: false, timeout: DEADLINE_MS },
      (answer) => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
        answer.destroy();
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${DEADLINE_MS} ms`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/**
 * @param {string} name
 * @param {import('./peers/index.mjs').Running} running
 * @param {string} path
 * @returns {Promise<string[]>} what the reader of the table should know
 * @throws {Error} when the peer does not check its key
 */
export async function checkFairness(name, { port, authorization }, path) {
  for (const wrong of [undefined, 'Bearer wrong', `${authorization}x`]) {
    const { status } = await head(port, path, wrong);
    if (status !== 401) throw new Error(`${name} answered ${status} instead of 401 to ${wrong ? 'a wrong' : 'no'} key`);
  }
  const { status, headers } = await head(port, path, authorization);
  if (status !== 200) throw new Error(`${name} answered ${status} instead of 200 to the right key`);
  const differing = Object.entries(securityHeaders).filter(
    ([header, value]) => headers[header.toLowerCase()] !== value,
  );
  if (differing.length === 0) return [];
  return [`${name} sends other security headers than its peers: ${differing.map(([header]) => header).join(', ')}`];
}
