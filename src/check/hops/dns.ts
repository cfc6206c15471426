import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import type { Finding } from '../finding.ts';
import type { ResolvedAddress } from '../walk-options.ts';
import type { Walk } from '../walk-state.ts';

/** At most this many addresses of one name are said and tried. */
const MAX_ADDRESSES = 8;

/** The addresses of the URL's host, A and AAAA, as this machine resolves them. */
export async function* lookAtDns(walk: Walk): AsyncGenerator<Finding> {
  const { host, family } = walk;
  if (!walk.isDirect) {
    const who = walk.proxy === undefined ? 'the far end of the tunnel' : 'the proxy';
    yield walk.finding('dns', 'skip', `${host} is looked up by ${who}`);
    return;
  }
  if (isIP(host) !== 0) {
    yield walk.finding('dns', 'ok', `${host} is an IPv${isIP(host)} address, nothing to look up`);
    return;
  }
  if (walk.isLoopback) {
    yield await lookAtLocalhost(walk);
    return;
  }
  let found: readonly ResolvedAddress[];
  try {
    found = await walk.within(resolve(walk), `looking up ${host}`);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (thrown instanceof DrawbridgeError && walk.signal.aborted) throw thrown;
    const remedy =
      code === 'EAI_AGAIN'
        ? 'The name server did not answer: is this machine online, and the VPN on?'
        : 'Is the host name right? If only the network of a company knows it: is the VPN on?';
    const said = `${host} has no address: ${thrown instanceof DrawbridgeError ? message : (code ?? message)}`;
    yield walk.finding('dns', 'fail', said, { remedy, curl: `getent ahosts ${host}` });
    return;
  }
  if (found.length === 0) {
    yield walk.finding('dns', 'fail', `${host} has no address`, { remedy: 'The name needs an A or AAAA record.' });
    return;
  }
  walk.addresses = found.slice(0, MAX_ADDRESSES);
  const a = found.filter((entry) => entry.family === 4).map(({ address }) => address);
  const aaaa = found.filter((entry) => entry.family === 6).map(({ address }) => address);
  const said = `${host}: A ${listed(a)}; AAAA ${listed(aaaa)}`;
  const missing = family === '4' ? a : family === '6' ? aaaa : found;
  if (missing.length > 0) yield walk.finding('dns', 'ok', said, { curl: `getent ahosts ${host}` });
  else {
    const other = family === '4' ? 6 : 4;
    const remedy = `It is reached over IPv${other}, though --family ${family} is preferred. Where IPv${other} does not get through, the name needs ${family === '4' ? 'an A' : 'an AAAA'} record.`;
    yield walk.finding('dns', 'warn', `${said}, while IPv${family} is preferred`, {
      remedy,
      curl: `getent ahosts ${host}`,
    });
  }
}

/** This package takes 127.0.0.1 without asking; other clients take what the system puts first. */
async function lookAtLocalhost(walk: Walk): Promise<Finding> {
  const { host, family } = walk;
  const addresses = family === '4' ? ['127.0.0.1'] : family === '6' ? ['::1'] : ['127.0.0.1', '::1'];
  walk.addresses = addresses.map((address) => ({ address, family: isIP(address) }));
  const taken = `${host} is taken for ${addresses.join(' and ')}`;
  const found = await walk.within(resolve(walk), `looking up ${host}`).catch((thrown: unknown) => {
    if (walk.signal.aborted) throw thrown;
    return [];
  });
  if (found[0]?.family !== 6 || family === '6') return walk.finding('dns', 'ok', taken);
  const remedy =
    'Write 127.0.0.1 in the URL for other clients: they try ::1 first, where an SSH tunnel of Windows, which listens on 127.0.0.1 alone, is not found or costs seconds.';
  return walk.finding('dns', 'warn', `${taken}, but this machine puts ${found[0].address} first`, { remedy });
}

function resolve(walk: Walk): Promise<readonly ResolvedAddress[]> {
  const { host, options } = walk;
  if (options.lookup !== undefined) return options.lookup(host);
  return new Promise((fulfil, reject) => {
    lookup(host, { all: true, verbatim: true }, (error, found) => {
      if (error === null) fulfil(found);
      else reject(error);
    });
  });
}

function listed(addresses: readonly string[]): string {
  return addresses.length === 0 ? 'none' : addresses.slice(0, MAX_ADDRESSES).join(', ');
}
