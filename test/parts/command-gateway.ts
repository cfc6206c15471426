/** A gateway in front of a command, with clients; nothing of the command may be left after the test. */
import { afterEach, expect } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { startGateway, type TestGateway } from './gateway-server.ts';
import { connectTo, type TestClient } from './mcp-client.ts';
import { makePidFile, type PidFile, STDIO_SERVER } from './stdio-servers.ts';

export interface CommandGateway {
  gateway: TestGateway;
  pids: PidFile;
  readonly clients: TestClient[];
  /** Starts the gateway, in front of the tests' stdio server unless told otherwise. */
  serve(options?: Omit<GatewayOptions, 'keyFile'>): Promise<void>;
  connect(kind: 'sse' | 'http', headers?: TestGateway['alice']): Promise<TestClient>;
}

/** For the tests of one file; each begins with `serve`. */
export function useCommandGateway(defaults: Omit<GatewayOptions, 'keyFile'> = {}): CommandGateway {
  const stage: CommandGateway = {
    gateway: undefined as unknown as TestGateway,
    pids: undefined as unknown as PidFile,
    clients: [],
    serve: async (options = {}) => {
      stage.pids = makePidFile();
      const environment = { PATH: process.env['PATH'] ?? '', PIDS: stage.pids.PIDS, ...options.environment };
      stage.gateway = await startGateway({ command: STDIO_SERVER, ...defaults, ...options, environment });
    },
    connect: async (kind, headers = stage.gateway.alice) => {
      const client = await connectTo(kind, stage.gateway.origin, headers);
      stage.clients.push(client);
      return client;
    },
  };
  afterEach(async () => {
    for (const client of stage.clients.splice(0)) await client.close().catch(() => {});
    await stage.gateway.close();
    expect(stage.pids.alive()).toEqual([]);
  });
  return stage;
}
