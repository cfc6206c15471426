import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log.ts';
import { HttpClient, type HttpClientOptions, type HttpRequest } from '../../../src/upstream/http/http-client.ts';
import { isSameOrigin } from '../../../src/upstream/http/redirects.ts';
import { StreamableHttpUpstream } from '../../../src/upstream/streamable-http.ts';
import { until } from '../../parts/deadline.ts';
import { EventLog, messageOf, rejectionOf, request } from '../../parts/memory-transport.ts';
import { json, type RawServer, response, startRawServer } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

let server: RawServer;
/** Keeps whatever it gets; nothing should. */
let other: RawServer;
const clients: HttpClient[] = [];

beforeEach(async () => {
  [server, other] = await Promise.all([startRawServer(), startRawServer()]);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all([server.close(), other.close()]);
});

const POST: HttpRequest = {
  method: 'POST',
  path: '/mcp?a=b',
  headers: 'X-Api-Key: s3cret\r\n',
  body: Buffer.from('{"id":1}'),
  timeoutMs: 0,
};

function send(asked: Partial<HttpRequest> = {}, options: Partial<HttpClientOptions> = {}): ResponseRecorder {
  const client = new HttpClient({ url: server.url('/mcp'), family: '4', connectTimeoutMs: 2000, ...options });
  clients.push(client);
  const sink = new ResponseRecorder();
  client.request({ ...POST, ...asked }, sink);
  return sink;
}

const to = (location: string, status = 307): string => response(status, '', { Location: location });

