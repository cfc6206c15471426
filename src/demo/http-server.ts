import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server as McpServer } from '@modelcontextprotocol/sdk/server/index.js';
import { refuse } from './refuse.ts';
import { createSessions, MESSAGES_PATH, type Sessions } from './sessions.ts';

/** Most TCP connections at a time: a stream and a few POSTs for every session. */
const MAX_CONNECTIONS = 256;

/** The demo's HTTP server, already listening. */
export interface HttpServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and serves MCP at `/sse` (with `/messages`) and `/mcp`. */
export async function startHttpServer(options: {
  readonly createServer: () => McpServer;
  readonly logger: { warn(message: string): void };
}): Promise<HttpServer> {
  const sessions = createSessions(options.createServer);
  const server = createServer((request, response) => {
    route(sessions, request, response).catch((error: unknown) => {
      options.logger.warn(`demo upstream: ${request.method} ${request.url} failed: ${String(error)}`);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'Internal error');
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      await sessions.closeAll();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function route(sessions: Sessions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Anyone's browser can reach a loopback port: a name that an attacker points at 127.0.0.1 shows in Host, a page that
  // posts here shows in Origin.
  const { host, origin } = request.headers;
  if (!isLoopback(`http://${host}`)) return refuse(response, 403, 'Invalid Host header');
  if (origin !== undefined && !isLoopback(origin)) return refuse(response, 403, 'Invalid Origin header');

  const { method, url = '' } = request;
  const [path, query] = url.split('?', 2);
  switch (path) {
    case '/sse':
      if (method !== 'GET') return refuse(response, 405, 'Method not allowed');
      return sessions.openSse(request, response);
    case MESSAGES_PATH:
      if (method !== 'POST') return refuse(response, 405, 'Method not allowed');
      return sessions.postSse(request, response, new URLSearchParams(query).get('sessionId') ?? '');
    case '/mcp':
      return sessions.streamableHttp(request, response);
    default:
      return refuse(response, 404, 'Not found');
  }
}

function isLoopback(origin: string): boolean {
  return /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(origin);
}
