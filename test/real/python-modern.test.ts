/** Requests of 2026-07-28 through the gateway to a server of Python's `mcp` 2.x, which is not of the SDK's making. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { JSON_HEADERS, send } from '../parts/raw-http.ts';
import { connectionCount } from './connection-count.ts';
import { runPythonClient } from './python-client.mjs';
import { type PythonMcpServer, startPythonMcpServer } from './python-mcp-server.mjs';

const TOOLS = ['echo', 'progress', 'slow', 'ask'];
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

let server: PythonMcpServer;
let gateway: GatewayProcess;
const clients: Client[] = [];
beforeAll(async () => {
  server = await startPythonMcpServer('streamable-http');
  gateway = await startGatewayProcess(server.url);
});
afterAll(async () => {
  await gateway?.close();
  await server?.stop();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function connect(): Promise<Client> {
  const client = new Client(
    { name: 'modern', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: { elicitation: { form: {} } } },
  );
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { colour: 'blue' } }));
  clients.push(client);
  const url = new URL('/mcp', gateway.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: gateway.alice } }));
  return client;
}

describe('the SDK’s client of 2026-07-28', () => {
  it('lists and calls tools, and is told the progress', async () => {
    const client = await connect();
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(TOOLS);
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'ünïcode' } });
    expect(content).toEqual([{ type: 'text', text: 'ünïcode' }]);
    const seen: number[] = [];
    await client.callTool({ name: 'progress' }, { onprogress: ({ progress }) => seen.push(progress) });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('is asked for input in the middle of a call', async () => {
    const client = await connect();
    expect((await client.callTool({ name: 'ask' })).content).toEqual([{ type: 'text', text: 'blue' }]);
  });

  it('gives a call up, which ends its connection to the server', async () => {
    const client = await connect();
    const giveUp = new AbortController();
    const call = client.callTool({ name: 'slow', arguments: { ms: 60_000 } }, { signal: giveUp.signal });
    const failed = expect(call).rejects.toThrow();
    await until('the call is with the server', () => connectionCount(server.port) > 0);
    giveUp.abort();
    await failed;
    await until('its connection is closed', () => connectionCount(server.port) === 0, 10_000);
  });
});

it('the client of Python’s mcp 2.3.0 speaks 2026-07-28 through the gateway of itself', async () => {
  const calls = [
    ['echo', { text: 'a' }],
    ['progress', {}],
  ] as const;
  const seen = await runPythonClient('2.3.0', 'auto', `${gateway.origin}/mcp`, gateway.alice, calls);
  expect(seen).toEqual({ server: 'python-mcp-2', protocol: '2026-07-28', tools: TOOLS, texts: ['a', 'done'] });
});

it('a request by hand has its answer as the server gave it, and no session is made', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'x', method: 'tools/list', params: { _meta: META } });
  const headers = { ...JSON_HEADERS, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
  const request = { method: 'POST', path: '/mcp', body };
  const through = await send(gateway.origin, { ...request, headers: { ...headers, ...gateway.alice } });
  const direct = await send(new URL(server.url).origin, { ...request, headers });
  expect([through.status, through.body]).toEqual([200, direct.body]);
  expect(through.headers['mcp-session-id']).toBeUndefined();
  expect(server.log()).not.toContain('DELETE /mcp');
});

it('an unknown method is the server’s own 404 and -32601', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'nothing/here', params: { _meta: META } });
  const headers = {
    ...JSON_HEADERS,
    ...gateway.alice,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'nothing/here',
  };
  const answer = await send(gateway.origin, { method: 'POST', path: '/mcp', headers, body });
  expect(answer.status).toBe(404);
  expect(JSON.parse(answer.body)).toMatchObject({ id: 1, error: { code: -32601 } });
});
