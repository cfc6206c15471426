/** The server that a client is to be given. */
export interface ServerToAdd {
  /** Under which the client shows it: letters, digits, `-` and `_`. */
  readonly name: string;
  /** Of the MCP server or gateway, such as `https://db.example.com/mcp`. */
  readonly url: URL;
  /** Whether `url` speaks legacy SSE or Streamable HTTP. */
  readonly transport: 'sse' | 'http';
  /**
   * The bearer credential. Clients that can read a variable are given its name; in an entry for the others stands the
   * value, or the name in the place where the value belongs.
   */
  readonly token?: { readonly variable: string; readonly value?: string };
}

/** How a client reaches a server: by a bridge that it starts, or by itself. */
export type Way = 'bridge' | 'direct';

/** One value of an entry; the order of members is that in which they are written. */
export type EntryValue =
  | string
  | number
  | boolean
  | null
  | readonly EntryValue[]
  | { readonly [name: string]: EntryValue };

/** A value, and where it belongs in a file, such as `['mcpServers', 'postgres']`. */
export interface Placed {
  readonly path: readonly string[];
  readonly value: EntryValue;
  /** The path leads to a list, of which the value becomes the member whose `id` or `name` this is. */
  readonly member?: { readonly key: string; readonly is: string };
}

/** What stands in a client's file for one server. */
export interface Entry extends Placed {
  readonly format: 'json' | 'toml' | 'yaml';
  readonly way: Way;
  /** What else the file needs for it, such as the question for a secret; kept when the entry is removed. */
  readonly also?: readonly Placed[];
  /** Text to show beside it: what to set, what to restart. */
  readonly notes: readonly string[];
}
