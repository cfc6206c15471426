/** What a legacy server asks in the middle of a call, of the SDK's client pinned to 2026-07-28. */
import { fileURLToPath } from 'node:url';
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, describe, expect, it } from 'vitest';
import { until, within } from '../../parts/deadline.ts';
import { createFeatureServer } from '../../parts/feature-server.mjs';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer, type TestMcpServerOptions } from '../../parts/mcp-server.ts';
import { modernRequest } from '../../parts/modern-messages.ts';
import { send } from '../../parts/raw-http.ts';

const CAPABILITIES = { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } };
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

interface Stage {
  readonly server: TestMcpServer;
  readonly gateway: TestGateway;
}

async function stage(
  kind: 'sse' | 'http',
  { surviveRestarts = false, ...options }: TestMcpServerOptions & { surviveRestarts?: boolean } = {},
): Promise<Stage> {
  const server = await startMcpServer({ transports: [kind], ...options });
  open.push({ close: () => server.kill() });
  const upstream = kind === 'sse' ? server.sseUrl : server.httpUrl;
  const gateway = await startGateway({ upstream, translateModern: true, surviveRestarts });
  open.push(gateway);
  return { server, gateway };
}

/** Answers with its own name, so that it can be told who was asked. */
async function connect(
  gateway: TestGateway,
  name = 'me',
  capabilities: ClientOptions['capabilities'] = CAPABILITIES,
): Promise<Client> {
  const client = new Client(
    { name, version: '1.0.0' },
    { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  if (capabilities?.sampling !== undefined)
    client.setRequestHandler('sampling/createMessage', () => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: `sample of ${name}` },
    }));
  if (capabilities?.elicitation !== undefined)
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { colour: name } }));
  if (capabilities?.roots !== undefined)
    client.setRequestHandler('roots/list', () => ({ roots: [{ uri: `file:///${name}` }] }));
  const url = new URL('/mcp', gateway.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: gateway.alice } }));
  open.push({ close: () => client.close() });
  return client;
}

async function call(client: Client, name: string): Promise<string> {
  const { content } = await within(5000, `the answer of ${name}`, client.callTool({ name, arguments: {} }));
  return (content as { text: string }[])[0]?.text ?? '';
}

const answersOf = (name: string): object => ({
  sample: { type: 'text', text: `sample of ${name}` },
  form: { colour: name },
  roots: [{ uri: `file:///${name}` }],
});

describe.each(['sse', 'http'] as const)('a legacy %s server that asks a client of 2026-07-28', (kind) => {
  it.each([
    false,
    true,
  ])('gets its answers, one after the other, during one call (surviving restarts: %s)', async (surviveRestarts) => {
    const { gateway, server } = await stage(kind, { surviveRestarts });
    const client = await connect(gateway);
    expect(JSON.parse(await call(client, 'ask'))).toEqual(answersOf('me'));
    expect(server.methods.filter((method) => method === 'tools/call')).toHaveLength(1);
  });

  it('gets those of the client whose call it was, of many at once', async () => {
    const { gateway } = await stage(kind);
    const names = ['one', 'two', 'three'];
    const clients = await Promise.all(names.map((name) => connect(gateway, name)));
    const texts = await Promise.all(clients.map((client) => call(client, 'ask')));
    expect(texts.map((text) => JSON.parse(text))).toEqual(names.map(answersOf));
  });

  it('uses one session for calls that follow each other', async () => {
    const { gateway, server } = await stage(kind);
    const client = await connect(gateway);
    for (let round = 0; round < 3; round++) await call(client, 'ask');
    expect(server.sessionCount()).toBe(1);
  });

  it('is told of no more than the client can, and so does not ask', async () => {
    const { gateway } = await stage(kind);
    const client = await connect(gateway, 'me', { sampling: {} });
    expect(await call(client, 'ask')).toContain('elicitation');
  });

  it.each(['sample', 'elicit', 'roots'])('on the stream of the call: %s', async (tool) => {
    const { gateway } = await stage(kind, { createSession: () => createFeatureServer() });
    const client = await connect(gateway);
    const { sample, form, roots } = answersOf('me') as Record<string, unknown>;
    expect(JSON.parse(await call(client, tool))).toEqual({ sample, elicit: form, roots }[tool]);
  });
});

