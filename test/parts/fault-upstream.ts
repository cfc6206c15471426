/** An MCP server under the test's hand, over either transport: it shakes hands by itself, and leaves every call to the test. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readMessage } from '../../src/message/message.ts';
import { until } from './deadline.ts';

export type UpstreamSpeech = 'sse' | 'http';

/** A request that is no handshake, as it arrived; nothing is answered until the test says so. */
export interface FaultCall {
  /** The bytes of its id. */
  readonly id: string;
  readonly body: string;
  /** The response to its POST; over SSE it is over already. */
  readonly response: ServerResponse;
  /** Sends a message where the answer belongs: on the stream of the session, or on that of the POST. */
  say(message: string, eventId?: string): void;
  /** Sends these bytes on the same stream. */
  write(bytes: string): void;
  /** Sends a result with this text; over Streamable HTTP the response ends with it. */
  answer(text?: string): void;
  /** Ends, in good order, the stream on which the answer would come. */
  end(): void;
  /** The same as a crash does it. */
  reset(): void;
}

export interface FaultUpstream {
  readonly speech: UpstreamSpeech;
  readonly port: number;
  readonly url: string;
  readonly calls: readonly FaultCall[];
  /** Bodies of all POSTs. */
  readonly posts: readonly string[];
  /** Method, path and Last-Event-ID of all requests. */
  readonly requests: readonly { readonly method: string; readonly path: string; readonly lastEventId: string }[];
  /** Sessions that were opened and not ended. */
  readonly sessionCount: number;
  readonly socketCount: number;
  /** The call with this index, as soon as it has arrived. */
  call(index: number): Promise<FaultCall>;
  /** What a request is answered with in place of the usual; returns whether it was. */
  instead: ((req: IncomingMessage, res: ServerResponse, body: string) => boolean) | undefined;
  /** Ends every connection at once, listens no more and forgets its sessions, as a killed process does. */
  kill(): Promise<void>;
}

const STREAM = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };

export async function startFaultUpstream(speech: UpstreamSpeech, port = 0): Promise<FaultUpstream> {
  const upstream = new HandledUpstream(speech);
  await upstream.listen(port);
  return upstream;
}

class HandledUpstream implements FaultUpstream {
  readonly speech: UpstreamSpeech;
  readonly calls: FaultCall[] = [];
  readonly posts: string[] = [];
  readonly requests: { method: string; path: string; lastEventId: string }[] = [];
  readonly #sessions = new Map<string, ServerResponse | undefined>();
  readonly #server: Server;
  #made = 0;
  port = 0;
  socketCount = 0;
  instead: FaultUpstream['instead'];

  constructor(speech: UpstreamSpeech) {
    this.speech = speech;
    this.#server = createServer((req, res) => this.#read(req, res));
    this.#server.on('connection', (socket) => {
      this.socketCount++;
      socket.on('close', () => this.socketCount--);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/${this.speech === 'sse' ? 'sse' : 'mcp'}`;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((fulfil) => this.#server.listen(port, '127.0.0.1', fulfil));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async call(index: number): Promise<FaultCall> {
    await until(`call ${index} is at the server`, () => this.calls.length > index);
    return this.calls[index]!;
  }

  kill(): Promise<void> {
    this.#sessions.clear();
    return new Promise((fulfil) => {
      this.#server.close(() => fulfil());
      this.#server.closeAllConnections();
    });
  }

  #read(req: IncomingMessage, res: ServerResponse): void {
    res.on('error', () => {});
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('error', () => {});
    req.on('end', () => {
      const { method = '', url = '', headers } = req;
      this.requests.push({ method, path: url, lastEventId: String(headers['last-event-id'] ?? '') });
      if (method === 'POST') this.posts.push(body);
      if (this.instead?.(req, res, body) === true) return;
      if (this.speech === 'sse') this.#serveSse(req, res, body);
      else this.#serveHttp(req, res, body);
    });
  }

  #serveSse(req: IncomingMessage, res: ServerResponse, body: string): void {
    if (req.method === 'GET') {
      const id = `s${++this.#made}`;
      this.#sessions.set(id, res);
      res.on('close', () => this.#sessions.delete(id));
      res.writeHead(200, STREAM).write(`event: endpoint\ndata: /messages?session_id=${id}\n\n`);
      return;
    }
    const stream = this.#sessions.get(/session_id=(\w+)/.exec(req.url ?? '')?.[1] ?? '');
    if (stream === undefined) {
      res.writeHead(404).end('Could not find session');
      return;
    }
    res.writeHead(202).end('Accepted');
    this.#take(body, stream, res);
  }

  #serveHttp(req: IncomingMessage, res: ServerResponse, body: string): void {
    const named = req.headers['mcp-session-id'];
    const isFirst = named === undefined && body.includes('"initialize"');
    const id = isFirst ? `h${++this.#made}` : String(named);
    if (isFirst) this.#sessions.set(id, undefined);
    if (!this.#sessions.has(id)) {
      res.writeHead(404).end('Session not found');
      return;
    }
    res.setHeader('mcp-session-id', id);
    if (req.method === 'DELETE') {
      this.#sessions.delete(id);
      res.writeHead(200).end();
    } else if (req.method === 'GET') res.writeHead(200, STREAM).flushHeaders();
    else if (readMessage(Buffer.from(body)).kind !== 'request') res.writeHead(202).end();
    else this.#take(body, res, res);
  }

  #take(body: string, stream: ServerResponse, response: ServerResponse): void {
    const { kind, id = 'null', method } = readMessage(Buffer.from(body));
    if (kind !== 'request') return;
    const write = (bytes: string): void => {
      if (!stream.headersSent) stream.writeHead(200, STREAM);
      stream.write(bytes);
    };
    const say = (message: string, eventId?: string): void => {
      write(`${eventId === undefined ? '' : `id: ${eventId}\n`}event: message\ndata: ${message}\n\n`);
    };
    const end = (): void => {
      if (!stream.headersSent) stream.writeHead(200, STREAM);
      stream.end();
    };
    const answerWith = (result: string): void => {
      say(`{"jsonrpc":"2.0","id":${id},"result":${result}}`);
      if (this.speech === 'http') end();
    };
    if (method === 'initialize') {
      const serverInfo = '"serverInfo":{"name":"fault-upstream","version":"1"}';
      answerWith(`{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},${serverInfo}}`);
      return;
    }
    this.calls.push({
      id,
      body,
      response,
      say,
      write,
      answer: (text = 'done') => answerWith(`{"content":[{"type":"text","text":${JSON.stringify(text)}}]}`),
      end,
      reset: () => void stream.socket?.resetAndDestroy(),
    });
  }
}
