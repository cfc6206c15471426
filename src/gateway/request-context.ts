import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Message } from '../message/message.ts';
import type { Session } from './session-table.ts';

/** Who sent a request, as an authenticator found out. */
export interface Principal {
  readonly id: string;
  readonly method: 'key' | 'none';
  readonly scopes: readonly string[];
}

/** What a path serves; `other` is everything that is not MCP. */
export type Route = 'sse-stream' | 'sse-message' | 'mcp' | 'other';

/** One request on its way through the policies, each of which may fill in what it found out. */
export interface RequestContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly route: Route;
  /** The path under which the gateway is mounted; empty for a server of its own. */
  readonly mountPath: string;
  /** The query string, without its question mark. */
  readonly query: string;
  /** The peer's address, with an IPv4-mapped one written as IPv4. */
  readonly address: string;
  /** Headers that every answer to this request carries, as a flat list of names and values. */
  headers: readonly string[];
  principal: Principal | undefined;
  body: Buffer | undefined;
  message: Message | undefined;
  session: Session | undefined;
}
