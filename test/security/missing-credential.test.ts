/**
 * A01, A24: somebody who shows nothing at all, on every MCP route and with every method. Each request must get the same 401
 * with every way in that there is, and the upstream must hear nothing. A gateway that asks nobody must not start where
 * others than this machine can reach it.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { bcryptHash, type HtpasswdFile, writeHtpasswd } from '../parts/htpasswd.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { runCli } from '../parts/run-cli.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let file: HtpasswdFile;
beforeAll(async () => {
  upstream = await startSilentUpstream();
  file = writeHtpasswd(`carol:${bcryptHash('secret')}\n`);
  gateway = await startGateway({ upstream: upstream.url, htpasswdFile: file.path });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
  file.remove();
});

it.each([
  ['GET', '/sse'],
  ['GET', '/sse/'],
  ['POST', '/sse'],
  ['POST', '/sse/messages?session=x'],
  ['POST', '/messages/?session=x'],
  ['GET', '/mcp'],
  ['POST', '/mcp'],
  ['DELETE', '/mcp'],
  ['PUT', '/mcp'],
])('%s %s without a credential is 401 with every challenge, and nothing reaches the upstream', async (method, path) => {
  const body = method === 'POST' ? INITIALIZE : undefined;
  const answer = await send(gateway.origin, {
    method,
    path,
    headers: JSON_HEADERS,
    ...(body === undefined ? {} : { body }),
  });
  expect(answer.status).toBe(401);
  expect(answer.headers['www-authenticate']).toBe(
    'Bearer realm="mcp-drawbridge", Basic realm="mcp-drawbridge", charset="UTF-8"',
  );
  expect(JSON.parse(answer.body)).toMatchObject({
    jsonrpc: '2.0',
    error: { code: -32600, data: { reason: 'unauthorized' } },
  });
  expect(answer.body).toBe((await send(gateway.origin, { path: '/sse' })).body);
  expect(upstream.requests).toEqual([]);
});

it('what is wrong with a credential cannot be told from the answer', async () => {
  const shown = [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: 'Bearer' },
    { authorization: 'Digest username="a"' },
    { 'x-api-key': 'wrong' },
    { authorization: `Basic ${Buffer.from('carol:wrong').toString('base64')}` },
    { authorization: `Basic ${Buffer.from('nobody:wrong').toString('base64')}` },
    { authorization: 'Bearer wrong', 'x-api-key': 'wrong' },
  ];
  const answers = await Promise.all(shown.map((headers) => send(gateway.origin, { path: '/sse', headers })));
  const [first, ...others] = answers.map(({ status, headers, body }) => {
    const { date: _date, ...rest } = headers;
    return { status, rest, body };
  });
  for (const other of others) expect(other).toEqual(first);
  expect(upstream.requests).toEqual([]);
});

it.each([['0.0.0.0'], ['::'], ['192.0.2.1']])('the gateway does not start on %s when it asks nobody', async (host) => {
  for (const more of [[], ['--auth', 'none']]) {
    const args = ['gateway', '--upstream', upstream.url, '--host', host, '--port', '0', ...more];
    const { code, stderr } = await runCli(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error {2}refusing to listen on /);
  }
});
