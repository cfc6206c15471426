import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, type RawRequest, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, shakeHands, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startSilentUpstream();
  gateway = await startGateway({
    upstream: upstream.url,
    allowedHosts: ['db.example.com'],
    allowedOrigins: ['https://app.example.com'],
    maxBodyBytes: 10_000,
    maxJsonDepth: 8,
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const ask = (request: RawRequest): Promise<RawAnswer> =>
  send(gateway.origin, { ...request, headers: { ...gateway.alice, ...request.headers } });
const reasonOf = ({ body }: RawAnswer): unknown => JSON.parse(body).error.data.reason;

/** Sends bytes as they are; what Node's own client would correct stays wrong. */
function sendRaw(lines: readonly string[]): Promise<string> {
  return new Promise((fulfil, reject) => {
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('close', () => fulfil(text));
    socket.on('error', reject);
    socket.setTimeout(3000, () => socket.destroy());
  });
}

describe('a request that can be read two ways', () => {
  it.each([
    ['two Host headers', ['GET /sse HTTP/1.1', 'Host: localhost', 'Host: evil.example', 'Connection: close']],
    ['no Host', ['GET /sse HTTP/1.1', 'Connection: close']],
    [
      'two Authorization headers',
      [
        'GET /sse HTTP/1.1',
        'Host: localhost',
        'Authorization: Bearer a',
        'Authorization: Bearer b',
        'Connection: close',
      ],
    ],
    ['an absolute target', ['GET http://evil.example/mcp HTTP/1.1', 'Host: localhost', 'Connection: close']],
    [
      'a length and a transfer coding',
      ['POST /mcp HTTP/1.1', 'Host: localhost', 'Content-Length: 5', 'Transfer-Encoding: chunked', '', '0'],
    ],
    ['two lengths', ['POST /mcp HTTP/1.1', 'Host: localhost', 'Content-Length: 40, 40']],
  ])('is 400, and its connection closed: %s', async (_name, lines) => {
    const before = upstream.requests.length;
    const text = await sendRaw(lines);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text.toLowerCase()).toContain('connection: close');
    expect(upstream.requests.length).toBe(before);
  });
});

describe('Host', () => {
  it.each([
    'localhost',
    '127.0.0.1:9999',
    '[::1]:1',
    'LOCALHOST:80',
    'db.example.com',
    'db.example.com:443',
  ])('serves %s', async (host) => {
    expect((await ask({ path: '/health', headers: { host } })).status).toBe(200);
  });
  it.each([
    'evil.example',
    'localhost.evil',
    '127.0.0.1.evil',
    'db.example.com.evil',
    'xdb.example.com',
    'localhost:1:2',
    'a b',
  ])('refuses %s on every route', async (host) => {
    for (const path of ['/sse', '/mcp', '/health', '/nowhere']) {
      const answer = await ask({ path, headers: { host } });
      expect(answer.status).toBe(403);
      expect(reasonOf(answer)).toBe('forbidden_host');
    }
  });
});

describe('Origin and CORS', () => {
  const origin = 'https://app.example.com';
  it.each([
    'null',
    'http://app.example.com',
    'https://app.example.com/',
    'https://app.example.com:8443',
    'https://evil.example',
    'https://xapp.example.com',
    'https://app.example.com.evil',
    'https://app.example.com, https://evil.example',
  ])('refuses the origin %s everywhere, credentials or not, and lets no page read why', async (foreign) => {
    for (const request of [
      { path: '/sse' },
      { path: '/health' },
      { method: 'POST', path: '/mcp', body: INITIALIZE, headers: JSON_HEADERS },
      { method: 'OPTIONS', path: '/mcp', headers: { 'access-control-request-method': 'POST' } },
    ]) {
      const answer = await ask({ ...request, headers: { ...request.headers, origin: foreign } });
      expect(answer.status).toBe(403);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('takes its own origin for what it is, under every name that it answers to', async () => {
    for (const host of [`127.0.0.1:${gateway.port}`, `localhost:${gateway.port}`, 'db.example.com']) {
      const answer = await ask({ path: '/health', headers: { host, origin: `http://${host}` } });
      expect(answer.status).toBe(200);
    }
  });

  it.each([
    ['another port of this machine', 'localhost', 'http://localhost:3000'],
    ['another of its names', 'localhost', 'http://127.0.0.1'],
    ['another scheme', 'localhost', 'https://localhost'],
    ['a Host that is not its own', 'evil.example', 'http://evil.example'],
  ])('refuses an origin that is like its own but for %s', async (_difference, host, foreign) => {
    expect((await ask({ path: '/health', headers: { host, origin: foreign } })).status).toBe(403);
  });

  it('answers a preflight without a credential', async () => {
    const before = upstream.requests.length;
    const answer = await send(gateway.origin, {
      method: 'OPTIONS',
      path: '/mcp',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,mcp-session-id',
      },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers['access-control-allow-methods']).toBe('GET, POST, DELETE, OPTIONS');
    for (const name of [
      'Authorization',
      'Content-Type',
      'Mcp-Session-Id',
      'MCP-Protocol-Version',
      'Last-Event-ID',
      'Mcp-Method',
      'Mcp-Name',
    ]) {
      expect(String(answer.headers['access-control-allow-headers']).split(', ')).toContain(name);
    }
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    expect(answer.headers['vary']).toBe('Origin');
    expect(upstream.requests.length).toBe(before);
  });

  it('lets a listed page read errors too', async () => {
    for (const [request, status] of [
      [{ path: '/sse', headers: { authorization: 'Bearer wrong' } }, 401],
      [{ method: 'POST', path: '/mcp', headers: JSON_HEADERS, body: 'x'.repeat(10_001) }, 413],
      [{ method: 'POST', path: '/mcp', headers: JSON_HEADERS, body: '{' }, 400],
      [{ path: '/nowhere' }, 404],
    ] as const) {
      const answer = await ask({ ...request, headers: { ...('headers' in request ? request.headers : {}), origin } });
      expect(answer.status).toBe(status);
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
      expect(answer.headers['access-control-expose-headers']).toContain('Mcp-Session-Id');
    }
  });
});

describe('authentication', () => {
  it.each([
    ['no credential', {}],
    ['a wrong key', { authorization: 'Bearer mdb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['an empty key', { authorization: 'Bearer ' }],
    ['two words', { authorization: 'Bearer a b' }],
    ['another scheme', { authorization: 'Basic YWxpY2U6eA==' }],
    ['a key of 100 kB would be refused by size; one of 600', { authorization: `Bearer ${'a'.repeat(600)}` }],
  ])('is 401 with one body for all: %s', async (_name, headers) => {
    const before = upstream.requests.length;
    const answer = await send(gateway.origin, { path: '/sse', headers });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="mcp-drawbridge"');
    expect(answer.body).toBe(
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"this gateway needs a valid credential","data":{"reason":"unauthorized","hint":"Send Authorization: Bearer <key>."}}}',
    );
    expect(upstream.requests.length).toBe(before);
  });

  it('takes the key as a bearer in any case, and as X-API-Key, but not in two places or in the query', async () => {
    const key = gateway.alice.Authorization.slice('Bearer '.length);
    const post = { method: 'POST', path: '/mcp', body: '[]' };
    expect(
      (await send(gateway.origin, { ...post, headers: { ...JSON_HEADERS, authorization: `bearer   ${key} ` } })).status,
    ).toBe(400);
    expect((await send(gateway.origin, { ...post, headers: { ...JSON_HEADERS, 'x-api-key': key } })).status).toBe(400);
    expect((await ask({ ...post, headers: { ...JSON_HEADERS, 'x-api-key': key } })).status).toBe(401);
    expect((await send(gateway.origin, { path: `/sse?api_key=${key}&access_token=${key}` })).status).toBe(401);
  });
});

describe('method, media types and size', () => {
  it.each([
    ['PUT', '/mcp', 'GET, POST, DELETE'],
    ['POST', '/sse', 'GET'],
    ['GET', '/sse/messages', 'POST'],
    ['TRACE', '/mcp', 'GET, POST, DELETE'],
    ['OPTIONS', '/sse', 'GET'],
  ])('%s %s is 405 and says what is allowed', async (method, path, allow) => {
    const answer = await ask({ method, path });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe(allow);
  });

  it.each([
    'text/plain',
    'text/plain; a=application/json',
    'multipart/form-data',
    'application/json; charset=utf-16',
    '',
  ])('a body of type "%s" is 415', async (type) => {
    const answer = await ask({
      method: 'POST',
      path: '/mcp',
      body: INITIALIZE,
      headers: type === '' ? {} : { 'content-type': type },
    });
    expect(answer.status).toBe(415);
  });

  it('a compressed body is 415, never decompressed', async () => {
    const answer = await ask({
      method: 'POST',
      path: '/mcp',
      body: 'x',
      headers: { ...JSON_HEADERS, 'content-encoding': 'gzip' },
    });
    expect(answer.status).toBe(415);
  });

  it('an event stream that is not accepted is 406', async () => {
    expect((await ask({ path: '/sse', headers: { accept: 'application/json' } })).status).toBe(406);
    expect((await ask({ path: '/sse', headers: { accept: 'text/event-stream;q=0' } })).status).toBe(406);
  });

  it('a body over the cap is 413, whether its length is said or not', async () => {
    const said = await ask({ method: 'POST', path: '/mcp', body: 'x'.repeat(10_001), headers: JSON_HEADERS });
    expect(said.status).toBe(413);
    const chunked = await ask({
      method: 'POST',
      path: '/mcp',
      body: 'x'.repeat(10_001),
      headers: { ...JSON_HEADERS, 'transfer-encoding': 'chunked' },
    });
    expect(chunked.status).toBe(413);
  });
});

describe('the shape of a message', () => {
  it.each([
    ['{nope', -32700],
    ['', -32700],
    [Buffer.from([0x22, 0xff, 0x22]), -32700],
    ['[]', -32600],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600],
    ['null', -32600],
    ['42', -32600],
    ['{}', -32600],
    ['{"id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":7}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":7}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"\\u006dethod":"tools/call"}', -32600],
    [`{"jsonrpc":"2.0","id":1,"method":"ping","params":${'['.repeat(9)}${']'.repeat(9)}}`, -32600],
  ])('%s is 400, and nothing of it reaches the upstream', async (body, code) => {
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    const before = upstream.posts.length;
    for (const path of [session.endpoint, '/mcp']) {
      const answer = await ask({ method: 'POST', path, body, headers: JSON_HEADERS });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code } });
    }
    expect(upstream.posts.length).toBe(before);
    session.close();
  });

  it('what is strange but lawful is forwarded byte for byte', async () => {
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    await shakeHands(session, upstream);
    const bodies = [
      '{"method":"x","params":{"n":12345678901234567890.123456789,"u":"\\ud800\u2028"},"id":9007199254740993,"jsonrpc":"2.0","extra":{"a":1}}',
      ' {\n "jsonrpc" : "2.0" , "id" : "" , "method" : "tools/list" } \n',
      '{"jsonrpc":"2.0","id":1e2,"method":"ping"}',
      '{"jsonrpc":"2.0","id":-1,"method":"ping","params":{}}',
    ];
    for (const body of bodies) expect((await session.post(body)).status).toBe(202);
    expect(upstream.posts.slice(-bodies.length).map(({ body }) => body)).toEqual(bodies);
    session.close();
  });
});

describe('security headers', () => {
  it.each(['/sse', '/health', '/nowhere'])('are on every answer: %s', async (path) => {
    for (const headers of [gateway.alice, { authorization: 'Bearer wrong' }]) {
      const answer = await send(gateway.origin, { path, headers });
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['x-frame-options']).toBe('DENY');
      expect(answer.headers['content-security-policy']).toBe("default-src 'none';frame-ancestors 'none'");
      expect(answer.headers['referrer-policy']).toBe('no-referrer');
      expect(answer.headers['x-powered-by']).toBeUndefined();
      expect(answer.headers['strict-transport-security']).toBeUndefined();
    }
  });
});
