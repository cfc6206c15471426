import { toDrawbridgeError } from '../errors.ts';
import { type Finding, HOPS, type Hop } from './finding.ts';
import { lookAtCors } from './hops/cors.ts';
import { lookAtDns } from './hops/dns.ts';
import { lookAtFirstResponse } from './hops/first-response.ts';
import { lookAtHandshake } from './hops/handshake.ts';
import { lookAtHeartbeat } from './hops/heartbeat.ts';
import { lookAtHost } from './hops/host.ts';
import { lookAtMachine } from './hops/machine.ts';
import { lookAtProxy } from './hops/proxy.ts';
import { lookAtSsh } from './hops/ssh.ts';
import { lookAtStream } from './hops/stream.ts';
import { lookAtTcp } from './hops/tcp.ts';
import { lookAtTls } from './hops/tls.ts';
import { lookAtPing, lookAtTools } from './hops/tools.ts';
import type { WalkOptions } from './walk-options.ts';
import { Walk } from './walk-state.ts';

interface Step {
  /** The first hop that it tells of. */
  readonly hop: Hop;
  /**
   * What must be in order before it: nothing that failed on the `way` to the session, a server that has `answered`, or a
   * `session` with it.
   */
  readonly needs: 'nothing' | 'way' | 'answered' | 'session';
  look(walk: Walk): AsyncGenerator<Finding>;
}

/** In the order of HOPS. */
const STEPS: readonly Step[] = [
  { hop: 'machine', needs: 'nothing', look: lookAtMachine },
  { hop: 'dns', needs: 'way', look: lookAtDns },
  { hop: 'ssh', needs: 'way', look: lookAtSsh },
  { hop: 'proxy', needs: 'way', look: lookAtProxy },
  { hop: 'tcp', needs: 'way', look: lookAtTcp },
  { hop: 'tls', needs: 'way', look: lookAtTls },
  { hop: 'clock', needs: 'way', look: lookAtFirstResponse },
  { hop: 'stream', needs: 'way', look: lookAtStream },
  { hop: 'post', needs: 'way', look: lookAtHandshake },
  { hop: 'tools', needs: 'session', look: lookAtTools },
  { hop: 'ping', needs: 'session', look: lookAtPing },
  { hop: 'heartbeat', needs: 'session', look: lookAtHeartbeat },
  { hop: 'cors', needs: 'answered', look: lookAtCors },
  { hop: 'host', needs: 'answered', look: lookAtHost },
];

/** A step that tells of several hops and throws has failed at the last of them. */
const FAILS_AS: Partial<Record<Hop, Hop>> = { clock: 'http', post: 'initialize' };

/**
 * Walks to an MCP server hop by hop and tells of each what was found, as soon as it is known. A hop that fails is the
 * last of the way: what depends on it is not said at all; `skip` is for what was left out for another reason. CORS and
 * Host are looked at of every server that answered. What the walk opens, a session among it, is ended when it ends,
 * also by `return` and by the signal, which ends it at once. Every wait has the bound of a hop. No finding holds a
 * secret. Throws `config` for headers, proxies and certificates that cannot be used.
 */
export async function* walkServer(options: WalkOptions): AsyncGenerator<Finding> {
  const walk = new Walk(options);
  const last = options.until === undefined ? HOPS.length : HOPS.indexOf(options.until);
  let isBroken = false;
  try {
    for (const step of STEPS) {
      if (HOPS.indexOf(step.hop) > last) return;
      const isMissing = {
        nothing: false,
        way: isBroken,
        answered: !walk.isAnswered,
        session: walk.initialized === undefined,
      };
      if (isMissing[step.needs]) continue;
      for await (const finding of findingsOf(step, walk)) {
        if (HOPS.indexOf(finding.hop) > last) return;
        isBroken ||= finding.verdict === 'fail' && step.needs === 'way';
        yield walk.clean(finding);
      }
      if (walk.signal.aborted) return;
    }
  } finally {
    await walk.close();
  }
}

async function* findingsOf({ hop, look }: Step, walk: Walk): AsyncGenerator<Finding> {
  try {
    yield* look(walk);
  } catch (thrown) {
    const error = toDrawbridgeError(thrown);
    if (error.code === 'config') throw error;
    const curl = HOPS.indexOf(hop) < HOPS.indexOf('clock') ? undefined : walk.curl();
    if (!walk.signal.aborted) yield walk.failure(FAILS_AS[hop] ?? hop, error, curl);
  }
}
