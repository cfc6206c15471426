import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { refuse } from './refuse.ts';

/** Most sessions at a time, both transports together; one more is refused with 503. */
export const MAX_SESSIONS = 64;
/** How long a Streamable HTTP session lives without an open request or stream. */
export const SESSION_IDLE_MS = 10 * 60_000;
/** How often an SSE stream gets a comment line, so that whoever watches it for silence sees it alive. */
const HEARTBEAT_MS = 15_000;

/** Where an SSE client is told to POST its messages. */
export const MESSAGES_PATH = '/messages';

interface Session<T> {
  readonly transport: T;
  readonly server: Server;
}

interface StreamableSession extends Session<StreamableHTTPServerTransport> {
  openResponses: number;
  idleTimer?: NodeJS.Timeout;
}

/** The sessions of one demo upstream, each with an MCP server of its own. */
export interface Sessions {
  openSse(request: IncomingMessage, response: ServerResponse): Promise<void>;
  postSse(request: IncomingMessage, response: ServerResponse, id: string): Promise<void>;
  streamableHttp(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Ends all sessions, their streams included. */
  closeAll(): Promise<void>;
}

/** Keeps sessions for both transports; `createServer` is called once for each. */
export function createSessions(createServer: () => Server): Sessions {
  const sse = new Map<string, Session<SSEServerTransport>>();
  const streamable = new Map<string, StreamableSession>();
  const isFull = (): boolean => sse.size + streamable.size >= MAX_SESSIONS;

  const openStreamable = async (): Promise<StreamableSession> => {
    const id = randomUUID();
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    const session: StreamableSession = { transport, server: createServer(), openResponses: 0 };
    session.server.onclose = () => {
      clearTimeout(session.idleTimer);
      streamable.delete(id);
    };
    // Before `initialize` has been read, so that half-open sessions count too.
    streamable.set(id, session);
    // The SDK's class declares its handlers in a way that exactOptionalPropertyTypes does not take for a Transport.
    await session.server.connect(transport as Transport);
    return session;
  };

  return {
    async openSse(_request, response) {
      if (isFull()) return refuse(response, 503, 'Too many sessions');
      const server = createServer();
      const transport = new SSEServerTransport(MESSAGES_PATH, response);
      const heartbeat = setInterval(() => response.write(': ping\n\n'), HEARTBEAT_MS).unref();
      server.onclose = () => {
        clearInterval(heartbeat);
        sse.delete(transport.sessionId);
      };
      sse.set(transport.sessionId, { transport, server });
      await server.connect(transport);
    },

    async postSse(request, response, id) {
      const session = sse.get(id);
      if (!session) return refuse(response, 404, 'Session not found');
      await session.transport.handlePostMessage(request, response);
    },

    async streamableHttp(request, response) {
      const id = request.headers['mcp-session-id'];
      let session: StreamableSession | undefined;
      if (typeof id === 'string') {
        session = streamable.get(id);
        if (!session) return refuse(response, 404, 'Session not found');
      } else {
        if (request.method !== 'POST') return refuse(response, 400, 'Mcp-Session-Id header is required');
        if (isFull()) return refuse(response, 503, 'Too many sessions');
        session = await openStreamable();
      }
      await answerStreamable(session, request, response);
    },

    async closeAll() {
      await Promise.all([...sse.values(), ...streamable.values()].map(({ server }) => server.close()));
    },
  };

  async function answerStreamable(
    session: StreamableSession,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    clearTimeout(session.idleTimer);
    session.openResponses += 1;
    response.once('close', () => {
      session.openResponses -= 1;
      if (session.openResponses > 0 || !session.server.transport) return;
      // No id: what came was not an `initialize`, and nobody can come back to it.
      if (session.transport.sessionId === undefined) return void session.server.close();
      session.idleTimer = setTimeout(() => void session.server.close(), SESSION_IDLE_MS).unref();
    });
    await session.transport.handleRequest(request, response);
  }
}
