/** What goes over the wire between the gateway and a server of 2026-07-28, byte for byte. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { modernHeaders, modernRequest } from '../../parts/modern-messages.ts';
import { send } from '../../parts/raw-http.ts';
import { event, json, type RawServer, response, STREAM_HEAD, startRawServer } from '../../parts/raw-server.ts';

let server: RawServer;
let gateway: TestGateway;
beforeEach(async () => {
  server = await startRawServer();
  gateway = await startGateway({
    upstream: server.url('/mcp'),
    upstreamTransport: 'http',
    upstreamReadTimeoutMs: 500,
    limitCalls: 100_000,
  });
});
afterEach(async () => {
  await gateway.close();
  await server.close();
});

const post = (
  { body, headers }: { body: string; headers: Readonly<Record<string, string>> },
  more: Readonly<Record<string, string>> = {},
): ReturnType<typeof send> =>
  send(gateway.origin, { method: 'POST', path: '/mcp', body, headers: { ...headers, ...more, ...gateway.alice } });

const LIST = modernRequest('tools/list');
const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('a modern request', () => {
  it('arrives as the same bytes, under headers that the gateway has written', async () => {
    const body = LIST.body.replace('"id":1', '"id" :\t9007199254740993, "x":1e400');
    const answer = post({ ...LIST, body }, { 'mcp-session-id': 'stolen', cookie: 'a=b', 'mcp-param-region': 'eu' });
    const seen = await server.next('POST /mcp');
    expect(seen.body).toBe(body);
    expect(
      seen.head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(':')[0]?.toLowerCase())
        .sort(),
    ).toEqual(
      [
        'host',
        'via',
        'accept',
        'content-type',
        'content-length',
        'mcp-protocol-version',
        'mcp-method',
        'mcp-param-region',
        'x-forwarded-user',
        'x-real-ip',
        'x-forwarded-for',
        'x-forwarded-proto',
        'x-forwarded-port',
      ].sort(),
    );
    expect(seen.headers.get('mcp-param-region')).toBe('eu');
    expect(seen.headers.get('x-forwarded-user')).toBe('alice');
    const result = '{"jsonrpc":"2.0","id":9007199254740993,"result":{"tools":[ ],"resultType":"complete"}}';
    await seen.reply(json(result, { 'Mcp-Session-Id': 'minted' }));
    const { status, body: answered, headers } = await answer;
    expect([status, answered, headers['mcp-session-id']]).toEqual([200, result, undefined]);
  });

  it.each([
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
    ['traceparent', '00-00000000000000000000000000000000-b7ad6b7169203331-01', false],
    ['traceparent', 'x'.repeat(55), false],
    ['tracestate', 'vendor=1', true],
    ['tracestate', 'v='.padEnd(600, '1'), false],
    ['baggage', 'user=alice', true],
    ['baggage', 'user='.padEnd(2000, '1'), false],
  ])('passes on trace context that is small and well-formed alone: %s, %$', async (name, value, isPassed) => {
    const answer = post(LIST, { [name]: value });
    const seen = await server.next('POST /mcp');
    expect(seen.headers.get(name)).toBe(isPassed ? value : undefined);
    await seen.reply(json('{"jsonrpc":"2.0","id":1,"result":{}}'));
    expect((await answer).status).toBe(200);
  });

  const padded = 'x'.repeat(20_000);
  it.each([
    [400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"m","data":{"x":"${padded}"}}}`],
    [400, '{"jsonrpc":"2.0","id":1,"error":{"code":-32021,"message":"m","data":{"requiredCapabilities":{}}}}'],
    [400, '{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"m","data":{"supported":["2026-07-28"]}}}'],
    [404, '{"jsonrpc":"2.0", "id":1, "error":{"code":-32601,"message":"not here"}}'],
    [413, '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"too large"}}'],
    [500, '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"oops"}}'],
  ])('is answered with the error of the server and its status, %i (%$)', async (status, body) => {
    const answer = post(LIST);
    const { reply } = await server.next('POST /mcp');
    await reply(response(status, body, JSON_TYPE));
    const { status: answered, body: text, headers } = await answer;
    expect([answered, text, headers['content-type']]).toEqual([status, body, 'application/json']);
    expect(server.requests).toHaveLength(1);
  });

  it('is answered where a refusal never ends', async () => {
    const answer = post(LIST);
    const { reply, connection } = await server.next('POST /mcp');
    await reply(`HTTP/1.1 503 No\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(2000)}`);
    expect((await within(4000, 'the answer', answer)).status).toBe(502);
    await until('the end of the exchange', () => connection.isClosed);
  });

  it('gets what comes before its answer, and the answer, as events of the same bytes', async () => {
    const stream = await openStream(modernRequest('tools/call', { name: 'long' }));
    const { reply } = await server.next('POST /mcp');
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.0,"progressToken":1}}';
    const result = '{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890.123456}}';
    await reply(STREAM_HEAD + event(progress));
    await until('the progress', () => stream.text.includes(progress));
    await reply(event(result));
    await until('the answer and the end', () => stream.text.includes('\r\n0\r\n\r\n'));
    expect(stream.text).toMatch(/^HTTP\/1\.1 200 /);
    expect(stream.text).toContain(`data: ${progress}\n\n`);
    expect(stream.text).toContain(`data: ${result}\n\n`);
    stream.socket.destroy();
  });

  it('is not bothered with a request of the server, which its revision does not have', async () => {
    const stream = await openStream(LIST);
    const { reply } = await server.next('POST /mcp');
    await reply(STREAM_HEAD + event('{"jsonrpc":"2.0","id":7,"method":"roots/list"}') + event(answerTo(1)));
    await until('the answer', () => stream.text.includes('"result"'));
    expect(stream.text).not.toContain('roots/list');
    stream.socket.destroy();
  });
});

describe('a notification', () => {
  const body = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}';
  const notification = { body, headers: modernHeaders('notifications/cancelled') };

  it('is passed on, and accepted when the server has accepted it', async () => {
    const answer = post(notification);
    const seen = await server.next('POST /mcp');
    expect(seen.body).toBe(body);
    await seen.reply(response(202));
    expect((await answer).status).toBe(202);
  });

  it('has no stream that heartbeats could open while the server takes its time', async () => {
    await gateway.close();
    gateway = await startGateway({ upstream: server.url('/mcp'), upstreamTransport: 'http', heartbeatMs: 100 });
    const answer = post(notification);
    const listening = await openStream(LIST);
    const [first, second] = [await server.next('POST /mcp'), await server.next('POST /mcp')];
    await until('a heartbeat on the request after it', () => listening.text.includes(': ping'));
    for (const { body: seen, reply } of [first, second]) await reply(seen === body ? response(202) : json(answerTo(1)));
    expect((await within(1000, 'the acceptance', answer)).status).toBe(202);
    listening.socket.destroy();
  });

  it('is answered with an error where the server refuses it', async () => {
    const answer = post(notification);
    await (await server.next('POST /mcp')).reply(response(500));
    expect((await answer).status).toBe(502);
  });
});

describe('what else a client may try', () => {
  it('an answer is refused: servers of the modern era ask nothing', async () => {
    const { status, body } = await post({ body: '{"jsonrpc":"2.0","id":1,"result":{}}', headers: modernHeaders('x') });
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ id: null, error: { code: -32600 } });
    expect(server.requests).toHaveLength(0);
  });

  it.each(['GET', 'DELETE'])('%s is not served', async (method) => {
    const { accept, ...headers } = modernHeaders('x');
    const answer = await send(gateway.origin, {
      method,
      path: '/mcp',
      headers: { ...headers, accept: accept ?? '', ...gateway.alice },
    });
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
  });
});

describe('when the server fails, the request is answered once, under its id', () => {
  const CALL = modernRequest('tools/call', { name: 'run' }, { id: 'a"b' });
  const problem = (body: string): unknown => {
    const { id, error } = JSON.parse(body) as { id: unknown; error: { data: { reason: string } } };
    return [id, error.data.reason];
  };

  it('refused: 502 within a second', async () => {
    await server.close();
    const { status, body } = await within(1000, 'the answer', post(CALL));
    expect([status, problem(body)]).toEqual([502, ['a"b', 'upstream_unreachable']]);
  });

  it('reset before it answers: 502, and it is not sent again', async () => {
    const answer = post(CALL);
    (await server.next('POST /mcp')).connection.reset();
    const { status, body } = await within(1000, 'the answer', answer);
    expect([status, problem(body)]).toEqual([502, ['a"b', 'upstream_lost']]);
    expect(server.requests).toHaveLength(1);
  });

  it('silent: 504 when the time to read is over', async () => {
    const answer = post(CALL);
    await server.next('POST /mcp');
    const { status, body } = await within(2000, 'the answer', answer);
    expect([status, problem(body)]).toEqual([504, ['a"b', 'upstream_timeout']]);
    await until('the connection upstream to be closed', () => server.connections.every(({ isClosed }) => isClosed));
  });

  it.each([
    ['a stream that ends without the answer', (end: (bytes: string) => void) => end(STREAM_HEAD + event(PROGRESS))],
    [
      'JSON that ends too early',
      (end: (bytes: string) => void) => end(`${json('{"jsonrpc"').replace(/: 10/, ': 99')}`),
    ],
    ['JSON that is no message', (end: (bytes: string) => void) => end(json('{"a":1}'))],
  ])('%s', async (_what, reply) => {
    const stream = await openStream(CALL);
    const { connection } = await server.next('POST /mcp');
    reply((bytes) => connection.end(bytes));
    await until('the error', () => /"id":"a\\"b","error".*"upstream_(lost|invalid)"/.test(stream.text));
    stream.socket.destroy();
  });

  it.each([401, 403, 407])('%i is about the credential of the gateway, and not of the client', async (status) => {
    const answer = post(CALL);
    const challenge = { 'WWW-Authenticate': 'Bearer resource_metadata="http://internal/"', ...JSON_TYPE };
    const error = '{"jsonrpc":"2.0","id":"a\\"b","error":{"code":-32001,"message":"internal"}}';
    await (await server.next('POST /mcp')).reply(response(status, error, challenge));
    const { status: answered, body, headers } = await answer;
    expect([answered, problem(body), headers['www-authenticate']]).toEqual([
      502,
      ['a"b', 'upstream_refused'],
      undefined,
    ]);
    expect(body).not.toContain('internal');
  });
});

describe('a client that closes its response', () => {
  it('ends the exchange upstream within a second, before and after the head', async () => {
    for (const head of ['', STREAM_HEAD + event(PROGRESS)]) {
      const stream = await openStream(modernRequest('tools/call', { name: 'run' }));
      const { reply, connection } = await server.next('POST /mcp');
      if (head !== '') {
        await reply(head);
        await until('the stream', () => stream.text.includes('progress'));
      }
      stream.socket.destroy();
      await until('the connection upstream to be closed', () => connection.isClosed, 1000);
    }
  });

  it('leaves nothing behind, a thousand times', async () => {
    const message = modernRequest('tools/call', { name: 'run' });
    for (let round = 0; round < 20; round++) {
      const streams = await Promise.all(Array.from({ length: 50 }, () => openStream(message)));
      await until('the requests upstream', () => server.requests.length === (round + 1) * 50);
      for (const { socket } of streams) socket.destroy();
      await until('the connections upstream to be closed', () => server.connections.every(({ isClosed }) => isClosed));
    }
    expect(server.requests).toHaveLength(1000);
    const open = new Promise<number>((fulfil) => gateway.server.getConnections((_error, count) => fulfil(count)));
    expect(await open).toBe(0);
  });
});

const PROGRESS = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":1}}';
const answerTo = (id: number): string => `{"jsonrpc":"2.0","id":${id},"result":{}}`;

/** A POST whose response is read as it comes. */
async function openStream({ body, headers }: { body: string; headers: Readonly<Record<string, string>> }): Promise<{
  readonly socket: Socket;
  readonly text: string;
}> {
  const socket = connect(gateway.port, '127.0.0.1');
  const stream = { socket, text: '' };
  socket.setEncoding('utf8').on('data', (chunk) => {
    stream.text += chunk as unknown as string;
  });
  socket.on('error', () => {});
  const all = { Host: 'localhost', ...headers, ...gateway.alice, 'Content-Length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  await new Promise((fulfil) => socket.write(`POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`, fulfil));
  return stream;
}
