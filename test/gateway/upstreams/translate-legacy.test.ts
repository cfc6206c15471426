/** The SDK's clients of the legacy era, in front of a server of 2026-07-28 alone: the gateway answers in between. */
import {
  ResourceUpdatedNotificationSchema,
  ResultSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { connectTo, type TestClient } from '../../parts/mcp-client.ts';
import { type ModernServer, type ModernServerOptions, startModernServer } from '../../parts/modern-server.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

interface Stage {
  readonly server: ModernServer;
  readonly gateway: TestGateway;
  readonly client: TestClient;
}

interface StageOptions extends ModernServerOptions {
  readonly surviveRestarts?: boolean;
}

async function stage(kind: 'sse' | 'http', options: StageOptions = {}): Promise<Stage> {
  const { surviveRestarts = false, ...serverOptions } = options;
  const server = await startModernServer(serverOptions);
  open.push(server);
  const gateway = await startGateway({ upstream: server.url, surviveRestarts });
  open.push(gateway);
  const client = await within(5000, 'the session', connectTo(kind, gateway.origin, gateway.alice));
  open.push(client);
  return { server, gateway, client };
}

interface Heard {
  readonly params?: { readonly progress?: number };
}

/** What arrives from now on: of progress that comes in one piece with the answer, this SDK tells nothing over SSE. */
function messagesOf({ client }: TestClient): Heard[] {
  const transport = client.transport!;
  const heard: Heard[] = [];
  const pass = transport.onmessage;
  transport.onmessage = (message, extra) => {
    heard.push(message as Heard);
    pass?.(message, extra);
  };
  return heard;
}

/** Subscriptions that the server has acknowledged so far. */
const listensOf = (server: ModernServer): number =>
  server.seen.filter(({ body, answer }) => body.includes('subscriptions/listen') && answer.includes('acknowledged'))
    .length;

describe.each(['sse', 'http'] as const)('a legacy client over %s, in front of a server of 2026-07-28 alone', (kind) => {
  it('learns who the server is and what it can do', async () => {
    const { client, gateway } = await stage(kind);
    expect(client.client.getServerVersion()).toMatchObject({ name: 'modern-server', version: '1.0.0' });
    expect(client.client.getServerCapabilities()).toMatchObject({ tools: { listChanged: true } });
    expect(gateway.gateway.sessionCount).toBe(1);
    await client.client.ping();
  });

  it('lists and calls tools, reads resources and gets prompts', async () => {
    const { client } = await stage(kind);
    const { tools } = await client.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'region', 'wait', 'progress', 'ask']);
    expect(await client.callText('echo', { text: 'h\u00e9llo' })).toBe('h\u00e9llo');
    const { contents } = await client.client.readResource({ uri: 'note:///one' });
    expect(contents).toEqual([{ uri: 'note:///one', text: 'a note' }]);
    const { messages } = await client.client.getPrompt({ name: 'greet', arguments: { who: 'Ann' } });
    expect(messages[0]?.content).toEqual({ type: 'text', text: 'Hello Ann' });
  });

  it('has arguments mirrored into headers, though it never listed the tools', async () => {
    const { client, server } = await stage(kind);
    expect(await client.callText('region', { region: 'z\u00fcrich' })).toBe('z\u00fcrich');
    expect(server.seen.at(-1)?.headers['mcp-param-region']).toMatch(/^=\?base64\?/);
  });

  it('has many calls at once, each with its own answer', async () => {
    const { client } = await stage(kind);
    const texts = Array.from({ length: 50 }, (_value, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => client.callText('echo', { text })))).toEqual(texts);
  });

  it('hears of progress before the answer', async () => {
    const { client } = await stage(kind);
    const heard = messagesOf(client);
    await client.client.callTool({ name: 'progress', arguments: {} }, undefined, { onprogress: () => {} });
    expect(heard.map((message) => message.params?.progress ?? 'answer')).toEqual([1, 2, 3, 'answer']);
  });

  it('is asked for input, and its answer and the state arrive to the byte', async () => {
    const { client } = await stage(kind);
    expect(await client.callText('ask')).toBe('red st\u00e4te/+= 12345678901234567890');
  });

  it('cancels, which ends the exchange with the server', async () => {
    const { client, server } = await stage(kind);
    const leaving = new AbortController();
    const called = client.client.callTool({ name: 'wait', arguments: {} }, undefined, { signal: leaving.signal });
    const gaveUp = expect(called).rejects.toThrow();
    await until('the call to run', () => server.waiting.running === 1);
    leaving.abort();
    await gaveUp;
    await until('the call to be cancelled', () => server.waiting.cancelled === 1);
    expect(await client.callText('echo', { text: 'after' })).toBe('after');
  });

  it('hears that the tools have changed, and of a resource that it subscribes to', async () => {
    const { client, server } = await stage(kind);
    const heard: string[] = [];
    client.client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
    client.client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(params.uri),
    );
    await until('the server to be listened to', () => listensOf(server) === 1);
    server.notify.toolsChanged();
    await until('the change of tools', () => heard.includes('tools'));
    await client.client.subscribeResource({ uri: 'note:///one' });
    server.notify.resourceUpdated('note:///one');
    await until('the change of the resource', () => heard.includes('note:///one'));
    await client.client.unsubscribeResource({ uri: 'note:///one' });
    await until('the third subscription', () => listensOf(server) === 3);
  });

  it('gets 10 MB, and sends 3', async () => {
    const { client } = await stage(kind);
    const { contents } = await client.client.readResource({ uri: 'note:///big' });
    expect((contents[0] as { text: string }).text).toHaveLength(10_000_000);
    const text = 'x'.repeat(3_000_000);
    expect(await client.callText('echo', { text })).toBe(text);
  });

  it('gets what the server refuses as the server refuses it', async () => {
    const { client } = await stage(kind);
    const refused = await client.client.callTool({ name: 'nothing', arguments: {} }).then(
      (result) => JSON.stringify(result),
      (error: Error) => error.message,
    );
    expect(refused).toContain('nothing');
    await expect(client.client.request({ method: 'no/such' }, ResultSchema)).rejects.toThrow('Method not found');
  });
});

