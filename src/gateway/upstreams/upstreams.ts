import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Readiness } from '../readiness.ts';
import { UpstreamServer } from './upstream-server.ts';

/** The MCP servers behind the gateway, by the name under which each is served. */
export class Upstreams {
  #servers: ReadonlyMap<string, UpstreamServer>;

  constructor(options: ResolvedGatewayOptions) {
    this.#servers = serversOf(options);
  }

  /** The one at the root has an empty name. */
  find(name: string): UpstreamServer | undefined {
    return this.#servers.get(name);
  }

  /** For sessions to come. */
  update(options: ResolvedGatewayOptions): void {
    const former = this.#servers;
    this.#servers = serversOf(options, former);
    for (const server of former.values()) void server.close();
  }

  /** Whether every server can be reached. */
  async isReady(): Promise<Readiness> {
    const all = await Promise.all([...this.#servers.values()].map((server) => server.isReady()));
    return all.find(({ isReady }) => !isReady) ?? { isReady: true };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }
}

function serversOf(
  options: ResolvedGatewayOptions,
  former?: ReadonlyMap<string, UpstreamServer>,
): ReadonlyMap<string, UpstreamServer> {
  return new Map(
    [...options.servers].map(([name, server]) => [name, new UpstreamServer(server, options, former?.get(name))]),
  );
}