describe('a redirect on the same origin', () => {
  it.each([307, 308])('by HTTP %i is followed with the same method, headers and body', async (status) => {
    const sink = send();
    await (await server.next('POST /mcp?a=b')).reply(to('/mcp/?a=b', status));
    const { head, body, reply } = await server.next('POST /mcp/?a=b');
    expect(head).toContain('\r\nX-Api-Key: s3cret\r\nContent-Length: 8');
    expect(body).toBe('{"id":1}');
    await reply(json('done'));
    await sink.over();
    expect([sink.told, sink.status, sink.body]).toEqual([['head', 'end'], 200, 'done']);
    expect(server.connections).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])('by HTTP %i is followed by a GET', async (status) => {
    const { body: _body, ...asked } = POST;
    const client = new HttpClient({ url: server.url('/mcp'), family: '4', connectTimeoutMs: 2000 });
    clients.push(client);
    const sink = new ResponseRecorder();
    client.request({ ...asked, method: 'GET' }, sink);
    await (await server.next('GET')).reply(to('/mcp/', status));
    await (await server.next('GET /mcp/')).reply(json('done'));
    expect((await sink.over()).body).toBe('done');
  });

  it.each([
    ['a path', '/x/y?z', '/x/y?z'],
    ['a relative path', 'y', '/y'],
    ['a query', '?c=d', '/mcp?c=d'],
    ['a whole URL', 'http://127.0.0.1:PORT/x#fragment', '/x'],
    ['another name of this machine', 'http://localhost:PORT/x', '/x'],
    ['an authority', '//127.0.0.1:PORT/x', '/x'],
  ])('may be told as %s', async (_what, location, path) => {
    const sink = send();
    await (await server.next('POST')).reply(to(location.replace('PORT', String(server.port))));
    await (await server.next(`POST ${path}`)).reply(json('done'));
    expect((await sink.over()).body).toBe('done');
  });

  it('may be told with the Host that the server was told', async () => {
    const sink = send({}, { hostHeader: 'db.example:8000' });
    await (await server.next('POST')).reply(to('http://db.example:8000/mcp/'));
    await (await server.next('POST /mcp/')).reply(json('done'));
    expect((await sink.over()).body).toBe('done');
    expect(other.requests).toEqual([]);
  });

  it('may have a body, which nobody is told', async () => {
    const sink = send();
    await (await server.next('POST')).reply(response(307, 'moved', { Location: '/mcp/' }));
    await (await server.next('POST /mcp/')).reply(json('done'));
    await sink.over();
    expect([sink.told, sink.body]).toEqual([['head', 'end'], 'done']);
  });

  it.each([
    ['never ends', false],
    ['ends with the connection', true],
  ])('whose body %s is followed on another connection', async (_what, isEnding) => {
    const sink = send();
    const { connection } = await server.next('POST');
    const head = 'HTTP/1.1 307 X\r\nLocation: /mcp/\r\nContent-Length: 100\r\n\r\nmoved';
    if (isEnding) connection.end(head);
    else await connection.write(head);
    const next = await server.next('POST /mcp/');
    await next.reply(json('done'));
    await sink.over();
    expect([sink.told, sink.body]).toEqual([['head', 'end'], 'done']);
    expect(next.connection).not.toBe(connection);
    await until('the close', () => connection.isClosed);
  });

  it('is followed three times, not four', async () => {
    const sink = send();
    for (let count = 0; count < 4; count++) await (await server.next('POST')).reply(to(`/${count}`));
    await sink.over();
    expect(sink.error).toMatchObject({
      code: 'upstream_redirect',
      message: `http://127.0.0.1:${server.port} redirects in a circle`,
      why: 'HTTP 307 to /3 after 3 redirects',
      mayHaveRun: false,
    });
    expect(sink.told).toEqual(['fail']);
    expect(server.requests).toHaveLength(4);
  });

  it('is not followed when the request was called off meanwhile', async () => {
    const client = new HttpClient({ url: server.url('/mcp'), family: '4', connectTimeoutMs: 2000 });
    clients.push(client);
    const sink = new ResponseRecorder();
    const exchange = client.request(POST, sink);
    const { connection } = await server.next('POST');
    await connection.write('HTTP/1.1 307 X\r\nLocation: /mcp/\r\nContent-Length: 100\r\n\r\n');
    exchange.abort();
    await until('the close', () => connection.isClosed);
    expect(sink.told).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  it('counts against the time that the whole response may take', async () => {
    const sink = send({ timeoutMs: 100 });
    await (await server.next('POST')).reply(to('/mcp/'));
    await server.next('POST /mcp/');
    expect((await sink.over()).error?.code).toBe('upstream_timeout');
  });
});

describe('a redirect that is not followed', () => {
  it.each([
    ['to another port', () => `http://127.0.0.1:${other.port}/mcp`],
    ['to another host', () => `http://other.example:${server.port}/mcp`],
    ['to another scheme', () => `https://127.0.0.1:${server.port}/mcp`],
    ['with a user', () => `http://user@127.0.0.1:${server.port}/mcp`],
    ['to no URL', () => 'http://[::1/mcp'],
    ['to a file', () => 'file:///etc/passwd'],
  ])('%s is what the sink is told, and nothing else is asked', async (_what, location) => {
    const sink = send();
    await (await server.next('POST')).reply(to(location()));
    await sink.over();
    expect([sink.told, sink.status]).toEqual([['head', 'end'], 307]);
    expect([server.requests.length, other.connections.length]).toEqual([1, 0]);
  });

  it.each([300, 301, 302, 303, 304])('of a POST is every HTTP %i', async (status) => {
    const sink = send();
    await (await server.next('POST')).reply(to('/mcp/', status));
    expect((await sink.over()).status).toBe(status);
  });

  it('says where it leads, and the headers stay here', async () => {
    const upstream = new StreamableHttpUpstream({
      url: server.url('/mcp'),
      logger: silentLogger,
      headers: { 'X-Api-Key': 's3cret' },
    });
    await upstream.start(new EventLog());
    const sent = rejectionOf(upstream.send(messageOf(request('1', 'initialize'))));
    await (await server.next('POST')).reply(to(`http://localhost:${other.port}/mcp`));
    expect(await sent).toMatchObject({
      code: 'upstream_redirect',
      message: `127.0.0.1:${server.port} redirects to http://localhost:${other.port}/mcp`,
      mayHaveRun: false,
    });
    await upstream.close();
    expect(other.connections).toEqual([]);
  });
});

describe('origins', () => {
  it.each([
    ['http://a.test/x', 'http://A.test:80/y', true],
    ['http://localhost:1/', 'http://127.0.0.1:1/', true],
    ['http://[::1]:1/', 'http://db.localhost:1/', true],
    ['http://localhost:1/', 'http://localhost:2/', false],
    ['http://localhost/', 'https://localhost/', false],
    ['http://a.test/', 'http://b.test/', false],
    ['http://localhost:1/', 'http://localhost.evil.test:1/', false],
  ])('%s and %s are one: %s', (a, b, isOne) => expect(isSameOrigin(new URL(a), new URL(b))).toBe(isOne));
});
