/** The SDK's client pinned to 2026-07-28, in front of servers of the legacy era: the gateway answers in between. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, describe, expect, it } from 'vitest';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { modernRequest } from '../../parts/modern-messages.ts';
import { send } from '../../parts/raw-http.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

interface Stage {
  readonly server: TestMcpServer;
  readonly gateway: TestGateway;
  readonly client: Client;
}

async function connect(gateway: TestGateway, headers: Record<string, string>): Promise<Client> {
  const client = new Client(
    { name: 'modern-client', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  const url = new URL('/mcp', gateway.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  open.push({ close: () => client.close() });
  return client;
}

async function stage(kind: 'sse' | 'http'): Promise<Stage> {
  const server = await startMcpServer({ transports: [kind] });
  open.push({ close: () => server.kill() });
  const upstream = kind === 'sse' ? server.sseUrl : server.httpUrl;
  const gateway = await startGateway({ upstream, translateModern: true });
  open.push(gateway);
  return { server, gateway, client: await connect(gateway, gateway.alice) };
}

describe.each([
  'sse',
  'http',
] as const)('a client that speaks 2026-07-28 alone, in front of a legacy %s server', (kind) => {
  it('lists tools and calls them', async () => {
    const { client } = await stage(kind);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'h\u00e9llo' } });
    expect(content).toEqual([{ type: 'text', text: 'h\u00e9llo' }]);
  });

  it('has many calls at once, each with its own answer, over one session upstream', async () => {
    const { client, server } = await stage(kind);
    const texts = Array.from({ length: 50 }, (_value, index) => `call ${index}`);
    const answers = await Promise.all(texts.map((text) => client.callTool({ name: 'echo', arguments: { text } })));
    expect(answers.map(({ content }) => content)).toEqual(texts.map((text) => [{ type: 'text', text }]));
    expect(server.sessionCount()).toBe(1);
  });

  it('hears of progress', async () => {
    const { client } = await stage(kind);
    const heard: number[] = [];
    const onprogress = ({ progress }: { progress: number }): void => void heard.push(progress);
    await client.callTool({ name: 'progress', arguments: {} }, { onprogress });
    expect(heard).toEqual([1, 2, 3]);
  });

  it('cancels by leaving, and the server is told', async () => {
    const { client, server } = await stage(kind);
    const leaving = new AbortController();
    const called = client.callTool({ name: 'slow', arguments: { ms: 60_000 } }, { signal: leaving.signal });
    const gaveUp = expect(called).rejects.toThrow();
    // The POSTs of a session go in order, so that this one comes after.
    await client.callTool({ name: 'echo', arguments: { text: 'after' } });
    const posted = (): number => server.seen.filter(({ method }) => method === 'POST').length;
    const before = posted();
    leaving.abort();
    await within(2000, 'the call to be given up', gaveUp);
    await until('the cancellation to be POSTed', () => posted() === before + 1);
  });

  it('gets a result of 10 MB', async () => {
    const { client } = await stage(kind);
    const { content } = await client.callTool({ name: 'big', arguments: { bytes: 10_000_000 } });
    expect((content as { text: string }[])[0]?.text).toHaveLength(10_000_000);
  });

  it('gets a tool that does not exist refused as the server refuses it', async () => {
    const { client } = await stage(kind);
    const refused = await client.callTool({ name: 'nothing', arguments: {} }).then(
      (result) => String(JSON.stringify(result)),
      (error: Error) => error.message,
    );
    expect(refused).toContain('nothing');
  });

  it('of another principal has a session of its own', async () => {
    const { client, gateway, server } = await stage(kind);
    const other = await connect(gateway, gateway.bob);
    await Promise.all([client.listTools(), other.listTools()]);
    expect(server.sessionCount()).toBe(2);
  });

  it('finds a server again that was restarted', async () => {
    const { client, server } = await stage(kind);
    await client.listTools();
    await server.kill();
    await expect(client.listTools()).rejects.toThrow();
    const again = await startMcpServer({ transports: [kind], port: server.port });
    open.push({ close: () => again.kill() });
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
  });
});

describe('a request of a revision that is not there yet', () => {
  it.each(['server/discover', 'tools/list'])('is answered with the one that can be translated: %s', async (method) => {
    const { server, gateway } = await stage('http');
    const seen = server.seen.length;
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2027-03-01',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const { body, headers } = modernRequest(method, {}, { meta });
    const answer = await send(gateway.origin, {
      method: 'POST',
      path: '/mcp',
      headers: { ...headers, ...gateway.alice, 'mcp-protocol-version': '2027-03-01' },
      body,
    });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({
      id: 1,
      error: { code: -32022, data: { supported: ['2026-07-28'], requested: '2027-03-01' } },
    });
    expect(server.seen.slice(seen).some(({ method: sent }) => sent === 'POST')).toBe(false);
  });
});

it.each([
  false,
  true,
])('a call that was under way when its server was lost is told nothing of the inside (surviving: %s)', async (surviveRestarts) => {
  const server = await startMcpServer({ transports: ['http'] });
  const gateway = await startGateway({ upstream: server.httpUrl, translateModern: true, surviveRestarts });
  open.push(gateway);
  const call = (name: string, args: object): ReturnType<typeof send> => {
    const { body, headers } = modernRequest('tools/call', { name, arguments: args }, { id: 'a' });
    return send(gateway.origin, { method: 'POST', path: '/mcp', body, headers: { ...headers, ...gateway.alice } });
  };
  await call('echo', { text: 'x' });
  const before = server.seen.length;
  const answer = call('slow', { ms: 60_000 });
  await until('the call', () => server.seen.length > before);
  await server.kill();
  const { status, body: text } = await within(3000, 'the answer', answer);
  expect([status, JSON.parse(text).id, JSON.parse(text).error.data.reason]).toEqual([502, 'a', 'upstream_lost']);
  expect(text).not.toContain('127.0.0.1');
});