it('a server whose answers have no stream asks on that of its session', async () => {
  const { gateway } = await stage('http', { json: true });
  expect(JSON.parse(await call(await connect(gateway), 'ask'))).toEqual(answersOf('me'));
});

it('a command that asks a client of 2026-07-28 gets its answer', async () => {
  const command = [process.execPath, fileURLToPath(new URL('../../parts/feature-server.mjs', import.meta.url))];
  const gateway = await startGateway({ command, translateModern: true });
  open.push(gateway);
  expect(await call(await connect(gateway), 'roots')).toBe('[{"uri":"file:///me"}]');
});

describe('a call that waits for input', () => {
  const meta = { [VERSION]: '2026-07-28', [CLIENT_CAPABILITIES]: CAPABILITIES };
  type Answer = { status: number; body: { result?: Record<string, unknown>; error?: { code: number } } };

  async function post(
    { gateway }: Stage,
    params: Record<string, unknown>,
    { who = gateway.alice, method = 'tools/call' } = {},
  ): Promise<Answer> {
    const { body, headers } = modernRequest(method, params, { meta });
    const answer = send(gateway.origin, { method: 'POST', path: '/mcp', body, headers: { ...headers, ...who } });
    const { status, body: text } = await within(5000, 'the answer', answer);
    const data = text.startsWith('{') ? text : (/^data: ?(\{.*)$/m.exec(text)?.[1] ?? '');
    return { status, body: JSON.parse(data) };
  }

  it('is refused to another principal, tool and method, and then goes on for its own', async () => {
    const staged = await stage('http', { createSession: () => createFeatureServer() });
    const params = { name: 'roots', arguments: {} };
    const asked = await post(staged, params);
    expect(asked.body.result).toEqual({
      resultType: 'input_required',
      inputRequests: { 'input-1': { method: 'roots/list' } },
      requestState: expect.stringMatching(/^[\w-]{43}$/),
    });
    const { requestState } = asked.body.result as { requestState: string };
    const inputResponses = { 'input-1': { roots: [{ uri: 'file:///mine' }] } };
    const retry = { ...params, inputResponses, requestState };
    const refusals = [
      await post(staged, retry, { who: staged.gateway.bob }),
      await post(staged, { ...retry, name: 'sample' }),
      await post(staged, retry, { method: 'prompts/get' }),
      await post(staged, { ...retry, requestState: 'A'.repeat(43) }),
      await post(staged, { ...retry, requestState: 1 }),
    ];
    for (const { status, body } of refusals) expect([status, body]).toEqual([400, refusals[0]?.body]);
    expect(refusals[0]?.body.error?.code).toBe(-32602);
    const done = await post(staged, retry);
    expect(JSON.stringify(done.body.result)).toContain('file:///mine');
    const twice = await post(staged, retry);
    expect([twice.status, twice.body]).toEqual([400, refusals[0]?.body]);
    expect(staged.server.methods.filter((method) => method === 'tools/call')).toHaveLength(1);
  });

  it('goes on after the settings were read again', async () => {
    const staged = await stage('http', { createSession: () => createFeatureServer() });
    const params = { name: 'roots', arguments: {} };
    const { requestState } = (await post(staged, params)).body.result as { requestState: string };
    const { gateway, keyFile } = staged.gateway;
    gateway.reload({ keyFile, upstream: staged.server.httpUrl, translateModern: true });
    const inputResponses = { 'input-1': { roots: [{ uri: 'file:///mine' }] } };
    const done = await post(staged, { ...params, inputResponses, requestState });
    expect(JSON.stringify(done.body.result)).toContain('file:///mine');
    await until('its session to be ended', () => staged.server.sessionCount() === 0);
  });

  it('ends with its session when the gateway drains', async () => {
    const staged = await stage('http', { createSession: () => createFeatureServer() });
    const asked = await post(staged, { name: 'roots', arguments: {} });
    expect([asked.body.result?.['resultType'], staged.server.sessionCount()]).toEqual(['input_required', 1]);
    await within(3000, 'drained', staged.gateway.gateway.drain());
    await until('the session to be ended', () => staged.server.sessionCount() === 0);
  });
});
