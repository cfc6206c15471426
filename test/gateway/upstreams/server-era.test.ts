/** Modern clients at a gateway whose server may be of either era: what is asked, what is answered, what is remembered. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { modernHeaders, modernRequest } from '../../parts/modern-messages.ts';
import { type ModernServer, startModernServer } from '../../parts/modern-server.ts';
import { type RawAnswer, send } from '../../parts/raw-http.ts';
import { json, type RawServer, response, startRawServer } from '../../parts/raw-server.ts';

let gateway: TestGateway | undefined;
const clients: Client[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const client of clients.splice(0)) await client.close();
  await gateway?.close();
  gateway = undefined;
});

async function connect(mode: 'auto' | 'legacy' | { readonly pin: string }): Promise<Client> {
  const client = new Client({ name: 'test-client', version: '1.0.0' }, { versionNegotiation: { mode } });
  clients.push(client);
  const url = new URL('/mcp', gateway?.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: gateway?.alice ?? {} } }));
  return client;
}

const post = (
  { body, headers }: { body: string; headers: Readonly<Record<string, string>> },
  who = gateway?.alice,
): Promise<RawAnswer> =>
  send(gateway?.origin ?? '', { method: 'POST', path: '/mcp', body, headers: { ...headers, ...who } });
const LIST = modernRequest('tools/list');
const DISCOVER = modernRequest('server/discover');

describe('at a server of the legacy era', () => {
  let server: TestMcpServer;
  beforeEach(async () => {
    server = await startMcpServer();
  });
  afterEach(() => server.kill());

  it.each(['sse', 'http'] as const)('over %s, a client of both eras falls back to initialize at once', async (kind) => {
    gateway = await startGateway({ upstream: kind === 'sse' ? server.sseUrl : server.httpUrl });
    for (const _time of ['first', 'second']) {
      const client = await within(2000, 'the handshake', connect('auto'));
      expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25');
      const { tools } = await client.listTools();
      expect(tools.length).toBeGreaterThan(0);
      const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
      expect(content).toEqual([{ type: 'text', text: 'hi' }]);
    }
  });

  it('over SSE nothing of a modern request is sent to it', async () => {
    gateway = await startGateway({ upstream: server.sseUrl });
    const answers = [await post(DISCOVER), await post(LIST)];
    expect(answers.map(({ status, body }) => [status, JSON.parse(body)])).toMatchObject([
      [400, { id: 1, error: { code: -32601, data: { reason: 'method_not_found' } } }],
      [
        400,
        {
          id: 1,
          error: {
            code: -32022,
            message: expect.stringMatching(/2026-07-28.*2025-11-25/),
            data: { supported: expect.arrayContaining(['2025-11-25', '2024-11-05']), requested: '2026-07-28' },
          },
        },
      ],
    ]);
    const notification = {
      body: '{"jsonrpc":"2.0","method":"notifications/x"}',
      headers: modernHeaders('notifications/x'),
    };
    expect((await post(notification)).status).toBe(400);
    expect(server.seen).toEqual([]);
    expect(server.sessionCount()).toBe(0);
  });

  it('over HTTP a modern request is tried once, and then answered here', async () => {
    gateway = await startGateway({ upstream: server.httpUrl });
    const codes: number[] = [];
    for (const message of [LIST, LIST, DISCOVER, LIST]) {
      const { status, body, headers } = await post(message);
      expect([status, headers['mcp-session-id']]).toEqual([400, undefined]);
      codes.push((JSON.parse(body) as { error: { code: number } }).error.code);
    }
    expect(codes).toEqual([-32022, -32022, -32601, -32022]);
    // The request itself, and the question of the gateway.
    expect(server.seen.map(({ method, headers }) => [method, headers['mcp-method']])).toEqual([
      ['POST', 'tools/list'],
      ['POST', 'server/discover'],
    ]);
    expect(server.sessionCount()).toBe(0);
  });

  it.each(['sse', 'http'] as const)('over %s, a client of the modern era alone is refused at once', async (kind) => {
    gateway = await startGateway({ upstream: kind === 'sse' ? server.sseUrl : server.httpUrl });
    await expect(within(2000, 'the refusal', connect({ pin: '2026-07-28' }))).rejects.toThrow(/2026-07-28/);
  });

  it('a client of the legacy era notices nothing', async () => {
    gateway = await startGateway({ upstream: server.httpUrl });
    await post(LIST);
    const client = await connect('legacy');
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
    expect(content).toEqual([{ type: 'text', text: 'hi' }]);
  });
});

describe('at a server of the modern era', () => {
  let server: ModernServer;
  beforeEach(async () => {
    server = await startModernServer();
    gateway = await startGateway({ upstream: server.url });
  });
  afterEach(() => server.close());

  it('a client of both eras speaks the modern one', async () => {
    const client = await connect('auto');
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
  });

  it('a request that it refuses decides nothing for others', async () => {
    const odd = { ...DISCOVER, body: DISCOVER.body.replace('"id":1', '"id":1.5') };
    const refused = await post(odd);
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([400, { error: { code: -32600 } }]);
    const { status, body } = await post(LIST, gateway?.bob);
    expect([status, JSON.parse(body)]).toMatchObject([200, { result: { resultType: 'complete' } }]);
  });

  it('its own errors arrive with their status', async () => {
    const unknown = await post(modernRequest('no/such'));
    expect([unknown.status, JSON.parse(unknown.body)]).toMatchObject([404, { id: 1, error: { code: -32601 } }]);
    const message = modernRequest('tools/list', {}, { meta: LATER });
    const later = await post({ ...message, headers: { ...message.headers, 'mcp-protocol-version': '2099-01-01' } });
    expect([later.status, JSON.parse(later.body)]).toMatchObject([
      400,
      { error: { code: -32022, data: { supported: ['2026-07-28'], requested: '2099-01-01' } } },
    ]);
  });
});

const LATER = {
  'io.modelcontextprotocol/protocolVersion': '2099-01-01',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const MODERN_RESULT = json('{"jsonrpc":"2.0","id":"drawbridge-era","result":{"supportedVersions":["2026-07-28"]}}');
const ERROR = '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}';
const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('the era of a server', () => {
  let server: RawServer;
  beforeEach(async () => {
    server = await startRawServer();
    gateway = await startGateway({ upstream: server.url('/mcp') });
  });
  afterEach(() => server.close());

  it.each([
    ['400 with an error of the older revisions', response(400, ERROR, JSON_TYPE)],
    ['400 in words', response(400, 'Bad Request: No valid session ID provided')],
    ['404', response(404, 'Not Found')],
    ['405', response(405)],
    ['406', response(406, ERROR, JSON_TYPE)],
    ['404 with -32601 for what every modern server has', response(404, ERROR.replace('-32000', '-32601'), JSON_TYPE)],
  ])('%s makes the gateway ask: where the answer is the same, it is legacy', async (_what, refusal) => {
    const answer = post(DISCOVER);
    await (await server.next('POST /mcp')).reply(refusal);
    const question = await server.next('POST /mcp');
    expect(JSON.parse(question.body)).toMatchObject({ id: 'drawbridge-era', method: 'server/discover' });
    expect(question.headers.get('mcp-method')).toBe('server/discover');
    await question.reply(refusal);
    expect(JSON.parse((await answer).body)).toMatchObject({ id: 1, error: { code: -32601 } });
    expect(JSON.parse((await post(LIST)).body)).toMatchObject({ id: 1, error: { code: -32022 } });
    expect(server.requests).toHaveLength(2);
  });

  it('where the answer is a modern one, the client gets what was refused', async () => {
    const answer = post(LIST);
    await (await server.next('POST /mcp')).reply(response(400, ERROR, JSON_TYPE));
    await (await server.next('POST /mcp')).reply(MODERN_RESULT);
    const { status, body } = await answer;
    expect([status, JSON.parse(body)]).toMatchObject([400, { id: 1, error: { code: -32000 } }]);
    const second = post(LIST);
    await (await server.next('POST /mcp')).reply(response(400, ERROR, JSON_TYPE));
    expect((await second).status).toBe(400);
    expect(server.requests).toHaveLength(3);
  });

  it.each([401, 403, 429, 500, 503])('%i says nothing about it', async (status) => {
    const answer = post(LIST);
    await (await server.next('POST /mcp')).reply(response(status));
    expect((await answer).status).toBe(502);
    expect(server.requests).toHaveLength(1);
  });

  it.each([401, 500])('nor does %i to the question: it is asked anew', async (status) => {
    for (const _time of ['first', 'second']) {
      const answer = post(LIST);
      await (await server.next('POST /mcp')).reply(response(404));
      await (await server.next('POST /mcp')).reply(response(status));
      expect((await answer).status).toBe(502);
    }
  });

  it('is asked for once by requests that come together, and again after ten minutes', async () => {
    const answers = Promise.all([post(LIST), post(LIST), post(LIST)]);
    const requests = [await server.next('POST'), await server.next('POST'), await server.next('POST')];
    for (const { reply } of requests) await reply(response(405));
    await (await server.next('POST')).reply(response(405));
    expect((await answers).map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(server.requests).toHaveLength(4);
    vi.useFakeTimers({ toFake: ['performance'], now: performance.now() });
    vi.advanceTimersByTime(11 * 60_000);
    const again = post(LIST);
    await (await server.next('POST')).reply(json('{"jsonrpc":"2.0","id":1,"result":{}}'));
    expect((await again).status).toBe(200);
  });
});
