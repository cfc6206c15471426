import type { Transport } from '../../relay/transport.ts';
import type { RequestContext } from '../request-context.ts';
import type { Readiness } from './readiness.ts';

/** One MCP server behind the gateway, as sessions come to it. */
export interface McpServer {
  /** The segment of the path under which it is served; empty where it is served at the root. */
  readonly name: string;
  /** Whether sessions can be opened, as far as that is known without opening one. */
  isReady(): Promise<Readiness>;
  /** A transport for a session of its own, not started yet. */
  connect(context: RequestContext): Transport;
  /** A transport for one request of the modern era, which has no session; not started yet. */
  connectStateless(context: RequestContext): Transport;
  /** Gives back what it holds; sessions that are open keep their transports. */
  close(): Promise<void>;
}
