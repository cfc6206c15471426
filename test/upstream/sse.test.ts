import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { SseUpstream } from '../../src/upstream/sse.ts';
import type { UpstreamOptions } from '../../src/upstream/upstream-options.ts';
import { until, within } from '../parts/deadline.ts';
import { answer, EventLog, messageOf, quietly, rejectionOf, request } from '../parts/memory-transport.ts';
import {
  event,
  type RawConnection,
  type RawRequest,
  type RawServer,
  response,
  STREAM_HEAD,
  startRawServer,
} from '../parts/raw-server.ts';
import { bytewise } from '../parts/slices.ts';

let server: RawServer;
const upstreams: SseUpstream[] = [];

beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.close()));
  await server.close();
});

const ENDPOINT = event('/messages?sessionId=1', 'event: endpoint\n');

function create(options: Partial<UpstreamOptions> = {}): SseUpstream {
  const upstream = new SseUpstream({ url: server.url('/sse'), logger: silentLogger, ...options });
  upstreams.push(upstream);
  return upstream;
}

interface Open {
  readonly upstream: SseUpstream;
  readonly log: EventLog;
  readonly get: RawRequest;
  readonly stream: RawConnection;
}

async function open(options: Partial<UpstreamOptions> = {}): Promise<Open> {
  const upstream = create(options);
  const log = new EventLog();
  const started = upstream.start(log);
  const get = await server.next('GET /sse');
  await get.reply(STREAM_HEAD + ENDPOINT);
  await started;
  return { upstream, log, get, stream: get.connection };
}

describe('messages from the server', () => {
  it('come byte for byte, from packets of one byte too', async () => {
    const { log, stream } = await open();
    const text = '{"id":9007199254740993,"result":{"n":12345678901234567890.5,"s":"é😀\u2028\\ud800"}}';
    await stream.writeSlices(bytewise(Buffer.from(event(text).replaceAll('\n', '\r\n'))));
    await stream.write(event('{"method":"b"}', 'id: 7\n'));
    expect(await log.messageCount(2)).toEqual([text, '{"method":"b"}']);
    expect(log.routes).toEqual([undefined, { eventId: '7' }]);
  });

  it('of unknown event types, and comments, are passed over', async () => {
    const { log, stream } = await open();
    await stream.write(`: ping - 2026\n\n${event('{"method":"a"}', 'event: other\n')}${event('{"method":"b"}')}`);
    expect(await log.messageCount(1)).toEqual(['{"method":"b"}']);
  });

  it('do not move the endpoint later', async () => {
    const { upstream, log, stream } = await open();
    await stream.write(event('/elsewhere', 'event: endpoint\n') + event('http://evil.test/', 'event: endpoint\n'));
    await stream.write(event('{"method":"a"}'));
    await log.messageCount(1);
    quietly(upstream.send(messageOf('{"method":"x"}')));
    expect((await server.next('POST')).path).toBe('/messages?sessionId=1');
  });

  it('wait while the transport is paused', async () => {
    const { upstream, log, stream } = await open();
    upstream.pause();
    await stream.write(event('{"method":"a"}'));
    quietly(upstream.send(messageOf('{"method":"x"}')).then(() => upstream.resume()));
    await (await server.next('POST')).reply(response(202));
    expect(await log.messageCount(1)).toEqual(['{"method":"a"}']);
  });

  it('come one by one from a batch', async () => {
    const { upstream, log, stream } = await open();
    await stream.write(event(`[${answer('0', '{"protocolVersion":"2025-03-26"}')}, {"method":"a"}]`, 'id: 7\n'));
    expect(await log.messageCount(2)).toEqual([answer('0', '{"protocolVersion":"2025-03-26"}'), '{"method":"a"}']);
    expect(log.routes).toEqual([{ eventId: '7' }, { eventId: '7' }]);
    quietly(upstream.send(messageOf('{"method":"x"}')));
    expect((await server.next('POST')).headers.get('mcp-protocol-version')).toBe('2025-03-26');
  });

  it.each([
    [`[${Array(1001).fill(answer('1'))}]`, 'a batch of more than 1000 messages'],
    ['[{"id":1', 'a batch that is no JSON'],
  ])('end it when they are a batch that cannot be taken apart: %.30s', async (batch, what) => {
    const { log, stream } = await open();
    await stream.write(event(batch));
    expect(await log.ended()).toMatchObject({
      code: 'upstream_invalid',
      message: `127.0.0.1:${server.port} sent ${what}`,
    });
  });

  it('end it when one is larger than the limit', async () => {
    const { log, stream } = await open({ maxMessageBytes: 1000 });
    await stream.write(event('x'.repeat(1001)));
    expect(await log.ended()).toMatchObject({
      code: 'upstream_invalid',
      message: `127.0.0.1:${server.port} sent a message of more than 1000 bytes`,
    });
    await until('the close', () => stream.isClosed);
  });
});

