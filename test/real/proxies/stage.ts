/** What stands behind a proxy: the built gateway, started as the file's comment says, in front of real MCP servers. */

import { createFeatureServer } from '../../parts/feature-server.mjs';
import { writeKeyFile } from '../../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { type ModernServer, startModernServer } from '../../parts/modern-server.ts';
import { type CliProcess, startCli } from '../../parts/run-cli.ts';
import { findFreePort } from '../free-port.mjs';
import { gatewayArgsOf, type Replacement } from './shipped-file.ts';

export interface Stage {
  readonly gatewayPort: number;
  /** Of the official SDK, behind the gateway's /legacy over SSE and its /streamable over Streamable HTTP. */
  readonly features: TestMcpServer;
  /** Behind /modern. */
  readonly modern: ModernServer;
  readonly alice: { readonly Authorization: string };
  /** All that the gateway has logged since it was started. */
  log(): string;
  /** Starts it, after `stopGateway`, on the same port. */
  startGateway(): Promise<void>;
  stopGateway(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the gateway with the arguments in the comment of this text, behind its root `rootUrl`. Only the server's URL, the
 * key file and the port are others than there.
 */
export async function startStage(text: string, rootUrl: string): Promise<Stage> {
  const features = await startMcpServer({ createSession: createFeatureServer });
  const modern = await startModernServer();
  const { path, keys, remove } = writeKeyFile(['alice']);
  const gatewayPort = await findFreePort();
  const upstreams = {
    legacy: { upstream: features.sseUrl, upstreamTransport: 'sse' },
    streamable: { upstream: features.httpUrl, upstreamTransport: 'http' },
    modern: { upstream: modern.url },
  };
  const args = [
    ...replaceArgs(gatewayArgsOf(text), [
      { from: 'http://127.0.0.1:8000/sse', to: rootUrl },
      { from: 'keys.json', to: path },
    ]),
    ...['--port', String(gatewayPort), '--upstreams', JSON.stringify(upstreams)],
  ];
  let gateway: CliProcess;
  const startGateway = async (): Promise<void> => {
    gateway = startCli(['gateway', ...args]);
    await gateway.logged(/listening on/, 20_000);
  };
  const stopGateway = async (): Promise<void> => {
    gateway.child.kill('SIGTERM');
    await gateway.exited(15_000);
  };
  await startGateway();
  return {
    gatewayPort,
    features,
    modern,
    alice: { Authorization: `Bearer ${keys['alice']}` },
    log: () => gateway.stderr,
    startGateway,
    stopGateway,
    close: async () => {
      await stopGateway();
      await features.kill();
      await modern.close();
      remove();
    },
  };
}

/** Throws where one of the arguments is not there. */
function replaceArgs(args: readonly string[], replacements: readonly Replacement[]): string[] {
  for (const { from } of replacements)
    if (!args.includes(from)) throw new Error(`${from} is no argument of the gateway in the comment`);
  return args.map((arg) => replacements.find(({ from }) => from === arg)?.to ?? arg);
}
