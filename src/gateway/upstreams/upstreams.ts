import { WaitingCalls } from '../../translation/waiting-calls.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { CommandServer } from './command-server.ts';
import { CommandSlots } from './command-starts.ts';
import type { McpServer } from './mcp-server.ts';
import type { Readiness } from './readiness.ts';
import type { ResolvedServer } from './server-options.ts';
import { UrlServer } from './url-server.ts';

/** How long a call waits for a client that was asked something, which may have to ask a person. */
const INPUT_WAIT_MS = 5 * 60_000;

/** The MCP servers behind the gateway, by the name under which each is served. */
export class Upstreams {
  #servers: ReadonlyMap<string, McpServer>;
  readonly #slots: CommandSlots;
  /** By server: a call that waits for its client goes on whatever the settings become. */
  readonly #waiting = new Map<string, WaitingCalls>();

  constructor(options: ResolvedGatewayOptions) {
    this.#slots = new CommandSlots(options.maxCommands);
    this.#servers = this.#create(options);
  }

  /** The one at the root has an empty name. */
  find(name: string): McpServer | undefined {
    return this.#servers.get(name);
  }

  /** For sessions to come. */
  update(options: ResolvedGatewayOptions): void {
    const former = this.#servers;
    this.#slots.limit = options.maxCommands;
    this.#servers = this.#create(options, former);
    for (const server of former.values()) void server.close();
  }

  /** Whether every server can be reached. */
  async isReady(): Promise<Readiness> {
    const all = await Promise.all([...this.#servers.values()].map((server) => server.isReady()));
    return all.find(({ isReady }) => !isReady) ?? { isReady: true };
  }

  async close(): Promise<void> {
    for (const waiting of this.#waiting.values()) waiting.close();
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }

  #create(
    options: ResolvedGatewayOptions,
    former: ReadonlyMap<string, McpServer> = new Map(),
  ): ReadonlyMap<string, McpServer> {
    const create = (server: ResolvedServer): McpServer => {
      const waiting = this.#waiting.get(server.name) ?? new WaitingCalls({ waitMs: INPUT_WAIT_MS });
      this.#waiting.set(server.name, waiting);
      if (server.command !== undefined)
        return new CommandServer(server.name, server.command, options, this.#slots, waiting);
      const before = former.get(server.name);
      return new UrlServer(server, options, waiting, before instanceof UrlServer ? before : undefined);
    };
    return new Map([...options.servers].map(([name, server]) => [name, create(server)]));
  }
}
