/** An MCP client spoken by hand over either transport: every message that arrives is kept as the bytes it came in. */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { readMessage } from '../../src/message/message.ts';
import { SseDecoder } from '../../src/message/sse-decoder.ts';
import { until, within } from './deadline.ts';
import type { Cut } from './fault-proxy.ts';
import { INITIALIZE, JSON_HEADERS } from './raw-http.ts';

export type Speech = 'sse' | 'http';

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  /** Settles when the body is over: whether it came to its end in good order. */
  readonly isComplete: Promise<boolean>;
}

export interface ClientOptions {
  readonly path?: string;
  /** As JSON; default: none. */
  readonly capabilities?: string;
  readonly respond?: Respond;
}

/** What the client answers a request of the server with; undefined where it says nothing. */
export type Respond = (method: string | undefined) => string | undefined;

export interface RawMcpClient {
  readonly speech: Speech;
  /** All that arrived on any stream or in any body, oldest first. */
  readonly messages: readonly string[];
  /** Sends one message; settles when the head of the response is there. */
  post(body: string): Promise<Reply>;
  /**
   * Sends a `tools/call` under this id, as bytes. The head of a response over Streamable HTTP comes with its answer;
   * undefined where the connection was lost before.
   */
  call(id: string, name?: string): Promise<Reply | undefined>;
  /** All answers under this id so far: one is right, none and two are not. */
  answers(id: string): readonly string[];
  /** The answer under this id, as soon as there is one. */
  answer(id: string, ms?: number): Promise<string>;
  /** Ports of this side of every connection that was ever made, the newest last. */
  readonly ports: readonly number[];
  readonly hasVanished: boolean;
  /** Whether the stream on which answers come has ended: that of SSE alone. */
  readonly isStreamLost: boolean;
  /** Whether the stream of the session has ended; over Streamable HTTP there is none unless `listen` was called. */
  readonly isEnded: boolean;
  /** Opens the GET stream of Streamable HTTP; over SSE it is there already. */
  listen(): Promise<void>;
  /** Reads nothing any more on the connections that are open. */
  stall(): void;
  /** Closes every connection without another word. */
  vanish(how: Cut): void;
  /** Ends the session as its transport has it. */
  close(): Promise<void>;
}

/** Opens a session and shakes hands. Rejects with the status where it is refused. */
export async function openClient(
  origin: string,
  speech: Speech,
  headers: Readonly<Record<string, string>> = {},
  { path = speech === 'sse' ? '/sse' : '/mcp', capabilities = '{}', respond = () => undefined }: ClientOptions = {},
): Promise<RawMcpClient> {
  const client = new HandSpokenClient(origin, speech, headers, path, respond);
  try {
    await client.open(INITIALIZE.replace('"capabilities":{}', `"capabilities":${capabilities}`));
  } catch (thrown) {
    client.vanish('fin');
    throw thrown;
  }
  return client;
}

class HandSpokenClient implements RawMcpClient {
  readonly speech: Speech;
  readonly messages: string[] = [];
  readonly ports: number[] = [];
  readonly #respond: Respond;
  readonly #origin: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #sockets = new Set<Socket>();
  #path: string;
  #sessionId: string | undefined;
  hasVanished = false;
  isEnded = false;

  constructor(
    origin: string,
    speech: Speech,
    headers: Readonly<Record<string, string>>,
    path: string,
    respond: Respond,
  ) {
    this.#respond = respond;
    this.speech = speech;
    this.#origin = new URL(origin);
    this.#headers = headers;
    this.#path = path;
  }

  get isStreamLost(): boolean {
    return this.speech === 'sse' && this.isEnded;
  }

  async open(initialize: string): Promise<void> {
    if (this.speech === 'sse') await this.#openStream();
    const reply = await this.post(initialize);
    if (reply.status > 202) throw new Error(`initialize was answered ${reply.status}: ${this.messages.join()}`);
    await this.answer('0');
    await this.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  }

