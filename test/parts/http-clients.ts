/** A raw server for each test of a file, and HTTP clients to it that end with the test. */
import { afterEach, beforeEach } from 'vitest';
import {
  type Exchange,
  HttpClient,
  type HttpClientOptions,
  type HttpRequest,
} from '../../src/upstream/http/http-client.ts';
import { type RawServer, startRawServer } from './raw-server.ts';
import { ResponseRecorder } from './response-recorder.ts';

export const GET: HttpRequest = { method: 'GET', path: '/a?b=c', headers: 'X-A: b\r\n', timeoutMs: 0 };
export const post = (body: string): HttpRequest => ({ ...GET, method: 'POST', body: Buffer.from(body) });

export class HttpClients {
  readonly #clients: HttpClient[] = [];
  #server: RawServer | undefined;

  /** To be made once, where a test file begins. */
  constructor() {
    beforeEach(async () => {
      this.#server = await startRawServer();
    });
    afterEach(async () => {
      for (const client of this.#clients.splice(0)) client.close();
      await this.#server?.close();
    });
  }

  get server(): RawServer {
    if (this.#server === undefined) throw new Error('there is a server within tests only');
    return this.#server;
  }

  create(options: Partial<HttpClientOptions> = {}): HttpClient {
    return this.keep(new HttpClient({ url: this.server.url('/'), family: '4', connectTimeoutMs: 2000, ...options }));
  }

  /** A client that was made otherwise ends with the test too. */
  keep(client: HttpClient): HttpClient {
    this.#clients.push(client);
    return client;
  }
}

export function get(client: HttpClient, request: Partial<HttpRequest> = {}): ResponseRecorder & { exchange: Exchange } {
  const sink = new ResponseRecorder();
  return Object.assign(sink, { exchange: client.request({ ...GET, ...request }, sink) });
}
