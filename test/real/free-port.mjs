import { once } from 'node:events';
import { createServer } from 'node:net';

const ATTEMPTS = 3;

/**
 * Finds a free port on 127.0.0.1 by listening on it for a moment.
 * @param {number} [wanted] 0 lets the system choose; another is only checked
 * @returns {Promise<number>}
 */
export async function findFreePort(wanted = 0) {
  const server = createServer();
  try {
    await once(server.listen(wanted, '127.0.0.1'), 'listening');
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    throw new Error(`port ${wanted} on 127.0.0.1 cannot be used (${code}); leave it out and a free one is chosen`);
  }
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Finds as many, no two of them the same: each is held until the last one is found.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function findFreePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/**
 * Calls `start` with a free port, and again with another one when somebody took it in between.
 * @template T
 * @param {(port: number) => Promise<T>} start
 * @returns {Promise<T>}
 */
export async function onFreePort(start) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await findFreePort());
    } catch (error) {
      if (attempt === ATTEMPTS || !/address already in use/i.test(String(error))) throw error;
    }
  }
}