  async post(body: string): Promise<Reply> {
    const response = await this.#send('POST', this.#path, body);
    const { statusCode: status = 0, headers } = response;
    const contentType = String(headers['content-type'] ?? '');
    if (typeof headers['mcp-session-id'] === 'string') this.#sessionId = headers['mcp-session-id'];
    this.#read(response, contentType);
    const isComplete = new Promise<boolean>((fulfil) => response.on('close', () => fulfil(response.complete)));
    return { status, contentType, isComplete };
  }

  call(id: string, name = 'any'): Promise<Reply | undefined> {
    const params = `{"name":${JSON.stringify(name)},"arguments":{}}`;
    return this.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`).catch(() => undefined);
  }

  answers(id: string): readonly string[] {
    return this.messages.filter((text) => {
      const message = readMessage(Buffer.from(text));
      return message.kind === 'response' && message.id === id;
    });
  }

  async answer(id: string, ms = 5000): Promise<string> {
    await until(`the answer under ${id}`, () => this.answers(id).length > 0, ms);
    return this.answers(id)[0]!;
  }

  async listen(): Promise<void> {
    if (this.speech === 'sse') return;
    const response = await this.#send('GET', this.#path);
    if (response.statusCode !== 200) throw new Error(`GET was answered ${response.statusCode}`);
    this.#read(response, 'text/event-stream');
    response.on('close', () => {
      this.isEnded = true;
    });
  }

  stall(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  vanish(how: Cut): void {
    this.hasVanished = true;
    for (const socket of this.#sockets) {
      if (how === 'rst') Object.assign(socket, { resetAndClosing: !socket.connecting }).destroy();
      else socket.destroy();
    }
  }

  async close(): Promise<void> {
    if (this.speech === 'http' && this.#sessionId !== undefined && !this.hasVanished) {
      const response = await this.#send('DELETE', this.#path);
      response.resume();
    }
    this.vanish('fin');
  }

  async #openStream(): Promise<void> {
    const response = await this.#send('GET', this.#path);
    if (response.statusCode !== 200) {
      this.#read(response, String(response.headers['content-type']));
      throw new Error(`GET was answered ${response.statusCode}`);
    }
    const endpoint = new Promise<string>((fulfil) => this.#read(response, 'text/event-stream', fulfil));
    response.on('close', () => {
      this.isEnded = true;
    });
    this.#path = await within(5000, 'the endpoint event', endpoint);
  }

  #receive(text: string): void {
    this.messages.push(text);
    const { kind, id, method } = readMessage(Buffer.from(text));
    const result = kind === 'request' ? this.#respond(method) : undefined;
    if (result !== undefined) this.post(`{"jsonrpc":"2.0","id":${id},"result":${result}}`).catch(() => {});
  }

  #read(response: IncomingMessage, contentType: string, onEndpoint?: (path: string) => void): void {
    response.on('error', () => {});
    if (contentType === 'text/event-stream') {
      const decoder = new SseDecoder(
        {
          event: ({ type, data }) => {
            if (type === 'endpoint') onEndpoint?.(data.toString());
            else this.#receive(data.toString());
          },
          tooLarge: () => response.destroy(),
        },
        2 ** 26,
      );
      response.on('data', (chunk: Buffer) => decoder.push(chunk));
      return;
    }
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => text !== '' && this.messages.push(text));
  }

  #send(method: string, path: string, body?: string): Promise<IncomingMessage> {
    const session = this.#sessionId === undefined ? {} : { 'mcp-session-id': this.#sessionId };
    const accept = method === 'GET' ? { accept: 'text/event-stream' } : JSON_HEADERS;
    return new Promise((fulfil, reject) => {
      const outgoing = request(
        {
          host: this.#origin.hostname,
          port: this.#origin.port,
          method,
          path,
          headers: { ...accept, ...session, ...this.#headers },
          agent: false,
        },
        fulfil,
      );
      outgoing.on('socket', (socket) => {
        this.#sockets.add(socket);
        socket.on('connect', () => this.ports.push(socket.localPort ?? 0));
        socket.on('close', () => this.#sockets.delete(socket));
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}
