/** The gateway before a server written with Python's `mcp` 2.x, which speaks the legacy revisions and 2026-07-28. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { connectHttp, connectSse, type TestClient } from '../parts/mcp-client.ts';
import { connectionCount } from './connection-count.ts';
import { runPythonClient } from './python-client.mjs';
import { type PythonMcpServer, startPythonMcpServer } from './python-mcp-server.mjs';

const TOOLS = ['echo', 'progress', 'slow', 'ask'];

describe.each(['streamable-http', 'sse'] as const)('a server of Python’s mcp 2.3.0 over %s', (transport) => {
  let server: PythonMcpServer;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    server = await startPythonMcpServer(transport);
    gateway = await startGatewayProcess(server.url);
  });
  afterAll(async () => {
    await gateway?.close();
    await server?.stop();
  });

  const clients = [
    ['SSE', () => connectSse(`${gateway.origin}/sse`, gateway.alice)],
    ['Streamable HTTP', () => connectHttp(`${gateway.origin}/mcp`, gateway.alice)],
  ] as const;

  describe.each(clients)('to a client over %s', (_client, connect) => {
    let client: TestClient;
    beforeAll(async () => {
      client = await connect();
    });
    afterAll(() => client?.close());

    it('lists its tools and answers a call', async () => {
      expect((await client.client.listTools()).tools.map(({ name }) => name)).toEqual(TOOLS);
      expect(await client.callText('echo', { text: 'ünïcode' })).toBe('ünïcode');
    });

    it('tells the progress of a call', async () => {
      const seen: number[] = [];
      await client.client.callTool({ name: 'progress' }, undefined, {
        onprogress: ({ progress }) => seen.push(progress),
      });
      expect(seen).toEqual([1, 2, 3]);
    });

    it('asks the client in the middle of a call', async () => {
      expect(await client.callText('ask')).toBe('red');
    });

    it('answers other calls while one is slow', async () => {
      const order: string[] = [];
      const slow = client.callText('slow', { ms: 800 }).then((text) => order.push(text));
      await client.callText('echo', { text: 'quick' }).then((text) => order.push(text));
      await within(5000, 'the slow call', slow);
      expect(order).toEqual(['quick', 'done']);
    });
  });

  it('ends its sessions with those of the gateway', async () => {
    for (const [, connect] of clients) {
      const client = await connect();
      await client.callText('echo', { text: 'a' });
      expect(connectionCount(server.port)).toBeGreaterThan(0);
      await client.close();
    }
    await until('no connection to the server is left over', () => connectionCount(server.port) === 0);
    if (transport === 'streamable-http')
      expect(server.log().match(/"DELETE \/mcp HTTP\/1.1" 200/g)).toHaveLength(2 * 2);
  });

  it.each([
    '1.30.0',
    '2.3.0',
  ] as const)('serves the client of Python’s mcp %s, over both transports', async (version) => {
    const calls = [['echo', { text: 'a' }]] as const;
    for (const [kind, path] of [
      ['sse', '/sse'],
      ['http', '/mcp'],
    ] as const) {
      const seen = await runPythonClient(version, kind, gateway.origin + path, gateway.alice, calls);
      expect(seen).toEqual({ server: 'python-mcp-2', protocol: '2025-11-25', tools: TOOLS, texts: ['a'] });
    }
  });
});
