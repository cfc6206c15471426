import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { bracketed, nameAddress } from '../../upstream/dial/dial-failure.ts';
import type { Finding } from '../finding.ts';
import { probeTcp, type TcpOutcome } from '../tcp-probe.ts';
import type { DialledAddress, Walk } from '../walk-state.ts';

interface Probed extends DialledAddress {
  readonly outcome: TcpOutcome;
}

/** By these a machine says that it has no way to a whole family. */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'ENETDOWN', 'EAFNOSUPPORT']);

/** A TCP connection to each address, a finding for each family. */
export async function* lookAtTcp(walk: Walk): AsyncGenerator<Finding> {
  const { timeoutMs, signal } = walk;
  const probed = await Promise.all(
    (await dialled(walk)).map(async (entry): Promise<Probed> => {
      return { ...entry, outcome: await probeTcp(entry.address, entry.port, { timeoutMs, signal }) };
    }),
  );
  const four = probed.filter(({ family }) => family === 4);
  const six = probed.filter(({ family }) => family === 6);
  const [first, second] = walk.family === '6' ? [six, four] : [four, six];
  // A family is preferred; the other is used where the preferred one has no address.
  const used = walk.family === 'any' ? probed : first.length > 0 ? first : second;
  const other = used === first ? second : [];
  const works = used.some(isOpen);
  walk.openAddress = used.find(isOpen);
  walk.isConnected = works;
  if (!works && mayBeTunnel(walk)) {
    yield await judgeLoopback(walk, used);
    return;
  }
  if (walk.family === 'any') {
    for (const group of [four, six]) if (group.length > 0) yield judge(walk, group, works, !works);
    return;
  }
  yield judge(walk, used, works, !works);
  if (other.length > 0) yield judge(walk, other, works, false);
}

function judge(walk: Walk, group: readonly Probed[], works: boolean, isFatal: boolean): Finding {
  const said = group.map(describe).join('; ');
  const family = group[0]?.family === 6 ? 6 : 4;
  const curl = walk.proxy === undefined ? walk.curl({ family }) : walk.curl();
  if (group.some(isOpen)) return walk.finding('tcp', 'ok', said, { curl });
  if (isFatal) return walk.finding('tcp', 'fail', said, { remedy: remedyFor(walk, group), curl });
  // Nothing is lost where this machine has no such network, or nothing listens for it on this machine.
  const isHarmless = walk.isLoopback || !works || group.every(({ outcome }) => NO_WAY.has(outcome.code ?? ''));
  if (isHarmless) return walk.finding('tcp', 'ok', `${said}; not needed`, { curl });
  const remedy = `Clients that try IPv${family} first fail there or wait. Open the port for IPv${family} too, or take the name's ${family === 6 ? 'AAAA' : 'A'} record away.`;
  return walk.finding('tcp', 'warn', said, { remedy, curl });
}

/** A port of this machine as the URL names it; what listens there may be a tunnel. */
function mayBeTunnel(walk: Walk): boolean {
  return walk.isLoopback && walk.isDirect;
}

/** Nothing listens where the URL leads on this machine; whether it does for the other family is the first thing to know. */
async function judgeLoopback(walk: Walk, used: readonly Probed[]): Promise<Finding> {
  const { port, host, signal, timeoutMs } = walk;
  const said = used.map(describe).join('; ');
  const curl = walk.curl();
  const other = ['127.0.0.1', '::1'].find((address) => used.every((entry) => entry.family !== isIP(address)));
  if (other !== undefined && (await probeTcp(other, port, { timeoutMs, signal })).code === undefined) {
    const take = isIP(host) === 0 ? `--family ${isIP(other)}` : `${bracketed(other)} in the URL`;
    const own = used[0]?.address ?? host;
    const remedy = `Take ${take}, or let the server listen on ${own}; a tunnel does with ssh -L ${bracketed(own)}:${port}:127.0.0.1:${port}.`;
    return walk.finding('tcp', 'fail', `${said}; only ${nameAddress(other, port)} is listened on`, { remedy, curl });
  }
  const isRefused = used.some(({ outcome }) => outcome.code === 'ECONNREFUSED');
  const remedy = isRefused
    ? `Nothing listens there. Is the MCP server running? If an SSH tunnel should lead there, it is down: ssh -N -L ${port}:127.0.0.1:PORT USER@HOST opens it, and --ssh of the bridge keeps one up.`
    : remedyFor(walk, used);
  return walk.finding('tcp', 'fail', said, { remedy, curl });
}

function isOpen({ outcome }: Probed): boolean {
  return outcome.code === undefined;
}

function describe({ address, port, outcome }: Probed): string {
  const name = nameAddress(address, port);
  return outcome.code === undefined ? `${name} in ${outcome.ms} ms` : `${name} ${outcome.code} after ${outcome.ms} ms`;
}

function remedyFor(walk: Walk, group: readonly Probed[]): string {
  if (walk.proxy !== undefined) {
    return 'Is the proxy running? HTTP_PROXY and HTTPS_PROXY name it; NO_PROXY names servers that are reached without it.';
  }
  if (walk.dialled !== undefined) return 'The near end of the tunnel is down: is ssh still running?';
  const codes = new Set(group.map(({ outcome }) => outcome.code));
  if (codes.has('ECONNREFUSED')) {
    return 'The machine is there, but nothing listens on this port. Is the MCP server running, and not on 127.0.0.1 alone?';
  }
  if (codes.has('ETIMEDOUT')) return 'No answer came. A firewall may drop what is sent, or the VPN is off.';
  return 'This machine has no way there. Is it online, and the VPN on?';
}

/** Where connections go: to the proxy, the near end of the tunnel, or the server itself. */
async function dialled(walk: Walk): Promise<readonly DialledAddress[]> {
  const { proxy, port, host } = walk;
  if (walk.dialled !== undefined) return walk.dialled;
  if (proxy === undefined) {
    const found = isIP(host) === 0 ? walk.addresses : [{ address: host, family: isIP(host) }];
    return found.map((entry) => ({ ...entry, port }));
  }
  const found =
    isIP(proxy.host) === 0
      ? await walk.within(lookup(proxy.host, { all: true, verbatim: true }), `looking up the proxy ${proxy.host}`)
      : [{ address: proxy.host, family: isIP(proxy.host) }];
  return found.map((entry) => ({ ...entry, port: proxy.port }));
}
