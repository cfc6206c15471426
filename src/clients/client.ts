import type { Machine } from './machine.ts';
import type { Entry, ServerToAdd, Way } from './server-entry.ts';

/** An MCP client: where its configuration is, and what an entry in it looks like. */
export interface McpClient {
  /** As on the command line, such as `claude-desktop`. */
  readonly id: string;
  /** As its maker writes it. */
  readonly title: string;
  /** Other names by which it is asked for. */
  readonly aliases?: readonly string[];
  /**
   * Its files of this machine, the one to write first. A file that is not there yet is named too. Several candidates
   * of which none is surely in use are all named: nobody guesses then.
   */
  locate(machine: Machine): readonly string[];
  /** The way that suits it best for this server, and the entry for it. */
  describe(server: ServerToAdd, machine: Machine, way?: Way): Entry;
}
