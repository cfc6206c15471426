import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { openWayThrough } from '../upstream/dial/proxy-connect.ts';
import { namesOf } from '../upstream/dial/tls-failure.ts';
import { goOnWithAnyCertificate } from './any-certificate.ts';
import { chainOf, describeChain, isWithoutIssuer } from './certificate-chain.ts';
import type { Walk } from './walk-state.ts';

/** Of what is looked at only to say more. */
const LOOK_MS = 2000;

export interface ShownCertificate {
  /** Whose it is, who signed it, and from when to when each holds. */
  readonly chain: string;
  /** For which hosts it is. */
  readonly names: string;
  readonly isWithoutIssuer: boolean;
}

/**
 * The certificate of a server that is not trusted, over a connection of its own on which nothing is sent. Undefined
 * where none can be had, as behind a proxy that is spoken to in TLS.
 */
export async function readShownCertificate(walk: Walk): Promise<ShownCertificate | undefined> {
  const { openAddress, proxy, timeoutMs } = walk;
  if (openAddress === undefined || proxy?.isTls === true) return undefined;
  const socket = connect({ host: openAddress.address, port: openAddress.port });
  try {
    return await walk.within(lookOver(socket, walk, openAddress.address), 'TLS', Math.min(timeoutMs, LOOK_MS));
  } catch (thrown) {
    if (walk.signal.aborted) throw thrown;
    return undefined;
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

async function lookOver(socket: Socket, walk: Walk, address: string): Promise<ShownCertificate> {
  const { host, port, proxy, timeoutMs, signal } = walk;
  await once(socket, 'connect');
  if (proxy !== undefined) {
    const target = { host, port, isTls: true };
    await openWayThrough(socket, { target, way: 'proxy', hop: proxy, proxy }, proxy, address, signal);
  }
  const looked = await goOnWithAnyCertificate(socket, host, { protocol: 'http/1.1', timeoutMs, signal });
  const leaf = looked.socket.getPeerCertificate(true);
  looked.socket.destroy();
  const chain = chainOf(leaf);
  return {
    chain: describeChain(chain, { hasDates: true }),
    names: namesOf(leaf),
    isWithoutIssuer: isWithoutIssuer(chain),
  };
}
