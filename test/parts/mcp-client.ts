/** Clients of the official SDK that can do what a server may ask of them. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { FetchLike, Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { BIN } from './run-cli.ts';

export interface TestClient {
  readonly client: Client;
  /** Log notifications that arrived. */
  readonly logs: unknown[];
  callText(name: string, args?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export function connectSse(
  url: string,
  headers: Record<string, string> = {},
  fetch: FetchLike = globalThis.fetch,
): Promise<TestClient> {
  return connect(new SSEClientTransport(new URL(url), { requestInit: { headers }, fetch }) as Transport);
}

export function connectHttp(
  url: string,
  headers: Record<string, string> = {},
  fetch: FetchLike = globalThis.fetch,
): Promise<TestClient> {
  return connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, fetch }) as Transport);
}

/** Over either transport of the gateway at this origin. */
export function connectTo(
  kind: 'sse' | 'http',
  origin: string,
  headers: Record<string, string> = {},
): Promise<TestClient> {
  return kind === 'sse' ? connectSse(`${origin}/sse`, headers) : connectHttp(`${origin}/mcp`, headers);
}

/** Starts the built bridge as an MCP client does. */
export function connectBridge(args: readonly string[], env: Record<string, string> = {}): Promise<TestClient> {
  return connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [BIN, ...args],
      env: { ...(process.env as Record<string, string>), ...env },
      stderr: 'ignore',
    }),
  );
}

async function connect(transport: Transport): Promise<TestClient> {
  const client = new Client(
    { name: 'test-client', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } },
  );
  const logs: unknown[] = [];
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    model: 'test',
    content: { type: 'text', text: 'something' },
  }));
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { colour: 'red' } }));
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///tmp', name: 'tmp' }] }));
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    logs.push(params.data);
  });
  await client.connect(transport);
  return {
    client,
    logs,
    callText: async (name, args = {}) => {
      const result = await client.callTool({ name, arguments: args });
      const [first] = result.content as { text?: string }[];
      return first?.text ?? '';
    },
    close: async () => {
      // Closing alone leaves a Streamable HTTP session behind.
      if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession();
      await client.close();
    },
  };
}
