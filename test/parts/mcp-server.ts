/** A real MCP server of the official SDK on 127.0.0.1, over legacy SSE and Streamable HTTP, one server object a session. */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage, MessageExtraInfo } from '@modelcontextprotocol/sdk/types.js';
import { createTools } from './tools.mjs';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

export interface TestMcpServer {
  readonly sseUrl: string;
  readonly httpUrl: string;
  readonly port: number;
  /** Every HTTP request that reached the server, oldest first. */
  readonly seen: SeenRequest[];
  /** The method of every request and notification that reached a session, oldest first. */
  readonly methods: string[];
  /** Sessions open at the moment, over both transports or one. */
  readonly sessionCount: (transport?: 'sse' | 'http') => number;
  /** Sends a log notification to every session. */
  announce(text: string): Promise<void>;
  /** Ends every connection at once and listens no more, as a killed process does. */
  kill(): Promise<void>;
}

export interface TestMcpServerOptions {
  readonly port?: number;
  readonly transports?: readonly ('sse' | 'http')[];
  /** Answers over Streamable HTTP as JSON in place of event streams. */
  readonly json?: boolean;
  /** Makes the server of a session; unless given, one with the tools below. */
  readonly createSession?: () => McpServer;
}

export async function startMcpServer(options: TestMcpServerOptions = {}): Promise<TestMcpServer> {
  const transports = options.transports ?? ['sse', 'http'];
  const createSession = options.createSession ?? createTools;
  const seen: SeenRequest[] = [];
  const methods: string[] = [];
  /** The SDK sets the listener when it connects. */
  const record = (transport: SSEServerTransport | StreamableHTTPServerTransport): void => {
    const { onmessage } = transport;
    transport.onmessage = (message: JSONRPCMessage, extra?: MessageExtraInfo) => {
      if ('method' in message) methods.push(message.method);
      onmessage?.(message, extra);
    };
  };
  const sse = new Map<string, { transport: SSEServerTransport; server: McpServer }>();
  const http = new Map<string, { transport: StreamableHTTPServerTransport; server: McpServer }>();

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, rawHeaders: [...req.rawHeaders] });
    const url = new URL(req.url ?? '/', 'http://localhost');
    if (transports.includes('sse') && url.pathname === '/sse' && req.method === 'GET') {
      const transport = new SSEServerTransport('/messages', res);
      const server = createSession();
      sse.set(transport.sessionId, { transport, server });
      res.on('close', () => sse.delete(transport.sessionId));
      await server.connect(transport);
      record(transport);
      return;
    }
    if (transports.includes('sse') && url.pathname === '/messages' && req.method === 'POST') {
      const session = sse.get(url.searchParams.get('sessionId') ?? '');
      if (session === undefined) res.writeHead(404).end('Could not find session');
      else await session.transport.handlePostMessage(req, res);
      return;
    }
    if (transports.includes('http') && url.pathname === '/mcp') {
      const id = req.headers['mcp-session-id'];
      if (typeof id === 'string') {
        const session = http.get(id);
        if (session === undefined) res.writeHead(404).end('Session not found');
        else await session.transport.handleRequest(req, res);
        return;
      }
      const server = createSession();
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        enableJsonResponse: options.json ?? false,
        onsessioninitialized: (sessionId) => {
          http.set(sessionId, { transport, server });
        },
        onsessionclosed: (sessionId) => {
          http.delete(sessionId);
        },
      });
      await server.connect(transport as Parameters<typeof server.connect>[0]);
      record(transport);
      await transport.handleRequest(req, res);
      return;
    }
    res.writeHead(url.pathname === '/sse' || url.pathname === '/mcp' ? 405 : 404).end();
  };

  const listener = createServer((req, res) => {
    handle(req, res).catch((error: unknown) => res.destroy(error as Error));
  });
  await new Promise<void>((fulfil) => listener.listen(options.port ?? 0, '127.0.0.1', fulfil));
  const { port } = listener.address() as AddressInfo;
  return {
    sseUrl: `http://127.0.0.1:${port}/sse`,
    httpUrl: `http://127.0.0.1:${port}/mcp`,
    port,
    seen,
    methods,
    sessionCount: (transport) => (transport === 'http' ? 0 : sse.size) + (transport === 'sse' ? 0 : http.size),
    announce: async (text) => {
      for (const { server } of [...sse.values(), ...http.values()]) {
        await server.server.sendLoggingMessage({ level: 'info', data: text });
      }
    },
    kill: () =>
      new Promise((fulfil) => {
        listener.close(() => fulfil());
        listener.closeAllConnections();
      }),
  };
}