describe('a server of both eras', () => {
  it('is used in the legacy way by a legacy client', async () => {
    const { client, server } = await stage('http', { isDual: true });
    expect(await client.callText('echo', { text: 'a' })).toBe('a');
    expect(server.seen.filter(({ body }) => body.includes('2026-07-28'))).toEqual([]);
  });
});

describe('a server of 2026-07-28 alone', () => {
  it.each([
    [400, 'not for you'],
    [404, ''],
    [404, '{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"Method not found"}}'],
    [405, ''],
    [406, ''],
    [400, '{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"Mcp-Method is missing"}}'],
    [400, '{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"_meta is missing"}}'],
  ])('is known by the refusal %i %s', async (status, body) => {
    for (const kind of ['sse', 'http'] as const) {
      const { client } = await stage(kind, { refusal: { status, body } });
      expect(await client.callText('echo', { text: 'a' })).toBe('a');
    }
  });

  it('is asked for its era once, however many sessions there are', async () => {
    const { gateway, server } = await stage('http');
    for (const kind of ['http', 'sse'] as const) open.push(await connectTo(kind, gateway.origin, gateway.bob));
    expect(server.seen.filter(({ body }) => body.includes('drawbridge-era'))).toHaveLength(1);
  });

  it.each([false, true])('that was restarted is found again, where sessions survive that: %s', async (survive) => {
    const { client, server, gateway } = await stage('http', { surviveRestarts: survive });
    await until('the server to be listened to', () => listensOf(server) === 1);
    let changes = 0;
    client.client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
    await server.close();
    const again = await startModernServer({ port: server.port });
    open.push(again);
    expect(await client.callText('echo', { text: 'a' })).toBe('a');
    await until('the client to hear what may have changed', () => changes > 0);
    expect(gateway.gateway.sessionCount).toBe(1);
  });

  it('keeps no connection of a session that is over', async () => {
    const { client, server, gateway } = await stage('http');
    await until('the server to be listened to', () => listensOf(server) === 1);
    await client.close();
    await until('the session to end', () => gateway.gateway.sessionCount === 0);
    await until('its connections to end', () => server.sockets.size === 0);
  });
});
