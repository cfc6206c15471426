/** Requests as bytes and answers as status, headers and text, with nothing in between that corrects them. */
import { request as requestHttp } from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** How a connection is made, where it is not a plain one: authorities trusted, where a name leads, the own address. */
export type Connecting = Pick<RequestOptions, 'ca' | 'lookup' | 'localAddress'>;

/** One request on a connection of its own; a response that is a stream is cut after its head. */
export function send(
  origin: string,
  { method = 'GET', path, headers = {}, body }: RawRequest,
  connecting: Connecting = {},
): Promise<RawAnswer> {
  return new Promise((fulfil, reject) => {
    const req = requestOf(origin)(
      { ...placeOf(origin, connecting), method, path, headers: { connection: 'close', ...headers } },
      (res) => {
        const { statusCode = 0 } = res;
        if (res.headers['content-type'] === 'text/event-stream') {
          fulfil({ status: statusCode, headers: res.headers, body: '' });
          res.destroy();
          return;
        }
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => {
          text += chunk;
        });
        res.on('end', () => fulfil({ status: statusCode, headers: res.headers, body: text }));
        res.on('error', reject);
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}

/** What sends a request there: of http or https. */
export const requestOf = (origin: string): typeof requestHttps =>
  new URL(origin).protocol === 'https:' ? requestHttps : requestHttp;

/** A connection of its own to there, for a request. */
export function placeOf(origin: string, connecting: Connecting): RequestOptions {
  const { hostname, port } = new URL(origin);
  return { ...connecting, host: hostname, port, agent: false };
}

export const JSON_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

export const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});
