import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import type { Transport } from '../../src/relay/transport.ts';
import { SseUpstream } from '../../src/upstream/sse.ts';
import { StreamableHttpUpstream } from '../../src/upstream/streamable-http.ts';
import { answer, EventLog, messageOf, quietly } from '../parts/memory-transport.ts';
import {
  event,
  json,
  type RawRequest,
  type RawServer,
  response,
  STREAM_HEAD,
  startRawServer,
} from '../parts/raw-server.ts';

const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const WELCOME = answer('0', '{"protocolVersion":"2025-11-25"}');
/** Longer than servers take a header to be. */
const LONG_URI = `file:///${'x'.repeat(70_000)}`;
const BODY = ['accept', 'content-length', 'content-type', 'host'];
const VERSION = 'mcp-protocol-version';

/** Of what a header of a later revision would repeat: the method, and the name of what is meant. */
const REQUESTS = [
  ['tools/call', { name: 'drop_table', arguments: {} }],
  ['prompts/get', { name: 'greet' }],
  ['resources/read', { uri: LONG_URI }],
] as const;

let server: RawServer;
let upstream: Transport;
beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  const closed = upstream.close();
  await server.close();
  await closed;
});

const namesOf = ({ headers }: RawRequest): string[] => [...headers.keys()].sort();

/** Sends the requests one after the other, each of which is answered so. */
async function sendAll(bytes: string): Promise<RawRequest[]> {
  const posts: RawRequest[] = [];
  for (const [method, params] of REQUESTS) {
    quietly(upstream.send(messageOf(JSON.stringify({ jsonrpc: '2.0', id: method, method, params }))));
    const post = await server.next('POST');
    await post.reply(bytes);
    posts.push(post);
  }
  return posts;
}

describe('the headers of a request are those of its transport, and nothing of its message,', () => {
  it('over Streamable HTTP', async () => {
    const log = new EventLog();
    upstream = new StreamableHttpUpstream({ url: server.url('/mcp'), logger: silentLogger });
    await upstream.start(log);
    quietly(upstream.send(messageOf(INITIALIZE)));
    const first = await server.next('POST');
    expect(namesOf(first)).toEqual(BODY);
    await first.reply(json(WELCOME, { 'Mcp-Session-Id': 's1' }));
    await log.messageCount(1);
    quietly(upstream.send(messageOf(INITIALIZED)));
    await (await server.next('POST')).reply(response(202));
    const listening = await server.next('GET');
    expect(namesOf(listening)).toEqual(['accept', 'host', VERSION, 'mcp-session-id']);
    await listening.reply(response(405));
    for (const post of await sendAll(response(202))) {
      expect(namesOf(post)).toEqual([...BODY, VERSION, 'mcp-session-id']);
      expect(post.head.length).toBeLessThan(400);
    }
  });

  it('over legacy SSE', async () => {
    const log = new EventLog();
    upstream = new SseUpstream({ url: server.url('/sse'), logger: silentLogger });
    const started = upstream.start(log);
    const stream = await server.next('GET');
    expect(namesOf(stream)).toEqual(['accept', 'cache-control', 'host']);
    await stream.reply(STREAM_HEAD + event('/messages', 'event: endpoint\n'));
    await started;
    quietly(upstream.send(messageOf(INITIALIZE)));
    const first = await server.next('POST');
    expect(namesOf(first)).toEqual(BODY);
    await first.reply(response(202));
    await stream.connection.write(event(WELCOME));
    await log.messageCount(1);
    for (const post of await sendAll(response(202))) {
      expect(namesOf(post)).toEqual([...BODY, VERSION]);
      expect(post.head.length).toBeLessThan(400);
    }
  });
});
