import { isIP } from 'node:net';
import { FAR_END_DOWN, nameAddress } from '../../upstream/dial/dial-failure.ts';
import type { Finding } from '../finding.ts';
import { probeTcp } from '../tcp-probe.ts';
import type { Walk } from '../walk-state.ts';
import { isToPlainPage } from './plain-page.ts';

/** A tunnel whose far end refuses closes after a round trip to the other machine. */
const LISTEN_MS = 300;

/**
 * A port of this machine, which may be the near end of an SSH tunnel; what is in order there is not said, and whether
 * anything listens there is for `tcp` to say.
 */
export async function* lookAtSsh(walk: Walk): AsyncGenerator<Finding> {
  if (walk.options.dialTo !== undefined) {
    const { host, port } = await walk.within(walk.options.dialTo(), 'opening the tunnel');
    walk.dialled = [{ address: host, family: isIP(host), port }];
    yield walk.finding('ssh', 'ok', `the tunnel is up, its near end is ${host}:${port}`);
    return;
  }
  // A container's health is asked for all day, by who knows that there is no tunnel.
  if (!walk.isLoopback || walk.proxy !== undefined || isToPlainPage(walk)) return;
  const { port, signal, timeoutMs } = walk;
  const address =
    walk.family === '6' || isIP(walk.host) === 6 ? '::1' : isIP(walk.host) === 4 ? walk.host : '127.0.0.1';
  const outcome = await probeTcp(address, port, { timeoutMs, signal, listenMs: LISTEN_MS });
  const name = nameAddress(address, port);
  const curl = `ssh -N -L ${port}:127.0.0.1:${port} "$SSH_HOST"`;
  const fail = (said: string, remedy: string): Finding => walk.finding('ssh', 'fail', said, { remedy, curl });
  if (outcome.banner.startsWith('SSH-')) {
    yield fail(
      `${name} is an SSH server (${outcome.banner.trim()}), not an MCP server`,
      'The port of the URL must be that of the tunnel, the first number after ssh -L, and not that of ssh itself.',
    );
  } else if (outcome.isClosed) {
    yield fail(`${name} takes connections and closes them at once`, FAR_END_DOWN);
  }
}
