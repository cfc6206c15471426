/** Clients and servers of 2026-07-28 with the gateway between them: no session, and nothing lost or changed. */
import { Client, type McpSubscription, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { type ModernServer, startModernServer } from '../../parts/modern-server.ts';

let server: ModernServer;
let gateway: TestGateway;
const clients: Client[] = [];
beforeEach(async () => {
  server = await startModernServer();
  gateway = await startGateway({ upstream: server.url, heartbeatMs: 100 });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await gateway.close();
  await server.close();
});

async function connect(options: ConstructorParameters<typeof Client>[1] = {}): Promise<Client> {
  const client = new Client(
    { name: 'test-client', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } }, ...options },
  );
  clients.push(client);
  const url = new URL('/mcp', gateway.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: gateway.alice } }));
  return client;
}

describe('the SDK client that speaks 2026-07-28', () => {
  it('lists and calls tools, reads resources and gets prompts, without a session', async () => {
    const client = await connect();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'region', 'wait', 'progress', 'ask']);
    const echoed = await client.callTool({ name: 'echo', arguments: { text: 'h\u00e9llo' } });
    expect(echoed.content).toEqual([{ type: 'text', text: 'h\u00e9llo' }]);
    const { contents } = await client.readResource({ uri: 'note:///one' });
    expect(contents).toEqual([{ uri: 'note:///one', text: 'a note' }]);
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { who: 'Ann' } });
    expect(messages[0]?.content).toEqual({ type: 'text', text: 'Hello Ann' });
    expect(gateway.gateway.sessionCount).toBe(0);
    expect(server.seen.filter(({ headers }) => headers['mcp-session-id'] !== undefined)).toEqual([]);
  });

  it('mirrors a parameter into a header, which arrives', async () => {
    const client = await connect();
    await client.listTools();
    const { content } = await client.callTool({ name: 'region', arguments: { region: 'z\u00fcrich' } });
    expect(content).toEqual([{ type: 'text', text: 'z\u00fcrich' }]);
    expect(server.seen.at(-1)?.headers['mcp-param-region']).toMatch(/^=\?base64\?/);
  });

  it('is asked for input, and its answer and the state arrive to the byte', async () => {
    const client = await connect({ capabilities: { elicitation: { form: {} } } });
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { colour: 'blue' } }));
    const { content } = await client.callTool({ name: 'ask', arguments: {} });
    expect(content).toEqual([{ type: 'text', text: 'blue st\u00e4te/+= 12345678901234567890' }]);
  });

  it('hears of progress on the stream of its call', async () => {
    const client = await connect();
    const heard: number[] = [];
    await client.callTool(
      { name: 'progress', arguments: {} },
      { onprogress: ({ progress }) => void heard.push(progress) },
    );
    expect(heard).toEqual([1, 2, 3]);
  });

  it('listens, through heartbeats, until it closes the subscription', async () => {
    const client = await connect();
    let changes = 0;
    client.setNotificationHandler('notifications/tools/list_changed', () => void changes++);
    const subscription: McpSubscription = await client.listen({ toolsListChanged: true });
    expect(subscription.honoredFilter).toMatchObject({ toolsListChanged: true });
    server.notify.toolsChanged();
    await until('the change to be told', () => changes === 1);
    await subscription.close();
    expect(await within(1000, 'the end of the subscription', subscription.closed)).toBe('local');
  });

  it('learns that its subscription has ended, and how', async () => {
    const client = await connect();
    const ended = await client.listen({ toolsListChanged: true });
    await server.close();
    expect(await within(1000, 'the end of the subscription', ended.closed)).toBe('graceful');
    server = await startModernServer();
    await gateway.close();
    gateway = await startGateway({ upstream: server.url });
    const cut = await (await connect()).listen({ toolsListChanged: true });
    for (const socket of server.sockets) socket.destroy();
    expect(await within(1000, 'the end of the subscription', cut.closed)).toBe('remote');
  });

  it('cancels a call by closing its response, which ends the call upstream within a second', async () => {
    const client = await connect();
    const stop = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: {} }, { signal: stop.signal });
    call.catch(() => {});
    await until('the call to run', () => server.waiting.running === 1);
    stop.abort();
    await until('the call to be cancelled', () => server.waiting.cancelled === 1, 1000);
    await expect(call).rejects.toThrow();
  });
});

it('clients of either era are served side by side from a server of both', async () => {
  const dual = await startModernServer({ isDual: true });
  const both = await startGateway({ upstream: dual.url });
  const own = gateway;
  gateway = both;
  try {
    for (const mode of ['legacy', 'auto', 'legacy'] as const) {
      const client = await connect({ versionNegotiation: { mode } });
      expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25');
      const { content } = await client.callTool({ name: 'echo', arguments: { text: mode } });
      expect(content).toEqual([{ type: 'text', text: mode }]);
    }
  } finally {
    for (const client of clients.splice(0)) await client.close();
    gateway = own;
    await both.close();
    await dual.close();
  }
});
