/** Clients that others have written, at the gateway before postgres-mcp. */
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { runInspector } from './inspector.mjs';
import { runPythonClient } from './python-client.mjs';

const SQL = 'select count(*) from main.primitive_events';
const ROWS = "[{'count': 1000}]";

let gateway: GatewayProcess;
beforeAll(async () => {
  gateway = await startGatewayProcess(inject('postgresMcpUrl'));
});
afterAll(() => gateway?.close());

describe.each(['1.30.0', '2.3.0'] as const)('the client of Python’s mcp %s', (version) => {
  it.each([
    ['sse', '/sse'],
    ['http', '/mcp'],
  ] as const)('over %s lists the tools and reads the rows', async (transport, path) => {
    const calls = [['execute_sql', { sql: SQL }]] as const;
    const seen = await runPythonClient(version, transport, gateway.origin + path, gateway.alice, calls);
    expect(seen).toMatchObject({ server: 'postgres-mcp', protocol: '2025-11-25', texts: [ROWS] });
    expect(seen.tools).toHaveLength(9);
  });
});

it('the client of Python’s mcp 2.3.0, left to itself, asks for 2026-07-28 and reads the rows', async () => {
  const calls = [['execute_sql', { sql: SQL }]] as const;
  const seen = await runPythonClient('2.3.0', 'auto', `${gateway.origin}/mcp`, gateway.alice, calls);
  expect(seen).toMatchObject({ server: 'postgres-mcp', texts: [ROWS] });
});

describe('the client of the official SDK’s second version', () => {
  const requestInit = (): { requestInit: RequestInit } => ({ requestInit: { headers: gateway.alice } });
  const connections = {
    SSE: () => new SSEClientTransport(new URL(`${gateway.origin}/sse`), requestInit()),
    'Streamable HTTP': () => new StreamableHTTPClientTransport(new URL(`${gateway.origin}/mcp`), requestInit()),
  };
  const modes = ['legacy', 'auto'] as const;

  it.each(
    modes.flatMap((mode) => (['SSE', 'Streamable HTTP'] as const).map((transport) => ({ mode, transport }))),
  )('in mode $mode over $transport lists the tools and reads the rows', async ({ mode, transport }) => {
    const client = new Client({ name: 'second', version: '1.0.0' }, { versionNegotiation: { mode } });
    await client.connect(connections[transport]());
    expect((await client.listTools()).tools).toHaveLength(9);
    const result = await client.callTool({ name: 'execute_sql', arguments: { sql: SQL } });
    expect(result.content).toEqual([{ type: 'text', text: ROWS }]);
    await client.close();
  });
});

describe('the MCP Inspector’s command line', () => {
  it.each([
    ['sse', '/sse'],
    ['http', '/mcp'],
  ])('over %s lists the tools and reads the rows', async (transport, path) => {
    const reach = [
      gateway.origin + path,
      '--transport',
      transport,
      '--header',
      `Authorization: ${gateway.alice.Authorization}`,
    ];
    const { tools } = await runInspector([...reach, '--method', 'tools/list']);
    expect(tools).toHaveLength(9);
    const call = ['--method', 'tools/call', '--tool-name', 'execute_sql', '--tool-arg', `sql=${SQL}`];
    expect(await runInspector([...reach, ...call])).toMatchObject({ content: [{ type: 'text', text: ROWS }] });
  });

  it('without a key is asked for one', async () => {
    const reach = [`${gateway.origin}/mcp`, '--transport', 'http'];
    await expect(runInspector([...reach, '--method', 'tools/list'])).rejects.toThrow(/auth_required/);
  });
});
