/** One face for the clients of both versions of the official SDK, for what a relay must carry. */
import {
  Client as Client2,
  StreamableHTTPClientTransport as Http2,
  SSEClientTransport as Sse2,
} from '@modelcontextprotocol/client';
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { connectHttp, connectSse } from './mcp-client.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onprogress?: (progress: { progress: number }) => void;
}

export interface FeatureClient {
  callText(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<string>;
  toolNames(): Promise<string[]>;
  setLevel(level: 'debug' | 'warning'): Promise<unknown>;
  subscribe(uri: string): Promise<unknown>;
  unsubscribe(uri: string): Promise<unknown>;
  complete(city: string): Promise<string[]>;
  /** What has arrived unasked, oldest first. */
  readonly seen: { readonly logs: unknown[]; toolChanges: number; readonly updates: string[] };
  close(): Promise<void>;
}

/** What the servers of the tests get where they ask. */
export const ANSWERS = {
  sample: { type: 'text', text: 'something' },
  elicit: { colour: 'red' },
  roots: [{ uri: 'file:///tmp', name: 'tmp' }],
} as const;

type Headers = Record<string, string>;

const textOf = (result: unknown): string => (result as { content: { text?: string }[] }).content[0]?.text ?? '';
const completionOf = (city: string) => ({
  ref: { type: 'ref/prompt' as const, name: 'travel' },
  argument: { name: 'city', value: city },
});

/** Of the SDK's first version. */
export async function connectFirst(kind: 'sse' | 'http', url: string, headers: Headers): Promise<FeatureClient> {
  const { client, logs, close } = await (kind === 'sse' ? connectSse : connectHttp)(url, headers);
  const seen: FeatureClient['seen'] = { logs, toolChanges: 0, updates: [] };
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    seen.toolChanges++;
  });
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    seen.updates.push(params.uri);
  });
  return {
    seen,
    callText: async (name, args = {}, options = {}) =>
      textOf(await client.callTool({ name, arguments: args }, undefined, options)),
    toolNames: async () => (await client.listTools()).tools.map(({ name }) => name),
    setLevel: (level) => client.setLoggingLevel(level),
    subscribe: (uri) => client.subscribeResource({ uri }),
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    complete: async (city) => (await client.complete(completionOf(city))).completion.values,
    close,
  };
}

/** Of the SDK's second version, speaking as up to 2025-11-25. */
export async function connectSecond(kind: 'sse' | 'http', url: string, headers: Headers): Promise<FeatureClient> {
  const transport = new (kind === 'sse' ? Sse2 : Http2)(new URL(url), { requestInit: { headers } });
  const client = new Client2(
    { name: 'second-client', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } },
  );
  const seen: FeatureClient['seen'] = { logs: [], toolChanges: 0, updates: [] };
  client.setRequestHandler('sampling/createMessage', () => ({
    role: 'assistant',
    model: 'test',
    content: ANSWERS.sample,
  }));
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: ANSWERS.elicit }));
  client.setRequestHandler('roots/list', () => ({ roots: [...ANSWERS.roots] }));
  client.setNotificationHandler('notifications/message', ({ params }) => {
    seen.logs.push(params.data);
  });
  client.setNotificationHandler('notifications/tools/list_changed', () => {
    seen.toolChanges++;
  });
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    seen.updates.push(params.uri);
  });
  await client.connect(transport);
  return {
    seen,
    callText: async (name, args = {}, options = {}) =>
      textOf(await client.callTool({ name, arguments: args }, options)),
    toolNames: async () => (await client.listTools()).tools.map(({ name }) => name),
    setLevel: (level) => client.setLoggingLevel(level),
    subscribe: (uri) => client.subscribeResource({ uri }),
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    complete: async (city) => (await client.complete(completionOf(city))).completion.values,
    close: async () => {
      if (transport instanceof Http2) await transport.terminateSession();
      await client.close();
    },
  };
}
