import { StatelessDownstream } from '../../downstream/stateless.ts';
import { DrawbridgeError } from '../../errors.ts';
import { intercept } from '../../relay/intercept.ts';
import { join } from '../../relay/relay.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { hideInternals, withoutInternals } from '../public-error.ts';
import type { RequestContext } from '../request-context.ts';
import type { ToolRules } from '../tool-rules.ts';
import type { StatelessRequest, StatelessTable } from './stateless-table.ts';

/** The method of a request whose answer is a stream of notifications (MCP 2026-07-28). */
export const LISTEN = 'subscriptions/listen';

/**
 * Serves one modern POST: a relay for this one message, which is over with its response. Rejects with a DrawbridgeError
 * where the response must still be written.
 */
export async function serveStateless(
  context: RequestContext,
  options: ResolvedGatewayOptions,
  table: StatelessTable,
  tools: ToolRules,
): Promise<void> {
  const { res, headers, message, principal, server, address, generation } = context;
  if (message === undefined) throw new DrawbridgeError('invalid_request', 'the body is missing');
  if (principal === undefined || server === undefined)
    throw new DrawbridgeError('internal', 'a request was admitted of nobody, or to no server');
  if (res.destroyed) return;
  const { logger, stallTimeoutMs } = options;
  const downstream = new StatelessDownstream(res, { headers, stallTimeoutMs, describeError: withoutInternals });
  const request: StatelessRequest = {
    principal,
    server,
    address,
    generation,
    downstream,
    isSubscription: message.method === LISTEN,
    openedAt: performance.now(),
    relay: undefined,
    endingSince: undefined,
  };
  table.checkRoom(principal.id);
  const upstream = intercept(server.connectStateless(context), tools.interceptFor(request));
  const onEnd = table.add(request);
  request.relay = join(intercept(downstream, hideInternals), upstream, { logger, maxPending: 1, onEnd });
  await request.relay.ready;
  await downstream.receive(message);
  if (message.kind === 'request' || res.destroyed) return;
  res.writeHead(202, ['Content-Length', '0', ...headers]);
  res.end();
}
