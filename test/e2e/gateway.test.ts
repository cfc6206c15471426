import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { connectBridge, connectHttp, connectSse, type TestClient } from '../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';

const pairings = [
  { client: 'sse', upstream: 'sse' },
  { client: 'sse', upstream: 'http' },
  { client: 'http', upstream: 'sse' },
  { client: 'http', upstream: 'http' },
  { client: 'http', upstream: 'json' },
  { client: 'bridge-sse', upstream: 'sse' },
  { client: 'bridge-http', upstream: 'http' },
] as const;

describe.each(pairings)('a $client client in front of a $upstream upstream', ({
  client: kind,
  upstream: upstreamKind,
}) => {
  let upstream: TestMcpServer;
  let gateway: TestGateway;
  let alice: TestClient;

  const connect = (headers: { Authorization: string }): Promise<TestClient> => {
    switch (kind) {
      case 'sse':
        return connectSse(`${gateway.origin}/sse`, headers);
      case 'http':
        return connectHttp(`${gateway.origin}/mcp`, headers);
      default: {
        const path = kind === 'bridge-sse' ? 'sse' : 'mcp';
        return connectBridge([`${gateway.origin}/${path}`, '--header', `Authorization:${headers.Authorization}`]);
      }
    }
  };

  beforeAll(async () => {
    upstream = await startMcpServer({ json: upstreamKind === 'json' });
    gateway = await startGateway({ upstream: upstreamKind === 'sse' ? upstream.sseUrl : upstream.httpUrl });
    alice = await connect(gateway.alice);
  });
  afterAll(async () => {
    await alice.close();
    await until('the session ends with its client', () => gateway.gateway.sessionCount === 0);
    await gateway.close();
    await upstream.kill();
  });

  it('lists the tools', async () => {
    const { tools } = await alice.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'big', 'slow', 'progress', 'ask']);
  });

  it('calls a tool, with what is not ASCII intact', async () => {
    expect(await alice.callText('echo', { text: 'ünï\u2028 "quoted" 🏰' })).toBe('ünï\u2028 "quoted" 🏰');
  });

  it('brings a result of 3 MB', async () => {
    expect((await alice.callText('big', { bytes: 3_000_000 })).length).toBe(3_000_000);
  });

  it('carries 200 calls at once, each with its own answer', async () => {
    const texts = Array.from({ length: 200 }, (_value, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => alice.callText('echo', { text })))).toEqual(texts);
  });

  it('brings progress while a call runs', async () => {
    const seen: number[] = [];
    await alice.client.callTool({ name: 'progress', arguments: {} }, undefined, {
      onprogress: ({ progress }) => {
        seen.push(progress);
      },
    });
    // A server that answers as JSON has no way to say anything before its answer.
    expect(seen).toEqual(upstreamKind === 'json' ? [] : [1, 2, 3]);
  });

  it('brings what the server asks of the client, and the answers back', async () => {
    expect(JSON.parse(await alice.callText('ask'))).toEqual({
      sample: { type: 'text', text: 'something' },
      form: { colour: 'red' },
      roots: [{ uri: 'file:///tmp', name: 'tmp' }],
    });
  });

  it('brings notifications of the server', async () => {
    await until('the announcement arrives', async () => {
      await upstream.announce('hear ye');
      return alice.logs.includes('hear ye');
    });
  });

  it('cancels a call', async () => {
    const abort = new AbortController();
    const call = alice.client.callTool({ name: 'slow', arguments: { ms: 60_000 } }, undefined, {
      signal: abort.signal,
    });
    setImmediate(() => abort.abort('enough'));
    await expect(call).rejects.toThrow('enough');
    expect(await alice.callText('echo', { text: 'still here' })).toBe('still here');
  });

  it('keeps two clients apart who use the same ids', async () => {
    const bob = await connect(gateway.bob);
    try {
      const texts = Array.from({ length: 50 }, (_value, index) => index);
      const [hers, his] = await Promise.all([
        Promise.all(texts.map((index) => alice.callText('echo', { text: `alice ${index}` }))),
        Promise.all(texts.map((index) => bob.callText('echo', { text: `bob ${index}` }))),
      ]);
      expect(hers).toEqual(texts.map((index) => `alice ${index}`));
      expect(his).toEqual(texts.map((index) => `bob ${index}`));
    } finally {
      await bob.close();
    }
  });

  it('sends upstream what the gateway constructs, and no credential', () => {
    for (const { headers } of upstream.seen) {
      expect(headers.host).toBe(`localhost:${upstream.port}`);
      expect(headers.authorization).toBeUndefined();
      expect(headers.origin).toBeUndefined();
    }
  });
});
