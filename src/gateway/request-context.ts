import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Era } from '../message/era.ts';
import type { Message } from '../message/message.ts';
import type { Rate } from './limits/rate.ts';
import type { Session } from './sessions/session-table.ts';
import type { McpServer } from './upstreams/mcp-server.ts';

/** Who sent a request, as an authenticator found out. */
export interface Principal {
  /** Unique among all methods: a name, and for others than keys its method before it, such as `basic:alice`. */
  readonly id: string;
  readonly method: 'key' | 'basic' | 'jwt' | 'mtls' | 'none';
  readonly scopes: readonly string[];
  /** When the credential ends by itself, in milliseconds since 1970; undefined where it does not. */
  readonly expiresAt?: number;
  /** Tool names, `*` for any characters; undefined where every tool may be called. */
  readonly tools?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  /** In place of the gateway's own. */
  readonly limitCalls?: Rate;
  /** Whether the credential would still let this principal in: its key is not revoked, its password is the same. */
  isCurrent(): boolean;
}

/** What a path serves; `other` is everything that is not MCP. */
export type Route = 'sse-stream' | 'sse-message' | 'mcp' | 'other';

/** One request on its way through the policies, each of which may fill in what it found out. */
export interface RequestContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly route: Route;
  /** The MCP server that the path names; undefined for `other`. */
  readonly server: McpServer | undefined;
  /** The path under which the gateway is mounted; empty for a server of its own. */
  readonly mountPath: string;
  /** The query string, without its question mark. */
  readonly query: string;
  /** A key that stood in the path (`/t/<key>/sse`), undefined where none did. */
  readonly pathKey: string | undefined;
  /** When the request came, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** Which generation of authenticators judges it. */
  readonly generation: number;
  /** The client's canonical address: the peer's, or what a trusted proxy says. Empty for a peer without one. */
  address: string;
  /** How the client reached us, or the trusted proxy in front of us. */
  scheme: 'http' | 'https';
  /** Headers that every answer to this request carries, as a flat list of names and values. */
  headers: readonly string[];
  principal: Principal | undefined;
  body: Buffer | undefined;
  message: Message | undefined;
  /** Legacy until the body of a POST to /mcp was looked at. */
  era: Era;
  /** The name of the tool that a `tools/call` is for. */
  tool: string | undefined;
  session: Session | undefined;
}
