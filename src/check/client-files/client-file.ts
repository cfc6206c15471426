import type { McpClient } from '../../clients/client.ts';
import type { Machine } from '../../clients/machine.ts';
import type { Finding } from '../finding.ts';

/** A machine whose files can be read. */
export interface ReadableMachine extends Machine {
  /** The bytes of a file; throws what the system says where it cannot be read. */
  readFile(path: string): Buffer;
  /** Whether its mode lets other users read it; never on Windows, where modes do not say. */
  isReadByOthers(path: string): boolean;
}

/** One file of one client, parsed. */
export interface ClientFile {
  readonly client: McpClient;
  readonly path: string;
  readonly text: string;
  readonly hasBom: boolean;
  readonly content: unknown;
  /** The line, from 1, of what stands at a path of keys; undefined where that is not known. */
  lineOf(path: readonly (string | number)[]): number | undefined;
}

/** An entry for one MCP server, in the words of every client alike. */
export interface FoundServer {
  readonly client: McpClient;
  readonly file: ClientFile;
  readonly name: string;
  readonly line: number | undefined;
  /** What it starts; undefined for one that is reached. */
  readonly command: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The key that holds the URL, and the URL as it is written. */
  readonly address: { readonly key: string; readonly text: string } | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly type: string | undefined;
}

/** What is wrong with an entry or file, without saying where; the caller knows. */
export type Problem = Pick<Finding, 'said'> & { readonly verdict: 'warn' | 'fail'; readonly remedy: string };

export type EntryRule = (server: FoundServer, machine: ReadableMachine) => Problem | undefined;

export function warning(said: string, remedy: string): Problem {
  return { verdict: 'warn', said, remedy };
}

export function failure(said: string, remedy: string): Problem {
  return { verdict: 'fail', said, remedy };
}

/** The URL of the server, be it reached or handed to a program as an argument; undefined where there is none. */
export function urlOf({ address, args }: FoundServer): URL | undefined {
  const text = address?.text ?? args.find((arg) => /^https?:\/\//i.test(arg));
  return text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
}

/** Whether the URL or its type is of legacy SSE. */
export function isSse(server: FoundServer): boolean {
  return server.type === 'sse' || (server.type === undefined && /\/sse\/?$/.test(urlOf(server)?.pathname ?? ''));
}
