/** A small MCP server on 127.0.0.1 over legacy SSE (/sse) and Streamable HTTP (/mcp), in order unless a part of it is staged otherwise. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Identity } from './certificates.ts';
import { within } from './deadline.ts';

export interface Staging {
  /** Deals with a request itself and says so; those with a foreign Host are refused before. */
  readonly intercept?: (req: IncomingMessage, res: ServerResponse) => boolean;
  /** Headers of every response. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers of the event stream alone. */
  readonly streamHeaders?: Readonly<Record<string, string>>;
  /** What the event stream begins with; undefined for its endpoint. */
  readonly opening?: string;
  /** In place of a result: an error, or nothing at all. */
  readonly answers?: Readonly<Record<string, { readonly code: number; readonly message: string } | 'nothing'>>;
  /** Of these methods the answer on an event stream is held back until the next one, as by a proxy that buffers. */
  readonly held?: readonly string[];
  /** After the answer to this method, event streams are ended. */
  readonly cutAfter?: string;
  /** In place of the usual results. */
  readonly results?: Readonly<Record<string, object>>;
  /** Default `/sse` and `/mcp`. */
  readonly paths?: { readonly sse: string; readonly http: string };
  /** Comments on idle streams; default true. */
  readonly isBeating?: boolean;
  /** Whether a foreign Host is refused; default true. */
  readonly isGuarded?: boolean;
  /** Whether pages may read the session's id; default true. */
  readonly isExposed?: boolean;
  readonly identity?: Pick<Identity, 'cert' | 'key'>;
}

export interface StagedMcp {
  readonly port: number;
  readonly url: (path: string) => URL;
  /** Sessions of Streamable HTTP, and event streams, that are open. */
  readonly openCount: () => number;
  readonly methods: string[];
  close(): Promise<void>;
}

const BEAT_MS = 10;
const ALLOWED = 'authorization, content-type, mcp-session-id, mcp-protocol-version, last-event-id';

export async function startStagedMcp(staging: Staging = {}): Promise<StagedMcp> {
  const { sse, http } = staging.paths ?? { sse: '/sse', http: '/mcp' };
  const { intercept, headers = {}, streamHeaders = {}, answers = {}, identity } = staging;
  const sessions = new Set<string>();
  const streams = new Set<ServerResponse>();
  const methods: string[] = [];
  let heldBack = '';
  const beat = setInterval(() => {
    if (staging.isBeating !== false) for (const stream of streams) stream.write(': beat\n\n');
  }, BEAT_MS);

  const answerTo = (body: string): string | undefined => {
    const { id, method } = JSON.parse(body) as { id?: string; method: string };
    methods.push(method);
    const staged = answers[method];
    if (id === undefined || staged === 'nothing') return undefined;
    if (staged !== undefined) return JSON.stringify({ jsonrpc: '2.0', id, error: staged });
    return JSON.stringify({ jsonrpc: '2.0', id, result: staging.results?.[method] ?? RESULTS[method] ?? {} });
  };

  const openStream = (res: ServerResponse, opening: string): void => {
    res.writeHead(200, { 'content-type': 'text/event-stream', ...streamHeaders });
    res.flushHeaders();
    if (opening !== '') res.write(opening);
    streams.add(res);
    res.on('close', () => streams.delete(res));
  };

  const serve = (req: IncomingMessage, res: ServerResponse, body: string): void => {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    const { method } = req;
    // As proxies write it (RFC 9112 §3.2.2).
    const url = (req.url ?? '').replace(/^http:\/\/[^/]+/, '');
    if (staging.isGuarded !== false && !/^127\.0\.0\.1:\d+$|^localhost:\d+$/.test(req.headers.host ?? '')) {
      res.writeHead(421).end('Invalid Host header');
      return;
    }
    if (intercept?.(req, res)) return;
    if (req.headers.origin !== undefined) {
      res.setHeader('access-control-allow-origin', req.headers.origin);
      res.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
      res.setHeader('access-control-allow-headers', ALLOWED);
      if (staging.isExposed !== false) res.setHeader('access-control-expose-headers', 'mcp-session-id');
    }
    if (method === 'OPTIONS') res.writeHead(204).end();
    else if (method === 'GET' && url === sse) {
      openStream(res, staging.opening ?? 'event: endpoint\ndata: /messages?session=1\n\n');
    } else if (method === 'POST' && url.startsWith('/messages')) {
      const answer = answerTo(body);
      res.writeHead(202).end('Accepted');
      if (answer === undefined) return;
      heldBack += `event: message\ndata: ${answer}\n\n`;
      const { method: asked } = JSON.parse(body) as { method: string };
      if (staging.held?.includes(asked)) return;
      for (const stream of streams) stream.write(heldBack);
      heldBack = '';
      if (staging.cutAfter === asked) for (const stream of streams) stream.end();
    } else if (url === http && method === 'GET') {
      if (sessions.has(String(req.headers['mcp-session-id']))) openStream(res, '');
      else res.writeHead(400).end('no session');
    } else if (url === http && method === 'DELETE') {
      sessions.delete(String(req.headers['mcp-session-id']));
      res.writeHead(204).end();
    } else if (url === http && method === 'POST') {
      const answer = answerTo(body);
      const { method: asked, id } = JSON.parse(body) as { id?: string; method: string };
      if (asked === 'initialize') {
        sessions.add('a-session');
        res.setHeader('mcp-session-id', 'a-session');
      }
      if (answer !== undefined) res.writeHead(200, { 'content-type': 'application/json' }).end(answer);
      else if (id === undefined) res.writeHead(202).end();
    } else if (url === sse || url === http) res.writeHead(405).end();
    else res.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
  };

  const listen = (req: IncomingMessage, res: ServerResponse): void => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => serve(req, res, Buffer.concat(chunks).toString()));
  };
  const server: Server =
    identity === undefined ? createServer(listen) : createTlsServer({ cert: identity.cert, key: identity.key }, listen);
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: (path) => new URL(`${identity === undefined ? 'http' : 'https'}://127.0.0.1:${port}${path}`),
    openCount: () => sessions.size + streams.size,
    methods,
    close: () => {
      clearInterval(beat);
      server.closeAllConnections();
      return within(5000, 'the staged server to close', new Promise((fulfil) => server.close(() => fulfil())));
    },
  };
}

const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'staged', version: '1.0' },
  },
  'tools/list': { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] },
};
