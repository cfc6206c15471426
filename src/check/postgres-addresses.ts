import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Family } from '../upstream/dial/dial-route.ts';
import { isLoopback } from '../upstream/dial/loopback.ts';
import type { Finding } from './finding.ts';

/** At most this many addresses of one name are tried. */
const MAX_ADDRESSES = 8;

interface FindOptions {
  readonly family: Family;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Every address of a host, those of the family that is wanted first; none where there is nothing to go on with. */
export async function* findAddresses(
  host: string,
  { family, timeoutMs, signal }: FindOptions,
): AsyncGenerator<Finding, readonly string[]> {
  if (isIP(host) !== 0) return [host];
  if (isLoopback(host)) {
    yield {
      hop: 'dns',
      verdict: 'warn',
      said: `${host} is 127.0.0.1 for some programs, and ::1 for others`,
      remedy: 'Write 127.0.0.1 in the URL, for every program that reads it.',
    };
    return family === '6' ? ['::1', '127.0.0.1'] : ['127.0.0.1', '::1'];
  }
  const begun = performance.now();
  const found = await resolve(host, timeoutMs, signal);
  if (typeof found === 'string') {
    const isSlow = found === 'EAI_AGAIN' || found === 'ETIMEDOUT';
    yield {
      hop: 'dns',
      verdict: 'fail',
      said: `${found} looking up ${host}`,
      remedy: isSlow
        ? 'The name server did not answer: is this machine online?'
        : 'Is the host name right? If only the network of a company knows it: is the VPN on?',
      curl: `nslookup ${host}`,
    };
    return [];
  }
  yield {
    hop: 'dns',
    verdict: 'ok',
    said: `${host} is ${found.join(', ')} in ${Math.round(performance.now() - begun)} ms`,
  };
  const wanted = family === '6' ? 6 : 4;
  return [...found.filter((one) => isIP(one) === wanted), ...found.filter((one) => isIP(one) !== wanted)];
}

/** The addresses, or the code of the failure. A look-up cannot be called back, so one that takes long is left alone. */
function resolve(host: string, timeoutMs: number, signal: AbortSignal): Promise<readonly string[] | string> {
  return new Promise((fulfil) => {
    const timer = setTimeout(() => fulfil('ETIMEDOUT'), timeoutMs);
    signal.addEventListener('abort', () => fulfil('given up'), { once: true });
    lookup(host, { all: true, verbatim: true }, (error, found) => {
      clearTimeout(timer);
      const addresses = (found ?? []).slice(0, MAX_ADDRESSES).map(({ address }) => address);
      fulfil(error !== null ? (error.code ?? error.message) : addresses.length === 0 ? 'no address' : addresses);
    });
  });
}
