/**
 * S10, S11. What stands between a client and the gateway routes and judges modern requests by their headers: one whose
 * headers say anything else than its body would pass as what it is not. It is 400 with the specification's own -32020, goes
 * nowhere, and is judged by its body alone. In the legacy era the same headers mean nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { MODERN, modernRequest } from '../parts/modern-messages.ts';
import { type ModernServer, startModernServer } from '../parts/modern-server.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../parts/raw-http.ts';

let server: ModernServer;
let gateway: TestGateway;
beforeAll(async () => {
  server = await startModernServer();
  gateway = await startGateway({ upstream: server.url }, { alice: { tools: { deny: ['region'] } } });
});
afterAll(async () => {
  await gateway.close();
  await server.close();
});

type Headers = Readonly<Record<string, string>>;
const post = (body: string, headers: Headers): Promise<RawAnswer> =>
  send(gateway.origin, {
    method: 'POST',
    path: '/mcp',
    body,
    headers: { ...JSON_HEADERS, ...headers, ...gateway.alice },
  });

const META = 'io.modelcontextprotocol';
const call = (name: string): ReturnType<typeof modernRequest> =>
  modernRequest('tools/call', { name, arguments: { text: 'hi' } }, { id: 'id-1' });
const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
const ECHO = call('echo');
const LIST = modernRequest('tools/list', {}, { id: 'id-1' });
const READ = modernRequest('resources/read', { uri: 'note:///one' }, { id: 'id-1' });

function without(headers: Headers, name: string): Headers {
  const { [name]: _left, ...rest } = headers;
  return rest;
}

describe('is refused, under its id, and nothing of it arrives', () => {
  it.each<[string, { body: string; headers: Headers }, Headers | undefined, number]>([
    ['another method', ECHO, { 'mcp-method': 'tools/list' }, -32020],
    ['the method in another case', ECHO, { 'mcp-method': 'Tools/Call' }, -32020],
    ['an empty method', ECHO, { 'mcp-method': '' }, -32020],
    ['no method', { ...ECHO, headers: without(ECHO.headers, 'mcp-method') }, undefined, -32020],
    ['another tool', ECHO, { 'mcp-name': 'region' }, -32020],
    ['the tool in another case', ECHO, { 'mcp-name': 'Echo' }, -32020],
    ['no tool', { ...ECHO, headers: without(ECHO.headers, 'mcp-name') }, undefined, -32020],
    ['another tool in Base64', ECHO, { 'mcp-name': base64('region') }, -32020],
    ['Base64 that nobody would write so', ECHO, { 'mcp-name': '=?base64?ZWNobw?=' }, -32020],
    ['Base64 of what is no UTF-8', ECHO, { 'mcp-name': '=?base64?/////w==?=' }, -32020],
    ['another resource', READ, { 'mcp-name': 'note:///two' }, -32020],
    ['no resource', { ...READ, headers: without(READ.headers, 'mcp-name') }, undefined, -32020],
    [
      'no version in the header',
      { ...LIST, headers: without(LIST.headers, 'mcp-protocol-version') },
      undefined,
      -32020,
    ],
    ['a legacy version in the header', LIST, { 'mcp-protocol-version': '2025-11-25' }, -32020],
    ['a later version in the header', LIST, { 'mcp-protocol-version': '2027-01-01' }, -32020],
    ['no _meta', { ...LIST, body: '{"jsonrpc":"2.0","id":"id-1","method":"tools/list"}' }, undefined, -32602],
    ['no version in _meta', modernRequest('tools/list', {}, { id: 'id-1', meta: {} }), undefined, -32602],
    [
      'no capabilities in _meta',
      modernRequest('tools/list', {}, { id: 'id-1', meta: { [`${META}/protocolVersion`]: MODERN } }),
      undefined,
      -32602,
    ],
    [
      'capabilities in _meta that are none',
      modernRequest(
        'tools/list',
        {},
        {
          id: 'id-1',
          meta: { [`${META}/protocolVersion`]: MODERN, [`${META}/clientCapabilities`]: [] },
        },
      ),
      undefined,
      -32602,
    ],
    [
      'two versions in _meta',
      {
        ...LIST,
        body: LIST.body.replace('"_meta":{', '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'),
      },
      undefined,
      -32602,
    ],
    ['latin1 in a parameter', LIST, { 'mcp-param-region': 'z\u00fcrich' }, -32020],
    ['latin1 in a name', ECHO, { 'mcp-name': 'caf\u00e9' }, -32020],
    ['a parameter without a name', LIST, { 'mcp-param-': 'x' }, -32020],
    [
      '65 parameters',
      LIST,
      Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`mcp-param-p${index}`, 'x'])),
      -32020,
    ],
    ['parameters of more than 8 KiB', LIST, { 'mcp-param-a': 'x'.repeat(8192) }, -32020],
  ])('%s', async (_what, { body, headers }, changed, code) => {
    const before = server.seen.length;
    const answer = await post(body, { ...headers, ...changed });
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
      400,
      { jsonrpc: '2.0', id: 'id-1', error: { code } },
    ]);
    expect(server.seen.length).toBe(before);
  });

  it.each([
    ['_meta twice', LIST.body.replace('"_meta"', '"_meta":{},"_meta"')],
    ['_meta in another case', LIST.body.replace('"_meta"', '"_Meta"')],
  ])('%s', async (_what, body) => {
    const before = server.seen.length;
    expect((await post(body, LIST.headers)).status).toBe(400);
    expect(server.seen.length).toBe(before);
  });

  it('a header that occurs twice', async () => {
    const before = server.seen.length;
    const req = { method: 'POST', path: '/mcp', body: ECHO.body, headers: { ...ECHO.headers, ...gateway.alice } };
    const twice = { ...req.headers, 'mcp-name': ['echo', 'echo'] as unknown as string };
    expect((await send(gateway.origin, { ...req, headers: twice })).status).toBe(400);
    expect(server.seen.length).toBe(before);
  });
});

describe('is let through', () => {
  it.each<[string, { body: string; headers: Headers }, Headers]>([
    ['with what mirrors its body', ECHO, {}],
    ['with a name in Base64', ECHO, { 'mcp-name': base64('echo') }],
    ['with the names of headers in any case', ECHO, { 'MCP-NAME': 'echo' }],
    ['with parameters that nobody knows', LIST, { 'mcp-param-unknown': 'x' }],
  ])('%s', async (_what, { body, headers }, more) => {
    const names = new Set(Object.keys(more).map((name) => name.toLowerCase()));
    const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name)));
    const answer = await post(body, { ...kept, ...more });
    expect(answer.status, answer.body).toBe(200);
  });
});

it('headers do not decide what a principal may do: the body does', async () => {
  const before = server.seen.length;
  const { body } = call('region');
  for (const headers of [ECHO.headers, call('region').headers]) {
    const answer = await post(body, headers);
    expect([400, 403]).toContain(answer.status);
  }
  // Over the legacy era the headers of a modern request are nothing at all.
  const legacy = await post(body.replaceAll(MODERN, '2025-11-25'), {
    ...ECHO.headers,
    'mcp-protocol-version': '2025-11-25',
  });
  expect(legacy.status).toBe(400);
  expect(server.seen.length).toBe(before);
});

it('a handshake of the legacy era is not one of the modern because of its headers', async () => {
  const before = server.seen.length;
  const answer = await post(INITIALIZE, { 'mcp-protocol-version': MODERN, 'mcp-method': 'initialize' });
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { id: 0, error: { code: -32602 } }]);
  expect(server.seen.length).toBe(before);
});
