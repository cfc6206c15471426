import { DrawbridgeError } from '../errors.ts';
import {
  CAPABILITIES_FIELD,
  CLIENT_INFO_FIELD,
  LEGACY_VERSIONS,
  MODERN_VERSION,
  VERSION_FIELD,
} from '../message/era.ts';
import type { SseEvent } from '../message/sse-decoder.ts';
import { errorFromResponse } from '../upstream/response-errors.ts';
import type { Walk } from './walk-state.ts';
import type { WatchedExchange } from './watched-exchange.ts';

export interface Reply {
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
  /** From the request to its answer. */
  readonly ms: number;
}

/** A request that was sent. */
export interface Asked {
  readonly id: string;
  readonly method: string;
  readonly sentAt: number;
  readonly exchange: WatchedExchange;
  readonly reply: Promise<Omit<Reply, 'ms'>>;
}

const CLIENT = { name: 'mcp-drawbridge-check', version: '1' };
const QUOTED_BYTES = 1024;
/** Of what a server asks; one that asks more is not worth it. */
const MAX_ANSWERS = 50;

export const INITIALIZE_PARAMS = {
  protocolVersion: LEGACY_VERSIONS[0],
  capabilities: {},
  clientInfo: CLIENT,
} as const;

/** One message as its JSON. */
export function requestBody(id: string, method: string, params?: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
}

/** A session with the server, over an event stream that is watched elsewhere, or over Streamable HTTP. */
export class McpSession {
  readonly #walk: Walk;
  readonly #pending = new Map<string, (reply: Omit<Reply, 'ms'>) => void>();
  #count = 0;
  #answered = 0;
  #isClosed = false;
  sessionId: string | undefined;
  version: string | undefined;
  era: 'legacy' | 'modern' = 'legacy';
  /** Of `initialize`, or of `server/discover`. */
  capabilities: Readonly<Record<string, unknown>> = {};

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  /** Sends a request; `answerTo` waits for what comes of it. */
  post(method: string, params?: object, headers = ''): Asked {
    const id = `check-${++this.#count}`;
    const reply = new Promise<Omit<Reply, 'ms'>>((fulfil) => this.#pending.set(id, fulfil));
    const isModern = this.era === 'modern';
    const body = requestBody(id, method, this.paramsOf(params));
    const modern = isModern ? `Mcp-Method: ${method}\r\n` : '';
    const exchange = this.#send(body, headers + modern);
    return { id, method, sentAt: performance.now(), exchange, reply };
  }

  /** What a request says of itself since 2026-07-28 stands in its parameters. */
  paramsOf(params?: object): object | undefined {
    return this.era === 'modern' ? { ...params, _meta: MODERN_META } : params;
  }

  /** The answer, however it comes; throws why there is none. */
  async answerTo({ id, method, sentAt, exchange, reply }: Asked): Promise<Reply> {
    const { timeoutMs, url, kind } = this.#walk;
    const late = (): DrawbridgeError =>
      new DrawbridgeError('upstream_timeout', `${method} was not answered within ${timeoutMs} ms`, {
        hint: 'The server takes the request and does not answer it: is it busy, hung, or waiting for its database?',
      });
    if (!(await exchange.answered(timeoutMs))) throw late();
    const isPlain = kind === 'http' && !exchange.isEventStream;
    if (isPlain) await exchange.ended(timeoutMs);
    if (isPlain && exchange.isOver) this.receive(exchange.body);
    if (this.#pending.has(id) && (isPlain || exchange.status >= 300) && exchange.response !== undefined) {
      if (!isPlain) await exchange.ended(timeoutMs);
      throw errorFromResponse(url.host, exchange.response, exchange.body.toString('utf8', 0, QUOTED_BYTES), true);
    }
    const stream = kind === 'http' ? exchange : (this.#walk.first ?? exchange);
    const isIn = await stream.until(() => !this.#pending.has(id) || stream.isOver, timeoutMs);
    if (!this.#pending.has(id)) return { ...(await reply), ms: Math.round(performance.now() - sentAt) };
    if (isIn) throw new DrawbridgeError('upstream_lost', `the stream ended before ${method} was answered`);
    throw late();
  }

  async ask(method: string, params?: object): Promise<Reply> {
    return this.answerTo(this.post(method, params));
  }

  async notify(method: string): Promise<void> {
    const exchange = this.#send(JSON.stringify({ jsonrpc: '2.0', method }));
    await exchange.ended(this.#walk.timeoutMs);
  }

  /** For event streams: takes what came. */
  readonly take = (event: SseEvent): void => {
    if (event.type === 'message') this.receive(event.data);
  };

  /** Answers are handed to who asked; what the server asks is answered, so that it takes nobody for dead. */
  receive(bytes: Buffer): void {
    const message = readObject(bytes);
    const { id, method, result, error } = message ?? {};
    if (typeof method === 'string') {
      if (id === undefined || this.#isClosed || ++this.#answered > MAX_ANSWERS) return;
      const answer = method === 'ping' ? { result: {} } : { error: { code: -32601, message: 'only a check' } };
      this.#send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
      return;
    }
    if (message === undefined || (result === undefined && error === undefined)) return;
    // An error may name no request; then it is the answer to the only one that is under way.
    const key = typeof id === 'string' ? id : [...this.#pending.keys()].at(-1);
    const settle = key === undefined ? undefined : this.#pending.get(key);
    if (key !== undefined) this.#pending.delete(key);
    settle?.(message as Omit<Reply, 'ms'>);
  }

  /** Ends the session where there is one. Never rejects. */
  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    const { kind, path, first } = this.#walk;
    if (kind === 'sse') first?.abort();
    if (this.sessionId === undefined) return Promise.resolve();
    return new Promise((fulfil) => {
      const done = (): void => fulfil();
      this.#walk
        .newClient()
        .request(
          { method: 'DELETE', path, headers: this.headers(), timeoutMs: 0 },
          { head: done, data: done, end: done, fail: done },
        );
    });
  }

  /** The header lines of a request in this session. */
  headers(): string {
    const session = this.sessionId === undefined ? '' : `Mcp-Session-Id: ${this.sessionId}\r\n`;
    const version = this.era === 'modern' ? MODERN_VERSION : this.version;
    return session + (version === undefined ? '' : `MCP-Protocol-Version: ${version}\r\n`) + this.#walk.ownHeaders;
  }

  #send(body: string, headers = ''): WatchedExchange {
    const lines = `Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n${headers}${this.headers()}`;
    const { postPath, path } = this.#walk;
    return this.#walk.request(
      { method: 'POST', path: postPath ?? path, headers: lines, body: Buffer.from(body) },
      { onEvent: this.take },
    );
  }
}

const MODERN_META = {
  [VERSION_FIELD[2]]: MODERN_VERSION,
  [CAPABILITIES_FIELD[2]]: {},
  [CLIENT_INFO_FIELD[2]]: CLIENT,
};

/** A JSON object; undefined for anything else. */
export function readObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
