/** An SSE upstream under the test's hand: says nothing by itself, not even heartbeats, and shows all that it was sent. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './deadline.ts';
import type { RawSseSession } from './raw-sse-session.ts';

export interface SilentUpstream {
  readonly url: string;
  readonly port: number;
  readonly posts: { readonly body: string; readonly headers: IncomingHttpHeaders }[];
  /** Requests of any kind, oldest first. */
  readonly requests: string[];
  readonly streamCount: () => number;
  /** Writes to the newest stream. */
  write(text: string): void;
  /** Ends every stream, in good order. */
  endStreams(): void;
  close(): Promise<void>;
}

export async function startSilentUpstream(): Promise<SilentUpstream> {
  const posts: SilentUpstream['posts'] = [];
  const requests: string[] = [];
  const streams = new Set<ServerResponse>();
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url}`);
    if (req.method === 'GET') {
      streams.add(res);
      res.on('close', () => streams.delete(res));
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(`event: endpoint\r\ndata: /messages/?session_id=${streams.size}\r\n\r\n`);
      return;
    }
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('end', () => {
      posts.push({ body, headers: req.headers });
      res.writeHead(202).end('Accepted');
    });
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/sse`,
    port,
    posts,
    requests,
    streamCount: () => streams.size,
    write: (text) => [...streams].at(-1)?.write(text),
    endStreams: () => {
      for (const stream of streams) stream.end();
    },
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        server.closeAllConnections();
      }),
  };
}

/** Takes a new session with this upstream through the handshake. */
export async function shakeHands(session: RawSseSession, upstream: SilentUpstream): Promise<void> {
  const before = upstream.posts.length;
  const initialized = session.initialize();
  await until('initialize has come', () => upstream.posts.length > before);
  upstream.write('event: message\ndata: {"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}\n\n');
  await initialized;
}
