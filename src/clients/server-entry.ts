/** The server that a client is to be given. */
export interface ServerToAdd {
  /** Under which the client shows it: letters, digits, `-` and `_`. */
  readonly name: string;
  /** Of the MCP server or gateway, such as `https://db.example.com/mcp`. */
  readonly url: URL;
  /** Whether `url` speaks legacy SSE or Streamable HTTP. */
  readonly transport: 'sse' | 'http';
  /** The variable that holds the bearer credential; never the credential itself, unless it was given. */
  readonly token?: { readonly variable: string; readonly value?: string };
}

/** How a client reaches a server: by a bridge that it starts, or by itself. */
export type Way = 'bridge' | 'direct';

/** One value of an entry; the order of members is that in which they are written. */
export type EntryValue = string | number | boolean | readonly EntryValue[] | { readonly [name: string]: EntryValue };

/** What stands in a client's file, and where. */
export interface Entry {
  readonly format: 'json' | 'toml' | 'yaml';
  /** Where in the file, such as `['mcpServers', 'postgres']`. */
  readonly path: readonly string[];
  readonly value: EntryValue;
  /** Text to show beside it: what to set, what to restart. */
  readonly notes: readonly string[];
}
