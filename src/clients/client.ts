import type { Machine } from './machine.ts';
import type { Entry, ServerToAdd, Way } from './server-entry.ts';

/** An MCP client: where its configuration is, and what an entry in it looks like. */
export interface McpClient {
  /** As on the command line, such as `claude-desktop`. */
  readonly id: string;
  /** As its maker writes it. */
  readonly title: string;
  /** Other names by which it is asked for. */
  readonly aliases: readonly string[];
  /** The ways in which it can reach a server, the better one first for a server of either transport. */
  ways(transport: ServerToAdd['transport']): readonly Way[];
  /**
   * Its files of this machine, the one to write first. A file that is not there yet is named too. Where it is not sure
   * which of several is in use, all are named, and nobody guesses.
   */
  locate(machine: Machine): readonly string[];
  /** Its file of the project in `machine.folder`; undefined for a client without such files. */
  locateProject?(machine: Machine): string;
  /** The entry for this server, the better way where none is named. Throws `usage` for a way that it does not have. */
  describe(server: ServerToAdd, machine: Machine, way?: Way): Entry;
}
