import { describe, expect, it } from 'vitest';
import type { HttpClient, HttpClientOptions } from '../../../src/upstream/http/http-client.ts';
import type { ResponseSink } from '../../../src/upstream/http/http-connection.ts';
import { until } from '../../parts/deadline.ts';
import { GET, get, HttpClients } from '../../parts/http-clients.ts';
import { json } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';
import { bytewise } from '../../parts/slices.ts';

const clients = new HttpClients();

const createClient = (options: Partial<HttpClientOptions> = {}): HttpClient => clients.create(options);

describe('a response', () => {
  it.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n'],
    ['after 100 Continue', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
  ])('%s is read from packets of one byte', async (_what, text) => {
    const sink = get(createClient());
    const { connection } = await clients.server.next('GET');
    await connection.writeSlices(bytewise(Buffer.from(text)));
    await sink.over();
    expect([sink.told, sink.status, sink.body]).toEqual([['head', 'end'], 200, 'hello']);
  });

  it('without a length ends with the connection', async () => {
    const sink = get(createClient());
    const { connection } = await clients.server.next('GET');
    connection.end('HTTP/1.1 200 OK\r\n\r\nhello');
    await sink.over();
    expect([sink.told, sink.body]).toEqual([['head', 'end'], 'hello']);
  });

  it('without a length that ends with a reset is not taken for whole', async () => {
    const sink = get(createClient());
    const { connection } = await clients.server.next('GET');
    await connection.write('HTTP/1.1 200 OK\r\n\r\n{"id":1,"result":{"a":{}');
    await until('the body', () => sink.body !== '');
    connection.reset();
    await sink.over();
    expect(sink.error).toMatchObject({
      code: 'upstream_lost',
      why: `ECONNRESET 127.0.0.1:${clients.server.port} (IPv4)`,
      mayHaveRun: true,
    });
  });

  it.each([
    ['before a byte of it', '', 'closed the connection without a response'],
    ['within its head', 'HTTP/1.1 200', 'closed the connection in the middle of its response'],
    [
      'within a counted body',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel',
      'closed the connection in the middle of its response',
    ],
    [
      'within a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
      'closed the connection in the middle of its response',
    ],
  ])('whose connection is closed %s is lost, and may have run', async (_where, bytes, message) => {
    const sink = get(createClient());
    (await clients.server.next('GET')).connection.end(bytes);
    await sink.over();
    expect(sink.error).toMatchObject({
      code: 'upstream_lost',
      message: `http://127.0.0.1:${clients.server.port} ${message}`,
      mayHaveRun: true,
    });
  });

  it.each([
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      'it gave both a length and a transfer coding',
    ],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
      'it gave two different lengths',
    ],
    ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'its response head has a bare line feed'],
    ['a head of 65 kB', `HTTP/1.1 200 OK\r\nX-A: ${'b'.repeat(66_000)}`, 'its response head is too large'],
  ])('with %s fails at once, and its connection is closed', async (_what, bytes, why) => {
    const sink = get(createClient());
    const { connection } = await clients.server.next('GET');
    await connection.write(bytes);
    await sink.over();
    expect(sink.error).toMatchObject({
      code: 'upstream_invalid',
      message: `http://127.0.0.1:${clients.server.port} sent a response that is not HTTP as it should be`,
      why: `${why}, from 127.0.0.1:${clients.server.port} (IPv4)`,
      mayHaveRun: true,
    });
    await until('the close', () => connection.isClosed);
  });

  it('whose chunk size is malformed fails after its head, once', async () => {
    const sink = get(createClient());
    await (await clients.server.next('GET')).reply('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    await sink.over();
    expect(sink.told).toEqual(['head', 'fail']);
    expect(sink.error?.why).toMatch(/^it gave a malformed chunk size, from 127\.0\.0\.1:\d+ \(IPv4\)$/);
  });
});

describe('a deadline', () => {
  it.each([
    ['without a byte', ''],
    ['within the head', 'HTTP/1.1 200 OK\r\n'],
    ['within the body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel'],
  ])('that passes %s fails the request, closes its connection, and says that it may have run', async (_when, bytes) => {
    const sink = get(createClient(), { timeoutMs: 50 });
    const { connection } = await clients.server.next('GET');
    await connection.write(bytes);
    await sink.over();
    expect(sink.error).toMatchObject({
      code: 'upstream_timeout',
      message: `http://127.0.0.1:${clients.server.port} did not answer within 50 ms`,
      mayHaveRun: true,
    });
    await until('the close', () => connection.isClosed);
  });

  it.each([0, 60_000])('of its own ends a refusal whose body never does (%i ms for the whole)', async (timeoutMs) => {
    const sink = get(createClient(), { timeoutMs });
    const { connection } = await clients.server.next('GET');
    await connection.write('HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhel');
    await sink.over();
    expect(sink.error).toMatchObject({ code: 'upstream_lost', upstreamStatus: 503 });
    await until('the close', () => connection.isClosed);
  });

  it('that is kept does nothing later', async () => {
    const client = createClient();
    const sink = get(client, { timeoutMs: 50 });
    await (await clients.server.next('GET')).reply(json('one'));
    await sink.over();
    const later = get(client, { timeoutMs: 100 });
    await later.over();
    expect([sink.told, later.error?.code]).toEqual([['head', 'end'], 'upstream_timeout']);
  });
});

describe('an exchange', () => {
  it('that is aborted says nothing more, and closes its connection', async () => {
    const sink = get(createClient());
    const { connection } = await clients.server.next('GET');
    sink.exchange.abort();
    await until('the close', () => connection.isClosed);
    expect(sink.told).toEqual([]);
  });

  it('that is aborted before it has a connection sends nothing', async () => {
    const client = createClient();
    get(client).exchange.abort();
    const second = get(client, { path: '/second' });
    await (await clients.server.next('GET /second')).reply(json('two'));
    await second.over();
    expect(clients.server.requests).toHaveLength(1);
  });

  it('that is paused brings nothing until it is resumed, and the server feels it', async () => {
    const sink = get(createClient());
    const { connection } = await clients.server.next('GET');
    await connection.write('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\nx');
    await until('the first byte', () => sink.body === 'x');
    sink.exchange.pause();
    let isTaken = false;
    connection.write(Buffer.alloc(49_999_999, 0x78)).then(() => (isTaken = true));
    const before = sink.body.length;
    // What was on its way may still arrive; far less than all of it can.
    await until('the kernel to be full', () => connection.socket.writableLength > 0);
    for (let turn = 0; turn < 50; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect(sink.body.length - before).toBeLessThan(1_000_000);
    expect(isTaken).toBe(false);
    sink.exchange.resume();
    await sink.over();
    expect(sink.body.length).toBe(50_000_000);
  });

  it('that ends while it is paused leaves the connection fit for the next', async () => {
    const client = createClient();
    const paused = new ResponseRecorder();
    const exchange = client.request(GET, { ...recordTo(paused), head: () => exchange.pause() });
    await (await clients.server.next('GET')).reply(json('one'));
    await paused.over();
    const second = get(client);
    await (await clients.server.next('GET')).reply(json('two'));
    expect((await second.over()).body).toBe('two');
  });
});

function recordTo(sink: ResponseRecorder): ResponseSink {
  return {
    head: (head) => sink.head(head),
    data: (chunk) => sink.data(chunk),
    end: () => sink.end(),
    fail: (error) => sink.fail(error),
  };
}
