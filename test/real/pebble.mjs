/** A private Pebble, the ACME authority that Let's Encrypt tests with, on 127.0.0.1; gone after `stop()`. */

import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanEnvironment, startServer, withDeadline } from './child-process.mjs';
import { ensureInstalled } from './debian.mjs';
import { findFreePort, onFreePort } from './free-port.mjs';
import { guardFolder } from './guard.mjs';

const FOLDERS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];

async function findPebble() {
  for (const folder of FOLDERS) {
    const path = join(folder, 'pebble');
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** @param {number} port */
async function untilItAccepts(port) {
  for (let isOpen = false; !isOpen; ) {
    const socket = connect(port, '127.0.0.1');
    isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (!isOpen) await delay(20);
  }
}

/**
 * @param {object} options
 * @param {string} options.certFile of the directory's own TLS
 * @param {string} options.keyFile
 * @param {number} options.httpPort where it asks for http-01, in place of 80
 * @param {number} [options.tlsPort] where it asks for tls-alpn-01, in place of 443; default: where nobody is
 * @param {number} options.dnsPort of a DNS server on 127.0.0.1 that says where that is
 */
export async function startPebble({ certFile, keyFile, httpPort, tlsPort = 1, dnsPort }) {
  const missing = `pebble was looked for in ${FOLDERS.join(', ')} and not found`;
  const command = await ensureInstalled({ find: findPebble, missing, packages: ['pebble'] });
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-pebble-'));
  const release = guardFolder(folder);
  const config = join(folder, 'pebble.json');
  const env = cleanEnvironment({
    PEBBLE_VA_NOSLEEP: '1',
    // A fifth of all good nonces is refused, and every order must be proved anew.
    PEBBLE_WFE_NONCEREJECT: '5',
    PEBBLE_AUTHZREUSE: '0',
  });
  const managementPort = await findFreePort();
  /** @param {number} port */
  const startOn = async (port) => {
    const pebble = {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: certFile,
      privateKey: keyFile,
      httpPort,
      tlsPort,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
      domainBlocklist: ['blocked.example.test'],
    };
    await writeFile(config, JSON.stringify({ pebble }));
    const args = ['-config', config, '-strict', '-dnsserver', `127.0.0.1:${dnsPort}`];
    const options = { label: 'pebble', readyText: 'Root CA certificate available at', env, deadlineMs: 20_000 };
    const server = await startServer(command, args, options);
    // It says that it listens a moment before it does.
    const label = `pebble on port ${port}`;
    await withDeadline(untilItAccepts(port), 10_000, label).catch(async (error) => {
      await server.stop();
      throw error;
    });
    return { port, server };
  };
  const remove = async () => {
    await rm(folder, { recursive: true, force: true });
    release();
  };
  try {
    let { port, server } = await onFreePort(startOn);
    return {
      directory: `https://localhost:${port}/dir`,
      /** Says which root it signs with; another one after each start. */
      rootUrl: `https://localhost:${managementPort}/roots/0`,
      log: () => server.log(),
      end: () => server.stop(),
      start: async () => {
        ({ port, server } = await startOn(port));
      },
      stop: async () => {
        await server.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
