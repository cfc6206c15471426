import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { StreamableHttpUpstream } from '../../src/upstream/streamable-http.ts';
import type { UpstreamOptions } from '../../src/upstream/upstream-options.ts';
import { until, within } from '../parts/deadline.ts';
import { answer, EventLog, messageOf, quietly, rejectionOf, request } from '../parts/memory-transport.ts';
import { event, json, type RawServer, response, STREAM_HEAD, startRawServer } from '../parts/raw-server.ts';

let server: RawServer;
const upstreams: StreamableHttpUpstream[] = [];

beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  const closed = Promise.all(upstreams.splice(0).map((upstream) => upstream.close()));
  await server.close();
  await closed;
});

interface Started {
  readonly upstream: StreamableHttpUpstream;
  readonly log: EventLog;
}

async function start(options: Partial<UpstreamOptions> = {}): Promise<Started> {
  const upstream = new StreamableHttpUpstream({ url: server.url('/mcp'), logger: silentLogger, ...options });
  upstreams.push(upstream);
  const log = new EventLog();
  await upstream.start(log);
  return { upstream, log };
}

const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const WELCOME = answer('0', '{"protocolVersion":"2025-06-18"}');

/** Handshake done, session `s1`; the GET that follows it is answered with a 405. */
async function open(options: Partial<UpstreamOptions> = {}): Promise<Started> {
  const { upstream, log } = await start(options);
  quietly(upstream.send(messageOf(INITIALIZE)));
  await (await server.next('POST')).reply(json(WELCOME, { 'Mcp-Session-Id': 's1' }));
  await log.messageCount(1);
  quietly(upstream.send(messageOf(INITIALIZED)));
  await (await server.next('POST')).reply(response(202));
  await (await server.next('GET')).reply(response(405));
  log.messages.length = 0;
  return { upstream, log };
}

/** The error message that stands in for an answer. */
function errorIn(text: string | undefined): { id: unknown; reason: string; message: string } {
  const { id, error } = JSON.parse(text ?? '') as { id: unknown; error: { message: string; data: { reason: string } } };
  return { id, reason: error.data.reason, message: error.message };
}

