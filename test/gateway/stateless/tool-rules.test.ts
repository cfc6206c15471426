/** Tools that a principal may not call: hidden and refused in each era, whichever era the server is of. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { connectHttp } from '../../parts/mcp-client.ts';
import { startMcpServer } from '../../parts/mcp-server.ts';
import { startModernServer } from '../../parts/modern-server.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** What both kinds of clients have in common here. */
interface ToolClient {
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
}

async function startServer(era: 'modern' | 'legacy'): Promise<string> {
  if (era === 'modern') {
    const server = await startModernServer();
    open.push(server);
    return server.url;
  }
  const server = await startMcpServer({ transports: ['http'] });
  open.push({ close: () => server.kill() });
  return server.httpUrl;
}

async function connect(era: 'modern' | 'legacy', gateway: TestGateway): Promise<ToolClient> {
  const url = new URL('/mcp', gateway.origin);
  if (era === 'legacy') {
    const { client, close } = await connectHttp(url.href, gateway.alice);
    open.push({ close });
    return client as unknown as ToolClient;
  }
  const client = new Client({ name: 'c', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: gateway.alice } }));
  open.push(client);
  return client as unknown as ToolClient;
}

it.each([
  ['modern', 'modern'],
  ['modern', 'legacy'],
  ['legacy', 'modern'],
  ['legacy', 'legacy'],
] as const)('a %s client of a %s server sees and calls only what it may', async (clientEra, serverEra) => {
  const upstream = await startServer(serverEra);
  const gateway = await startGateway({ upstream, translateModern: true }, { alice: { tools: { deny: ['progress'] } } });
  open.push(gateway);
  const client = await connect(clientEra, gateway);
  const names = (await client.listTools()).tools.map(({ name }) => name);
  expect(names).toContain('echo');
  expect(names).not.toContain('progress');
  await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
  await expect(client.callTool({ name: 'progress', arguments: {} })).rejects.toThrow(/not available/);
});
