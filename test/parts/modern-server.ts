/** A real MCP server of 2026-07-28, of the official SDK's second version, on 127.0.0.1: no sessions, a POST a request. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  acceptedContent,
  createMcpHandler,
  inputRequired,
  type McpHttpHandler,
  McpServer,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

export interface ModernServer {
  readonly url: string;
  readonly port: number;
  /** Every POST that reached the server, oldest first. */
  readonly seen: { readonly headers: IncomingHttpHeaders; readonly body: string; answer: string; status: number }[];
  /** Tells open subscriptions that something has changed. */
  readonly notify: McpHttpHandler['notify'];
  /** Calls of the tool `wait` that are running, and those that were cancelled. */
  readonly waiting: { running: number; cancelled: number };
  /** Connections open at the moment. */
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

export interface ModernServerOptions {
  /** Told apart by its name where there are several. */
  readonly name?: string;
  /** Whether clients of the legacy era are served as well; default false. */
  readonly isDual?: boolean;
  /** What `initialize` is refused with, in place of what this SDK says. */
  readonly refusal?: { readonly status: number; readonly body: string };
  /** Default: any that is free. */
  readonly port?: number;
}

export async function startModernServer(options: ModernServerOptions = {}): Promise<ModernServer> {
  const { name = 'modern-server', isDual = false, refusal } = options;
  const seen: ModernServer['seen'] = [];
  const waiting = { running: 0, cancelled: 0 };
  const handler = createMcpHandler(() => createTools(name, waiting), { legacy: isDual ? 'stateless' : 'reject' });
  const handle = toNodeHandler(handler);
  const sockets = new Set<Socket>();
  const listener = createServer(async (req, res) => {
    if (req.url !== '/mcp') {
      res.writeHead(404).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const record = { headers: req.headers, body, answer: '', status: 0 };
    seen.push(record);
    if (refusal !== undefined && body.includes('"initialize"')) {
      res.writeHead(refusal.status, { 'content-type': 'application/json' }).end(refusal.body);
      return;
    }
    const write = res.write.bind(res) as (chunk: Uint8Array) => boolean;
    const keep = (chunk: unknown): void => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array)
        record.answer += Buffer.from(chunk as Uint8Array).toString();
      record.status = res.statusCode;
    };
    res.write = ((chunk: Uint8Array) => {
      keep(chunk);
      return write(chunk);
    }) as typeof res.write;
    const end = res.end.bind(res) as (chunk?: unknown) => typeof res;
    res.end = ((chunk?: unknown) => {
      keep(chunk);
      return end(chunk);
    }) as typeof res.end;
    await handle(req as Parameters<typeof handle>[0], res, body === '' ? undefined : (JSON.parse(body) as unknown));
  });
  listener.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  listener.listen(options.port ?? 0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    seen,
    notify: handler.notify,
    waiting,
    sockets,
    close: async () => {
      await handler.close();
      listener.closeAllConnections();
      await new Promise<void>((fulfil) => listener.close(() => fulfil()));
    },
  };
}

function createTools(name: string, waiting: ModernServer['waiting']): McpServer {
  const server = new McpServer(
    { name, version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, prompts: {} } },
  );
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  server.registerTool(
    'region',
    {
      inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
    },
    ({ region }) => ({ content: [{ type: 'text', text: region }] }),
  );
  server.registerTool('wait', { inputSchema: z.object({}) }, async (_args, { mcpReq }) => {
    waiting.running++;
    await new Promise<void>((fulfil) => {
      if (mcpReq.signal.aborted) fulfil();
      mcpReq.signal.addEventListener('abort', () => fulfil());
    });
    waiting.running--;
    waiting.cancelled++;
    return { content: [] };
  });
  server.registerTool('progress', { inputSchema: z.object({}) }, async (_args, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of [1, 2, 3]) {
      if (progressToken !== undefined)
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } });
    }
    return { content: [{ type: 'text', text: 'done' }] };
  });
  const answers = z.object({ colour: z.string() });
  server.registerTool('ask', { inputSchema: z.object({}) }, (_args, { mcpReq }) => {
    const answer = acceptedContent(mcpReq.inputResponses, 'colour', answers);
    if (answer !== undefined)
      return { content: [{ type: 'text', text: `${answer.colour} ${String(mcpReq.requestState())}` }] };
    return inputRequired({
      inputRequests: { colour: inputRequired.elicit({ message: 'Which colour?', requestedSchema: answers }) },
      requestState: 'st\u00e4te/+= 12345678901234567890',
    });
  });
  server.registerResource('note', 'note:///one', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'a note' }] }));
  server.registerResource('big', 'note:///big', {}, (uri) => ({
    contents: [{ uri: uri.href, text: 'x'.repeat(10_000_000) }],
  }));
  server.registerPrompt('greet', { argsSchema: z.object({ who: z.string() }) }, ({ who }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${who}` } }],
  }));
  return server;
}
