import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { StreamableHttpUpstream } from '../../src/upstream/streamable-http.ts';
import type { UpstreamOptions } from '../../src/upstream/upstream-options.ts';
import { until, within } from '../parts/deadline.ts';
import { answer, EventLog, messageOf, quietly, rejectionOf, request } from '../parts/memory-transport.ts';
import {
  event,
  json,
  type RawRequest,
  type RawServer,
  response,
  STREAM_HEAD,
  startRawServer,
} from '../parts/raw-server.ts';

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

async function takeError(sent: unknown): Promise<unknown> {
  return within(2000, 'the rejection', rejectionOf(sent));
}

describe('a session that is lost', () => {
  it.each([
    [404, 'Session not found'],
    [410, 'Gone'],
    [400, 'Bad Request: No valid session ID provided'],
  ])('(HTTP %i, %j) ends the transport, while what is under way gets its own answer', async (status, body) => {
    const { upstream, log } = await open();
    const [first, second] = [1, 2].map((id) => upstream.send(messageOf(request(String(id)))));
    const posts = [await server.next('POST'), await server.next('POST')];
    await posts[0]!.reply(response(status, body));
    expect(await takeError(first!)).toMatchObject({ code: 'session_lost', mayHaveRun: false });
    expect(await log.ended()).toMatchObject({
      code: 'session_lost',
      message: `127.0.0.1:${server.port} does not know this session or path`,
      upstreamStatus: status,
    });
    expect(await takeError(upstream.send(messageOf(request('3'))))).toMatchObject({
      code: 'session_lost',
      mayHaveRun: false,
    });
    await posts[1]!.reply(json(answer('2')));
    await second;
    expect(await log.messageCount(1)).toEqual([answer('2')]);
    expect(log.ends).toHaveLength(1);
    await upstream.close();
    await until('the closes', () => server.connections.every(({ isClosed }) => isClosed));
    expect(server.requests.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  it('is told even when its answer is a JSON-RPC error for the request', async () => {
    const { upstream, log } = await open();
    const error = takeError(upstream.send(messageOf(request('1'))));
    const body = '{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"Session not found"}}';
    await (await server.next('POST')).reply(response(404, body, { 'Content-Type': 'application/json' }));
    expect(await error).toMatchObject({ code: 'session_lost' });
    expect(log.messages).toEqual([]);
    await log.ended();
  });

  it('within the handshake lets nothing that waits leave', async () => {
    const { upstream, log } = await start();
    quietly(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('POST')).reply(json(WELCOME, { 'Mcp-Session-Id': 's1' }));
    await log.messageCount(1);
    const errors = [INITIALIZED, request('1'), request('2')].map((text) => takeError(upstream.send(messageOf(text))));
    const { connection } = await server.next('POST');
    await connection.write(response(404));
    const [under, ...waiting] = await Promise.all(errors);
    expect(under).toMatchObject({ code: 'session_lost' });
    for (const error of waiting) expect(error).toMatchObject({ code: 'session_lost', mayHaveRun: false });
    await upstream.close();
    await until('the close', () => connection.isClosed);
    expect(server.requests).toHaveLength(2);
  });

  it('is not one where there was none: a 404 for initialize is told to its sender alone', async () => {
    const { upstream, log } = await start();
    const error = takeError(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('POST')).reply(response(404, 'Not Found'));
    expect(await error).toMatchObject({ code: 'session_lost', upstreamStatus: 404 });
    expect(log.ends).toEqual([]);
  });
});

describe('the listening stream', () => {
  /** Handshake done; the GET that follows it is the test's. */
  async function listening(): Promise<Started & { get: RawRequest }> {
    const { upstream, log } = await start();
    quietly(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('POST')).reply(json(WELCOME, { 'Mcp-Session-Id': 's1' }));
    await log.messageCount(1);
    quietly(upstream.send(messageOf(INITIALIZED)));
    await (await server.next('POST')).reply(response(202));
    log.messages.length = 0;
    return { upstream, log, get: await server.next('GET') };
  }

  it('brings what answers no request', async () => {
    const { log, get } = await listening();
    await get.reply(
      `${STREAM_HEAD}: ping\n\n${event(request('1', 'roots/list'), 'id: 5\n')}${event('{"method":"x"}', 'event: y\n')}`,
    );
    expect(await log.messageCount(1)).toEqual([request('1', 'roots/list')]);
    expect(log.routes.at(-1)).toEqual({ eventId: '5' });
  });

  it('brings each message of a batch, and tells of one that is none', async () => {
    const { log, get } = await listening();
    await get.reply(
      STREAM_HEAD + event('[{"method":"a"},', 'id: 4\n') + event('[{"method":"b"},{"method":"c"}]', 'id: 5\n'),
    );
    expect(await log.messageCount(2)).toEqual(['{"method":"b"}', '{"method":"c"}']);
    expect(log.routes.slice(-2)).toEqual([{ eventId: '5' }, { eventId: '5' }]);
    expect(log.errors.map(({ message }) => message)).toEqual([`127.0.0.1:${server.port} sent a batch that is no JSON`]);
  });

  it('is opened again when it ends, from the last event id', async () => {
    const { log, get } = await listening();
    expect(get.headers.has('last-event-id')).toBe(false);
    get.connection.end(`${STREAM_HEAD}${event('{"method":"a"}', 'id: 5\n')}id: 6\ndata:\n\n`);
    const again = await server.next('GET');
    expect([again.headers.get('last-event-id'), again.headers.get('mcp-session-id')]).toEqual(['6', 's1']);
    await again.reply(STREAM_HEAD + event('{"method":"b"}'));
    expect(await log.messageCount(2)).toEqual(['{"method":"a"}', '{"method":"b"}']);
    expect(log.ends).toEqual([]);
  });

  it('is opened again after a failure, but not at once, whatever the server asks for', async () => {
    const { get } = await listening();
    const started = performance.now();
    get.connection.end(`${STREAM_HEAD}retry: 0\n\n`);
    (await server.next('GET')).connection.reset();
    await server.next('GET');
    // Twice at least three quarters of 250 ms.
    expect(performance.now() - started).toBeGreaterThan(370);
  });

  it('is not asked for again where the server has none (HTTP 405)', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { get } = await listening().finally(() => vi.useRealTimers());
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await get.reply(response(405));
    for (let turn = 0; turn < 20; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    expect(server.requests.filter(({ method }) => method === 'GET')).toHaveLength(1);
  });

  it('is cut by an event past the limit, and opened again', async () => {
    const { upstream, log } = await start({ maxMessageBytes: 1000 });
    quietly(upstream.send(messageOf(INITIALIZED)));
    await (await server.next('POST')).reply(response(202));
    const { connection } = await server.next('GET');
    await connection.write(STREAM_HEAD + event('x'.repeat(1001)));
    await until('the close', () => connection.isClosed);
    await (await server.next('GET')).reply(STREAM_HEAD + event('{"method":"a"}'));
    expect(await log.messageCount(1)).toEqual(['{"method":"a"}']);
  });

  it('and the answers under way wait while the transport is paused', async () => {
    const { upstream, log, get } = await listening();
    quietly(upstream.send(messageOf(request('1'))));
    const post = await server.next('POST');
    upstream.pause();
    await get.reply(STREAM_HEAD + event('{"method":"a"}'));
    await post.reply(STREAM_HEAD + event(answer('1')));
    for (let turn = 0; turn < 50; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect(log.messages).toEqual([]);
    upstream.resume();
    expect([...(await log.messageCount(2))].sort()).toEqual([answer('1'), '{"method":"a"}'].sort());
  });
});

describe('closing', () => {
  it('deletes the session, settles what is open, and tells nobody anything more', async () => {
    const { upstream, log } = await open({ headers: { 'X-Key': 'k' } });
    const error = takeError(upstream.send(messageOf(request('1'))));
    await server.next('POST');
    const closed = upstream.close();
    const { head, reply } = await server.next('DELETE');
    expect(head).toBe(
      `DELETE /mcp HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nX-Key: k\r\nMcp-Session-Id: s1\r\nMCP-Protocol-Version: 2025-06-18`,
    );
    await reply(response(405));
    await within(2000, 'the close', closed);
    expect(await error).toMatchObject({ code: 'upstream_lost', mayHaveRun: true });
    await upstream.close();
    expect([log.messages, log.ends]).toEqual([[], []]);
    expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
    await until('the closes', () => server.connections.every(({ isClosed }) => isClosed));
  });

  it('does not wait for a server that does not answer', async () => {
    const { upstream } = await open();
    const closed = upstream.close();
    await server.next('DELETE');
    await within(1500, 'the close', closed);
  });

  it('deletes nothing where there is no session', async () => {
    const { upstream } = await start();
    await upstream.close();
    expect(server.requests).toEqual([]);
    expect(await takeError(upstream.send(messageOf(request('1'))))).toMatchObject({
      code: 'upstream_lost',
      mayHaveRun: false,
    });
  });
});