describe('the handshake', () => {
  it('lets nothing else leave before initialize is answered and initialized accepted', async () => {
    const { upstream, log } = await start();
    for (const text of [INITIALIZE, INITIALIZED, request('1', 'tools/list'), request('2')]) {
      quietly(upstream.send(messageOf(text)));
    }
    const first = await server.next('POST');
    expect([first.body, first.headers.has('mcp-session-id')]).toEqual([INITIALIZE, false]);
    await first.reply(STREAM_HEAD + event(WELCOME));
    await log.messageCount(1);
    const second = await server.next('POST');
    expect(second.body).toBe(INITIALIZED);
    for (let turn = 0; turn < 20; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect(server.requests).toHaveLength(2);
    await second.reply(response(202));
    const rest = [await server.next('GET'), await server.next('POST'), await server.next('POST')];
    expect(rest.map(({ body }) => body).sort()).toEqual(['', request('1', 'tools/list'), request('2')].sort());
  });

  it('gives its session id and version to every later request', async () => {
    const { upstream } = await open({ headers: { 'X-Key': 'k' } });
    quietly(upstream.send(messageOf(request('1'))));
    const post = await server.next('POST');
    expect(post.head).toBe(
      `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nX-Key: k\r\nMcp-Session-Id: s1\r\nMCP-Protocol-Version: 2025-06-18\r\nContent-Length: ${request('1').length}`,
    );
    const get = server.requests[2]!;
    expect(get.head).toBe(
      `GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAccept: text/event-stream\r\nX-Key: k\r\nMcp-Session-Id: s1\r\nMCP-Protocol-Version: 2025-06-18`,
    );
  });

  it.each(['a b', 'é', ''])('takes no session id from the header %j, which could not be sent back', async (id) => {
    const { upstream, log } = await start();
    quietly(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('POST')).reply(json(WELCOME, { 'Mcp-Session-Id': id }));
    await log.messageCount(1);
    quietly(upstream.send(messageOf(request('1'))));
    expect((await server.next('POST')).headers.has('mcp-session-id')).toBe(false);
  });

  it('that is refused is told to its sender, and lets what waits leave', async () => {
    const { upstream } = await start();
    const first = rejectionOf(upstream.send(messageOf(INITIALIZE)));
    quietly(upstream.send(messageOf(INITIALIZE.replace('"id":0', '"id":9'))));
    await (await server.next('POST')).reply(response(401, 'no'));
    expect(await first).toMatchObject({ code: 'upstream_refused', upstreamStatus: 401, why: 'HTTP 401: no' });
    expect((await server.next('POST')).body).toContain('"id":9');
  });
});

describe('an answer', () => {
  it.each([
    ['as JSON', (text: string) => json(text)],
    ['as an event stream', (text: string) => `${STREAM_HEAD}: ping\n\n${event(text)}`],
    ['in an error response', (text: string) => response(400, text, { 'Content-Type': 'application/json' })],
  ])('%s comes byte for byte, routed to its request', async (_how, bytes) => {
    const { upstream, log } = await open();
    quietly(upstream.send(messageOf(request('9007199254740993'))));
    const text = '{"id":9007199254740993,"error":{"code":-32602,"message":"n 12345678901234567890.5"}}';
    await (await server.next('POST')).reply(bytes(text));
    expect(await log.messageCount(1)).toEqual([text]);
    expect(log.routes.at(-1)).toEqual({ relatedTo: '9007199254740993', eventId: undefined });
  });

  it.each([
    ['JSON', json],
    ['an event', (text: string) => STREAM_HEAD + event(text)],
    ['a batch', (text: string) => json(`[${text}]`)],
    ['the body of an HTTP 400', (text: string) => response(400, text)],
    ['the body of an HTTP 413', (text: string) => response(413, text)],
  ])('that is an error without an id, as %s, is that to the request', async (_how, bytes) => {
    const { upstream, log } = await open();
    for (const [id, member] of [
      ['"a"', '"id":null,'],
      ['9007199254740993', ''],
    ] as const) {
      quietly(upstream.send(messageOf(request(id))));
      await (await server.next('POST')).reply(bytes(`{${member}"error":{"code":-32700,"data":1.10}}`));
      await until('the answer', () => log.messages.length > 0);
      expect(log.messages.splice(0)).toEqual([`{"id":${id},"error":{"code":-32700,"data":1.10}}`]);
      expect(log.routes.at(-1)?.relatedTo).toBe(id);
    }
  });

  it('without an id to initialize in a refusal is none: the server may speak another transport', async () => {
    const { upstream, log } = await start();
    const error = rejectionOf(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('POST')).reply(response(400, '{"id":null,"error":{"code":-32000,"message":"no"}}'));
    expect(await error).toMatchObject({ code: 'upstream_error', upstreamStatus: 400 });
    expect(log.messages).toEqual([]);
  });

  it('is not followed by an error without an id, which then means nobody', async () => {
    const { upstream, log } = await open();
    quietly(upstream.send(messageOf(request('1'))));
    const stray = event('{"id":null,"error":{}}');
    await (await server.next('POST')).reply(`${STREAM_HEAD}${event(answer('1'))}${stray}${event('{"method":"x"}')}`);
    expect(await log.messageCount(2)).toEqual([answer('1'), '{"method":"x"}']);
  });

  it.each([
    ['JSON', json],
    ['an event', (text: string) => STREAM_HEAD + event(text)],
  ])('may come in a batch, as %s, with other messages', async (_how, bytes) => {
    const { upstream, log } = await open();
    quietly(upstream.send(messageOf(request('1'))));
    await (await server.next('POST')).reply(bytes(`[{"method":"a"}, ${answer('1')},{"method":"b"}]`));
    expect(await log.messageCount(3)).toEqual(['{"method":"a"}', answer('1'), '{"method":"b"}']);
    expect(log.routes.slice(-3).map((route) => route?.relatedTo)).toEqual(['1', '1', '1']);
  });

  it('may follow other messages on its stream, each routed to the request', async () => {
    const { upstream, log } = await open();
    await within(2000, 'the acceptance', Promise.all([upstream.send(messageOf(request('1'))), reply()]));
    async function reply(): Promise<void> {
      const { connection } = await server.next('POST');
      await connection.write(STREAM_HEAD + event('{"method":"notifications/progress"}', 'id: a\n'));
      await connection.write(event(answer('1'), 'id: b\n'));
    }
    expect(await log.messageCount(2)).toEqual(['{"method":"notifications/progress"}', answer('1')]);
    expect(log.routes.slice(-2)).toEqual([
      { relatedTo: '1', eventId: 'a' },
      { relatedTo: '1', eventId: 'b' },
    ]);
  });

  it.each([
    ['a stream that ends without it', STREAM_HEAD + event('{"method":"x"}'), 'ended its response without the answer'],
    [
      'a stream with the answer to another request',
      STREAM_HEAD + event(answer('2')),
      'ended its response without the answer',
    ],
    ['a batch of too many', json(`[${Array(1001).fill(answer('2'))}]`), 'sent a batch of more than 1000 messages'],
    ['a batch that is cut short', STREAM_HEAD + event('[{"method":"a"}'), 'sent a batch that is no JSON'],
    ['an empty batch', json('[]'), 'ended its response without the answer'],
    ['empty JSON', json(''), 'ended its response without the answer'],
    ['JSON that is no message', json('{"a":1}'), 'ended its response without the answer'],
    [
      'a body that is cut short',
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"id":1',
      'closed the connection in the middle of its response',
    ],
    [
      'chunks that are malformed',
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'not HTTP as it should be',
    ],
  ])('that does not come, because of %s, is replaced by an error with the id', async (_what, bytes, message) => {
    const { upstream, log } = await open();
    await within(2000, 'the acceptance', Promise.all([upstream.send(messageOf(request('9007199254740993'))), reply()]));
    async function reply(): Promise<void> {
      (await server.next('POST')).connection.end(bytes);
    }
    await until('the error', () => log.messages.some((text) => text.includes('"error"')));
    const text = log.messages.find((each) => each.includes('"error"'));
    expect(text).toContain('"id":9007199254740993,');
    expect(errorIn(text).message).toContain(message);
    expect(errorIn(text).reason).toMatch(/^upstream_(lost|invalid)$/);
    expect(log.routes.at(-1)).toEqual({ relatedTo: '9007199254740993' });
    expect(log.ends).toEqual([]);
  });

  it.each([
    ['JSON', () => `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n${'x'.repeat(1001)}`],
    ['an event', () => STREAM_HEAD + event('x'.repeat(1001))],
  ])('of more than the limit, as %s, is replaced by an error, its response is cut, and the next request works', async (_as, bytes) => {
    const { upstream, log } = await open({ maxMessageBytes: 1000 });
    quietly(upstream.send(messageOf(request('1'))));
    const { connection } = await server.next('POST');
    await connection.write(bytes());
    expect(errorIn((await log.messageCount(1))[0])).toEqual({
      id: 1,
      reason: 'upstream_invalid',
      message: `127.0.0.1:${server.port} sent a message of more than 1000 bytes`,
    });
    await until('the close', () => connection.isClosed);
    quietly(upstream.send(messageOf(request('2'))));
    await (await server.next('POST')).reply(json(answer('2')));
    expect((await log.messageCount(2))[1]).toBe(answer('2'));
  });

  it('is not told twice when its stream breaks after it', async () => {
    const { upstream, log } = await open();
    quietly(upstream.send(messageOf(request('1'))));
    const { connection } = await server.next('POST');
    await connection.write(
      `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n${event(answer('1'))}`,
    );
    await log.messageCount(1);
    connection.reset();
    quietly(upstream.send(messageOf(request('2'))));
    await (await server.next('POST')).reply(json(answer('2')));
    expect(await log.messageCount(2)).toEqual([answer('1'), answer('2')]);
  });
});

describe('a request that is not accepted', () => {
  it.each([
    [200, '<html>', { 'Content-Type': 'text/html' }, 'upstream_invalid', 'HTTP 200, text/html'],
    [202, '', {}, 'upstream_invalid', 'HTTP 202, no Content-Type'],
    [302, '', { Location: 'http://evil.test/' }, 'upstream_redirect', 'HTTP 302'],
    [400, 'Bad Request: nonsense', {}, 'upstream_error', 'HTTP 400: Bad Request: nonsense'],
    [429, '{"id":null,"error":{}}', {}, 'upstream_error', 'HTTP 429: {"id":null,"error":{}}'],
    [500, '{"id":null,"error":{}}', {}, 'upstream_error', 'HTTP 500: {"id":null,"error":{}}'],
    [400, '{"id":null,"result":{}}', {}, 'upstream_error', 'HTTP 400: {"id":null,"result":{}}'],
    [401, '', {}, 'upstream_refused', 'HTTP 401'],
    [403, '', {}, 'upstream_refused', 'HTTP 403'],
    [421, 'Invalid Host header', {}, 'upstream_error', 'HTTP 421: Invalid Host header'],
    [500, '<p>oops', { 'Content-Type': 'text/html' }, 'upstream_error', 'HTTP 500: an HTML page'],
    [503, 'busy', {}, 'upstream_error', 'HTTP 503: busy'],
  ] as const)('(HTTP %i, %j, %j) is told to its sender as %s', async (status, body, headers, code, why) => {
    const { upstream, log } = await open();
    const error = rejectionOf(upstream.send(messageOf(request('1'))));
    await (await server.next('POST')).reply(response(status, body, headers));
    expect(await within(2000, 'the rejection', error)).toMatchObject({ code, why, upstreamStatus: status });
    expect([log.messages, log.ends]).toEqual([[], []]);
  });

  it('because its connection is closed is told so, and that it may have run', async () => {
    const { upstream } = await open();
    const error = rejectionOf(upstream.send(messageOf(request('1'))));
    (await server.next('POST')).connection.end();
    expect(await error).toMatchObject({ code: 'upstream_lost', mayHaveRun: true });
  });

  it('because nobody listens is told so, and that it has not run', async () => {
    const { upstream } = await start();
    await server.close();
    expect(await rejectionOf(upstream.send(messageOf(INITIALIZE)))).toMatchObject({
      code: 'upstream_unreachable',
      mayHaveRun: false,
    });
    server = await startRawServer();
  });
});