describe('messages to the server', () => {
  it('are posted to the endpoint as their bytes', async () => {
    const { upstream } = await open({ headers: { 'X-Key': 'k' } });
    const sent = upstream.send(messageOf('{ "id":9007199254740993 ,"method":"initialize"}'));
    const { head, body, reply } = await server.next('POST');
    expect(head).toBe(
      `POST /messages?sessionId=1 HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nX-Key: k\r\nContent-Length: 47`,
    );
    expect(body).toBe('{ "id":9007199254740993 ,"method":"initialize"}');
    await reply(response(202, 'Accepted'));
    await sent;
  });

  it('carry the protocol version that was settled on', async () => {
    const { upstream, log, stream } = await open();
    await stream.write(event(answer('0', '{"protocolVersion":"2025-06-18"}')));
    await log.messageCount(1);
    quietly(upstream.send(messageOf('{"method":"x"}')));
    expect((await server.next('POST')).headers.get('mcp-protocol-version')).toBe('2025-06-18');
  });

  it('leave in their order, each when the one before was accepted, and those sent before the endpoint too', async () => {
    const upstream = create();
    const started = upstream.start(new EventLog());
    const ids = ['1', '2', '3', '4'];
    const sent = ids.map((id) => upstream.send(messageOf(request(id))));
    await (await server.next('GET')).reply(STREAM_HEAD + ENDPOINT);
    await started;
    for (const id of ids) {
      const post = await server.next('POST');
      expect(post.body).toBe(request(id));
      await new Promise((fulfil) => setImmediate(fulfil));
      expect(server.requests.filter(({ method }) => method === 'POST')).toHaveLength(Number(id));
      await post.reply(response(202));
    }
    await Promise.all(sent);
    expect(server.connections).toHaveLength(2);
  });

  it('that are refused are told to their sender, and the next still leaves', async () => {
    const { upstream, log } = await open();
    const [first, second] = [
      rejectionOf(upstream.send(messageOf(request('1')))),
      upstream.send(messageOf(request('2'))),
    ];
    await (await server.next('POST')).reply(response(400, 'Could not parse message'));
    expect(await first).toMatchObject({
      code: 'upstream_error',
      why: 'HTTP 400: Could not parse message',
      upstreamStatus: 400,
    });
    await (await server.next('POST')).reply(response(202));
    await second;
    expect(log.ends).toEqual([]);
  });

  it.each([
    ['a web page', { 'Content-Type': 'text/html' }, '<html>Sign in</html>', 'upstream_invalid', 'HTTP 200, text/html'],
    [
      'a JSON-RPC error',
      { 'Content-Type': 'application/json; charset=utf-8' },
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}',
      'upstream_error',
      'HTTP 200: {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}',
    ],
  ])('that %s answers were not accepted, whatever its status', async (_what, headers, body, code, why) => {
    const { upstream } = await open();
    const sent = rejectionOf(upstream.send(messageOf(request('1'))));
    await (await server.next('POST')).reply(response(200, body, headers));
    expect(await sent).toMatchObject({ code, why, mayHaveRun: true });
  });

  it.each([
    [200, 'text/plain', 'Accepted'],
    [204, 'text/html', ''],
    [202, 'application/json', '{"ok":true}'],
    [200, 'application/json', '{"jsonrpc":"2.0","id":1,"result":{}}'],
  ])('are accepted by %i %s %s', async (status, type, body) => {
    const { upstream } = await open();
    const sent = upstream.send(messageOf(request('1')));
    await (await server.next('POST')).reply(response(status, body, { 'Content-Type': type }));
    await sent;
  });

  it('that are not accepted in time are told so, and the next still leaves', async () => {
    const { upstream } = await open({ acceptTimeoutMs: 50 });
    const first = rejectionOf(upstream.send(messageOf(request('1'))));
    const second = rejectionOf(upstream.send(messageOf(request('2'))));
    await (await server.next('POST')).reply('HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nAcc');
    expect(await first).toMatchObject({ code: 'upstream_timeout', mayHaveRun: true });
    await server.next('POST');
    expect(await second).toMatchObject({ code: 'upstream_timeout' });
  });
});

describe('the end', () => {
  it('of the stream rejects the message under way, which may have run, and those that wait, which have not', async () => {
    const { upstream, log, stream } = await open();
    const errors = ['1', '2'].map((id) => rejectionOf(upstream.send(messageOf(request(id)))));
    await server.next('POST');
    stream.end();
    const [under, waiting] = await within(2000, 'the rejections', Promise.all(errors));
    expect(under).toMatchObject({ code: 'upstream_lost', mayHaveRun: true });
    expect(waiting).toMatchObject({ code: 'upstream_lost', mayHaveRun: false });
    expect(log.ends).toHaveLength(1);
    expect(await rejectionOf(upstream.send(messageOf(request('3'))))).toMatchObject({
      code: 'upstream_lost',
      mayHaveRun: false,
    });
  });

  it('of the stream by a reset names the cause', async () => {
    const { log, stream } = await open();
    stream.reset();
    expect(await log.ended()).toMatchObject({
      code: 'upstream_lost',
      why: `ECONNRESET 127.0.0.1:${server.port} (IPv4)`,
    });
  });

  it('by close is told to nobody, settles what is open, and closes every connection', async () => {
    const { upstream, log } = await open();
    const error = rejectionOf(upstream.send(messageOf(request('1'))));
    await server.next('POST');
    await upstream.close();
    await upstream.close();
    expect(await within(1000, 'the rejection', error)).toMatchObject({ code: 'upstream_lost', mayHaveRun: true });
    expect(log.ends).toEqual([]);
    await until('the closes', () => server.connections.every(({ isClosed }) => isClosed));
  });

  it('by close while it is being opened ends the opening', async () => {
    const upstream = create();
    const rejection = rejectionOf(upstream.start(new EventLog()));
    await server.next('GET');
    await upstream.close();
    expect(await within(1000, 'the rejection', rejection)).toMatchObject({ code: 'upstream_lost' });
  });
});
