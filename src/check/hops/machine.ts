import { proxyFor } from '../../upstream/dial/proxy-route.ts';
import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';

/** The oldest Node.js that this package runs on. */
const OLDEST_NODE = 20;

/** The machine that the walk begins on: its Node.js, and the proxies that its environment names. */
export async function* lookAtMachine(walk: Walk): AsyncGenerator<Finding> {
  const { nodeVersion, proxyVariables = [] } = walk.options.facts;
  const proxies =
    proxyVariables.length === 0 ? 'no proxy is set' : `${proxyVariables.join(', ')} set, ${inForce(walk)}`;
  const said = `Node.js ${nodeVersion}; ${proxies}`;
  if (Number.parseInt(nodeVersion, 10) < OLDEST_NODE) {
    const remedy = `Install Node.js ${OLDEST_NODE} or later from https://nodejs.org`;
    yield walk.finding('machine', 'fail', said, { remedy });
  } else yield walk.finding('machine', 'ok', said);
}

function inForce(walk: Walk): string {
  const { url, isLoopback, proxy } = walk;
  if (proxy !== undefined) return `in force for ${walk.host}`;
  if (isLoopback) return 'not in force for this machine itself';
  if (walk.options.dialTo !== undefined) return 'not in force within a tunnel';
  const { noProxy, ...rest } = walk.options.proxy ?? {};
  if (noProxy !== undefined && proxyFor(url, rest) !== undefined) return `NO_PROXY covers ${walk.host}`;
  return `none of them for ${url.protocol}//`;
}
