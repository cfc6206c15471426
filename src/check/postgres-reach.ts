import { connect, type Socket } from 'node:net';
import { bracketed, isLoopbackAddress, nameAddress } from '../upstream/dial/dial-failure.ts';
import type { Family } from '../upstream/dial/dial-route.ts';
import { isLoopback } from '../upstream/dial/loopback.ts';
import type { Finding } from './finding.ts';
import type { PostgresTarget } from './postgres-url.ts';

export interface CheckPostgresOptions {
  /** All addresses are tried; the conversation goes on over one of this family where there is one. */
  readonly family: Family;
  /** For each step: a connection, a handshake, an answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** An address that answered, and the connection to it. */
export interface Reached {
  readonly socket: Socket;
  readonly address: string;
}

/** TCP to each; the first of the family that is wanted, or else the first, is kept open. */
export async function* reachEach(
  target: PostgresTarget,
  addresses: readonly string[],
  options: CheckPostgresOptions,
): AsyncGenerator<Finding, Reached | undefined> {
  const failures: { readonly address: string; readonly code: string }[] = [];
  let reached: Reached | undefined;
  for (const address of addresses) {
    const begun = performance.now();
    const outcome = await open(address, target.port, options);
    const where = nameAddress(address, target.port);
    if ('socket' in outcome) {
      yield { hop: 'tcp', verdict: 'ok', said: `${where} in ${Math.round(performance.now() - begun)} ms` };
      if (reached === undefined) reached = outcome;
      else outcome.socket.destroy();
    } else failures.push({ address, code: outcome.code });
  }
  for (const { address, code } of failures) {
    const found = refusal(target, address, code, reached !== undefined);
    yield reached === undefined || found.verdict === 'skip' ? found : { ...found, verdict: 'warn' };
  }
  return reached;
}

function open(
  address: string,
  port: number,
  { timeoutMs, signal }: CheckPostgresOptions,
): Promise<Reached | { readonly code: string }> {
  return new Promise((fulfil) => {
    const socket = connect({ host: address, port, noDelay: true });
    const finish = (outcome: Reached | { readonly code: string }): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (!('socket' in outcome)) socket.destroy();
      fulfil(outcome);
    };
    const abort = (): void => finish({ code: 'given up' });
    const timer = setTimeout(() => finish({ code: 'ETIMEDOUT' }), timeoutMs);
    socket.on('error', (error: NodeJS.ErrnoException) => finish({ code: error.code ?? error.message }));
    socket.once('connect', () => finish({ socket, address }));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
}

function refusal({ host, port }: PostgresTarget, address: string, code: string, isReached: boolean): Finding {
  const where = nameAddress(address, port);
  const isTrap = isLoopback(host) && address === '::1';
  if (isTrap && /^E(ADDRNOTAVAIL|NETUNREACH|AFNOSUPPORT|HOSTUNREACH)$/.test(code)) {
    return { hop: 'tcp', verdict: 'skip', said: `${where}: this machine has no IPv6` };
  }
  return {
    hop: 'tcp',
    verdict: 'fail',
    said: `${where}: ${code}`,
    remedy:
      isTrap && isReached
        ? 'Programs that take localhost for ::1 fail here: write 127.0.0.1 for them.'
        : remedyForConnect(address, port, code),
    curl: `nc -vz ${address} ${port}  # Windows: Test-NetConnection ${address} -Port ${port}`,
  };
}

function remedyForConnect(address: string, port: number, code: string): string {
  if (code === 'ECONNREFUSED' && isLoopbackAddress(address)) {
    return `Nothing listens on ${bracketed(address)}:${port}. Is PostgreSQL running, or the tunnel up? ssh -N -L ${port}:127.0.0.1:5432 user@host opens one.`;
  }
  if (code === 'ECONNREFUSED') {
    return "The machine is there, but nothing listens on this port: listen_addresses of PostgreSQL may be 'localhost', which a tunnel (ssh -L) reaches.";
  }
  if (code === 'ETIMEDOUT')
    return 'No answer came: a firewall drops what is sent, or the VPN is off. A tunnel (ssh -L) goes through SSH’s port.';
  return 'This machine has no way there: is it online, and the VPN on?';
}
