/** A legacy SSE session spoken by hand: what arrives is kept byte for byte, with when it arrived. */
import type { IncomingMessage } from 'node:http';
import { until, within } from './deadline.ts';
import { type Connecting, INITIALIZE, JSON_HEADERS, placeOf, type RawAnswer, requestOf, send } from './raw-http.ts';

export interface RawSseSession {
  /** The path that the endpoint event announced. */
  readonly endpoint: string;
  readonly response: IncomingMessage;
  /** All that has arrived on the stream. */
  text(): string;
  /** When the text with this in it was complete, in milliseconds of the monotonic clock. */
  arrival(of: string, ms?: number): Promise<number>;
  post(body: string | Buffer, headers?: Readonly<Record<string, string>>): Promise<RawAnswer>;
  initialize(): Promise<void>;
  close(): void;
}

export async function openSse(
  origin: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  connecting: Connecting = {},
): Promise<RawSseSession> {
  const response = await new Promise<IncomingMessage>((fulfil, reject) => {
    const options = { ...placeOf(origin, connecting), path, headers: { accept: 'text/event-stream', ...headers } };
    requestOf(origin)(options, fulfil).on('error', reject).end();
  });
  if (response.statusCode !== 200) throw new Error(`GET ${path} was answered with ${response.statusCode}`);
  let text = '';
  let waiting: { readonly of: string; readonly fulfil: (at: number) => void }[] = [];
  response.setEncoding('utf8');
  response.on('error', () => {});
  response.on('data', (chunk: string) => {
    text += chunk;
    waiting = waiting.filter(({ of, fulfil }) => {
      if (!text.includes(of)) return true;
      fulfil(performance.now());
      return false;
    });
  });
  const arrival = (of: string, ms = 5000): Promise<number> =>
    text.includes(of)
      ? Promise.resolve(performance.now())
      : within(ms, `on the stream: ${of}`, new Promise((fulfil) => waiting.push({ of, fulfil })));
  await until('the endpoint event', () => /\n\r?\n/.test(text));
  const endpoint = /^event: endpoint\r?\ndata: (\S+)/.exec(text)?.[1];
  if (endpoint === undefined) throw new Error(`the first event is no endpoint: ${text}`);
  const post: RawSseSession['post'] = (body, more = {}) =>
    send(
      origin,
      { method: 'POST', path: endpoint, headers: { ...JSON_HEADERS, ...headers, ...more }, body },
      connecting,
    );
  return {
    endpoint,
    response,
    text: () => text,
    arrival,
    post,
    initialize: async () => {
      await post(INITIALIZE);
      await arrival('"id":0');
      await post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    },
    close: () => response.destroy(),
  };
}
