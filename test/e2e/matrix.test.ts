/** Every transport of clients before every transport of servers: what MCP has must come through, either way. */
import { fileURLToPath } from 'node:url';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { ANSWERS, connectFirst, connectSecond, type FeatureClient } from '../parts/feature-client.ts';
import { createFeatureServer } from '../parts/feature-server.mjs';
import { startGateway } from '../parts/gateway-server.ts';
import { startMcpServer } from '../parts/mcp-server.ts';

const CLIENTS = [
  { client: 'SSE', kind: 'sse', connect: connectFirst },
  { client: 'HTTP', kind: 'http', connect: connectFirst },
  { client: 'SSE, second SDK', kind: 'sse', connect: connectSecond },
  { client: 'HTTP, second SDK', kind: 'http', connect: connectSecond },
] as const;

const UPSTREAMS = ['SSE', 'HTTP', 'HTTP with JSON answers', 'a command'] as const;
const COMMAND = [process.execPath, fileURLToPath(new URL('../parts/feature-server.mjs', import.meta.url))] as const;

const pairings = CLIENTS.flatMap((client) => UPSTREAMS.map((upstream) => ({ ...client, upstream })));

interface Pair {
  readonly client: FeatureClient;
  close(): Promise<void>;
}

async function startPair({ kind, connect, upstream: name }: (typeof pairings)[number]): Promise<Pair> {
  const isJson = name === 'HTTP with JSON answers';
  const createSession = (): McpServer => createFeatureServer({ isJson });
  const server = name === 'a command' ? undefined : await startMcpServer({ json: isJson, createSession });
  const url = name === 'SSE' ? server?.sseUrl : server?.httpUrl;
  const gateway = await startGateway(url === undefined ? { command: COMMAND } : { upstream: url });
  const client = await connect(kind, `${gateway.origin}/${kind === 'sse' ? 'sse' : 'mcp'}`, gateway.alice);
  return {
    client,
    close: async () => {
      await client.close();
      await until('the session ends with its client', () => gateway.gateway.sessionCount === 0);
      await gateway.close();
      await server?.kill();
    },
  };
}

/** A row: its name, and what shows that the pair carries it. */
const features: Readonly<Record<string, (client: FeatureClient) => Promise<void>>> = {
  'a tool call, with what is not ASCII intact': async (client) => {
    expect(await client.callText('echo', { text: 'ünï\u2028 "quoted" 🏰' })).toBe('ünï\u2028 "quoted" 🏰');
  },
  'progress of a call': async (client) => {
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
    await client.callText('progress', {}, { onprogress });
    expect(seen).toEqual([1, 2, 3]);
  },
  'sampling, asked in the middle of a call': async (client) => {
    expect(JSON.parse(await client.callText('sample'))).toEqual(ANSWERS.sample);
  },
  'an elicitation, asked in the middle of a call': async (client) => {
    expect(JSON.parse(await client.callText('elicit'))).toEqual(ANSWERS.elicit);
  },
  'the roots of the client': async (client) => {
    expect(JSON.parse(await client.callText('roots'))).toEqual(ANSWERS.roots);
  },
  'the cancelling of a call, up to the server': async (client) => {
    const abort = new AbortController();
    const call = client.callText('endless', {}, { signal: abort.signal });
    const calls = async (): Promise<{ running: number; cancelled: number }> =>
      JSON.parse(await client.callText('endless_calls'));
    await until('the server runs the call', async () => (await calls()).running === 1);
    abort.abort('enough');
    await expect(call).rejects.toThrow('enough');
    await until('the server hears of it', async () => (await calls()).cancelled === 1);
  },
  'a change of the list of tools': async (client) => {
    const before = client.seen.toolChanges;
    await client.callText('grow', { name: 'grown' });
    await until('the client is told', () => client.seen.toolChanges > before);
    expect(await client.toolNames()).toContain('grown');
  },
  'the log level of a session': async (client) => {
    await client.setLevel('warning');
    await client.callText('log', { text: 'few' });
    await until('the errors arrive', () => client.seen.logs.includes('error few'));
    await client.setLevel('debug');
    await client.callText('log', { text: 'all' });
    await until('the later errors arrive', () => client.seen.logs.includes('error all'));
    const levels = (text: string): unknown[] => client.seen.logs.filter((line) => String(line).endsWith(text));
    expect(levels('few')).toEqual(['warning few', 'error few']);
    expect(levels('all')).toEqual(['debug all', 'info all', 'warning all', 'error all']);
  },
  'a result of 10 MB': async (client) => {
    expect((await client.callText('big', { bytes: 10_000_000 })).length).toBe(10_000_000);
  },
  'a completion': async (client) => {
    expect(await client.complete('Li')).toEqual(['Lisbon', 'Lima']);
  },
  'a subscription to a resource, and its end': async (client) => {
    await client.subscribe('test://watched');
    expect(JSON.parse(await client.callText('touch'))).toEqual(['test://watched']);
    await until('the client is told', () => client.seen.updates.includes('test://watched'));
    await client.unsubscribe('test://watched');
    expect(JSON.parse(await client.callText('touch'))).toEqual([]);
  },
};

describe.each(pairings)('a client over $client, a server over $upstream', (pairing) => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair(pairing);
    // What is said outside of answers needs the session's own stream, which opens after the handshake.
    await until('what the server says unasked arrives', async () => {
      await pair.client.callText('log', { text: 'first' });
      return pair.client.seen.logs.includes('error first');
    });
  });
  afterAll(() => pair.close());

  it.each(Object.keys(features))('carries %s', async (feature) => {
    await within(15_000, feature, features[feature]!(pair.client));
  });
});
