import { bracketed } from '../../upstream/dial/dial-failure.ts';
import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';

/** The HTTP proxy on the way, where there is one; whether it lets the server through is seen with TLS or HTTP. */
export async function* lookAtProxy(walk: Walk): AsyncGenerator<Finding> {
  const { proxy, isTls } = walk;
  if (proxy === undefined) return;
  const how = isTls ? 'asked for a way through (CONNECT)' : 'given every request';
  const who = proxy.authorization === undefined ? '' : ', with user and password';
  const said = `the proxy ${bracketed(proxy.host)}:${proxy.port} is ${how}${who}`;
  yield walk.finding('proxy', 'ok', said);
}
