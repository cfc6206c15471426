/** A request as an authenticator sees it, without a gateway around it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { RequestContext } from '../../src/gateway/request-context.ts';

export function bareContext(
  headers: Readonly<Record<string, string>> = {},
  more: Partial<RequestContext> = {},
): RequestContext {
  return {
    req: { headers, socket: new Socket() } as unknown as IncomingMessage,
    res: {} as ServerResponse,
    route: 'mcp',
    server: undefined,
    mountPath: '',
    query: '',
    pathKey: undefined,
    startedAt: 0,
    generation: 0,
    address: '192.0.2.1',
    scheme: 'http',
    headers: [],
    principal: undefined,
    body: undefined,
    message: undefined,
    era: 'legacy',
    tool: undefined,
    session: undefined,
    ...more,
  };
}
