/**
 * A server behind the gateway, or whoever has taken it over, answers with headers that would work on the client: a
 * cookie, an Access-Control-Allow-Origin of its own, an HSTS for the gateway's name, hundreds of headers, line breaks.
 * C08, H20: none of its headers reach the client.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';

let gateway: TestGateway;
let server: Server;
afterEach(async () => {
  await gateway.close();
  server.close();
});

const RESULT =
  '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}';
const HOSTILE = [
  'Access-Control-Allow-Origin: *',
  'Access-Control-Allow-Credentials: true',
  'Set-Cookie: stolen=1',
  'Strict-Transport-Security: max-age=1',
  'Server: inside/1.2.3',
  'X-Powered-By: inside',
  'X-Internal: secret',
  'Connection: X-Internal, close',
];

async function ask(headers: readonly string[]): ReturnType<typeof send> {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      const head = [
        'HTTP/1.1 200 OK',
        'Content-Type: application/json',
        `Content-Length: ${RESULT.length}`,
        ...headers,
      ];
      socket.end(`${head.join('\r\n')}\r\n\r\n${RESULT}`);
    });
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  gateway = await startGateway({
    upstream: `http://127.0.0.1:${port}/mcp`,
    upstreamTransport: 'http',
    allowedOrigins: ['https://app.example.com'],
  });
  return send(gateway.origin, {
    method: 'POST',
    path: '/mcp',
    headers: { ...JSON_HEADERS, ...gateway.alice, origin: 'https://app.example.com' },
    body: INITIALIZE,
  });
}

it('passes the message on and none of the headers', async () => {
  const { status, headers, body } = await ask(HOSTILE);
  expect(status).toBe(200);
  expect(body).toBe(RESULT);
  expect(headers['access-control-allow-origin']).toBe('https://app.example.com');
  expect(Object.keys(headers)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/set-cookie|strict-transport|server|powered|internal|credentials/)]),
  );
});

it.each([
  ['2000 headers', Array.from({ length: 2000 }, (_value, index) => `X-H${index}: ${'y'.repeat(50)}`)],
  ['a bare line feed in a header', ['X-A: b\nSet-Cookie: c=1']],
  ['two lengths', ['Content-Length: 5']],
])('answers an upstream response with %s as 502, and shows nothing of it', async (_name, headers) => {
  const answer = await ask(headers);
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body)).toMatchObject({ id: 0, error: { code: -32603 } });
  expect(JSON.stringify(answer.headers)).not.toMatch(/x-h1|set-cookie/i);
});
