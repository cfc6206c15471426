import { lookup } from 'node:dns';
import { isIP, type Socket } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import { DialAttempt } from './dial-attempt.ts';
import { cannotReach, type DialFailure, unreachable, unresolved } from './dial-failure.ts';
import type { DialRoute, DialTarget, Family, HttpProxy, TakeBytes } from './dial-route.ts';
import { isLoopback } from './loopback.ts';
import type { TlsError } from './tls-failure.ts';
import { TlsTrust } from './tls-trust.ts';

export interface DialOptions {
  readonly family: Family;
  /** For one address, from the first packet to the end of the TLS handshake, what a proxy takes included. */
  readonly connectTimeoutMs: number;
  /** What TLS trusts and shows; default: what Node trusts. */
  readonly trust?: TlsTrust | undefined;
  readonly proxy?: HttpProxy | undefined;
  /** Where to dial in place of the target, such as the near end of a tunnel; then no proxy is used. */
  readonly dialTo?: (() => Promise<{ readonly host: string; readonly port: number }>) | undefined;
}

/** At most this many addresses of one name are tried. */
const MAX_ADDRESSES = 8;

/**
 * Connects to the first address that answers. `localhost` is 127.0.0.1 without asking a resolver, or ::1 for family 6:
 * what a resolver puts first is what breaks tunnels. For a target of https the connection is secure when it is given,
 * through a proxy too; for one of http, a proxy is what is connected to. Rejects with `upstream_unreachable`, naming
 * each address tried, with `upstream_untrusted` where the certificate of the server is not trusted, `upstream_refused`
 * where one of ours or a credential for the proxy is wanted, and
 * `config` where certificates cannot be read.
 */
export async function dial(
  target: DialTarget,
  options: DialOptions,
  signal: AbortSignal,
  take: TakeBytes = () => {},
): Promise<Socket> {
  const route = await routeTo(target, options, signal);
  const trust = options.trust ?? new TlsTrust();
  const failures: DialFailure[] = [];
  for (const address of await resolve(route, options.family)) {
    if (signal.aborted) break;
    const outcome = await tryAddress(
      new DialAttempt(route, address, options.connectTimeoutMs, trust, take),
      trust,
      signal,
    );
    if (!('error' in outcome)) return outcome.socket;
    failures.push(outcome);
  }
  throw signal.aborted ? givenUp(route) : unreachable(route, failures);
}

async function routeTo(target: DialTarget, { proxy, dialTo }: DialOptions, signal: AbortSignal): Promise<DialRoute> {
  const { isTls } = target;
  if (dialTo === undefined) {
    if (proxy === undefined) return { target, way: 'direct', hop: target, proxy };
    return { target, way: 'proxy', hop: proxy, proxy };
  }
  const near = await new Promise<{ readonly host: string; readonly port: number }>((fulfil, reject) => {
    const abort = (): void => reject(givenUp({ target, way: 'direct', hop: target, proxy: undefined }));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    dialTo()
      .then(fulfil, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
  return { target, way: 'tunnel', hop: { ...near, isTls }, proxy: undefined };
}

/** Once more only where the certificates of the operating system are trusted meanwhile, which is at most one time. */
async function tryAddress(
  attempt: DialAttempt,
  trust: TlsTrust,
  signal: AbortSignal,
): Promise<{ readonly socket: Socket } | DialFailure> {
  while (true) {
    const wasWidened = trust.isWidened;
    try {
      return { socket: await attempt.run(signal) };
    } catch (thrown) {
      const error = thrown as TlsError;
      if (thrown instanceof DrawbridgeError && !signal.aborted) throw thrown;
      const { step, address } = attempt;
      if (signal.aborted || !(await trust.widenAfter(error, wasWidened))) return { step, error, address };
    }
  }
}

function givenUp(route: DialRoute): DrawbridgeError {
  return new DrawbridgeError('upstream_unreachable', cannotReach(route, 'connect'), { why: 'given up' });
}

function resolve(route: DialRoute, family: Family): Promise<readonly string[]> {
  const { host } = route.hop;
  if (isIP(host) !== 0) return Promise.resolve([host]);
  if (isLoopback(host)) {
    return Promise.resolve(family === '4' ? ['127.0.0.1'] : family === '6' ? ['::1'] : ['127.0.0.1', '::1']);
  }
  return new Promise((fulfil, reject) => {
    lookup(host, { all: true, verbatim: true }, (error, found) => {
      if (error !== null || found.length === 0) {
        reject(unresolved(route, error?.code));
        return;
      }
      const preferred = found.filter((entry) => family === 'any' || entry.family === Number(family));
      const usable = preferred.length > 0 ? preferred : found;
      fulfil(usable.slice(0, MAX_ADDRESSES).map(({ address }) => address));
    });
  });
}
