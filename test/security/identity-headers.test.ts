/**
 * A22, T05, Q01: a client that says in headers who it is, as a proxy in front of an application would, and hopes that
 * somebody behind believes it. None of its credentials and none of these headers reach the upstream, be they written with
 * dashes or with underscores, and none of them lets anybody in. A name in a log is one line.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { basic, bcryptHash, type HtpasswdFile, writeHtpasswd } from '../parts/htpasswd.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

const EVIL = 'evil-value';
const NAMES = [
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Groups',
  'X-Forwarded-Preferred-Username',
  'X-Forwarded-Access-Token',
  'X-Remote-User',
  'Remote-User',
  'X-User',
  'X-Auth-Request-User',
  'X-Authenticated-User',
  'X-Client-Cert',
  'X-SSL-Client-Cert',
  'X-SSL-Client-Verify',
  'X-SSL-Client-S-DN',
  'SSL-Client-Cert',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Tls-Client-Cert',
  'Client-Cert',
  'Cookie',
  'Proxy-Authorization',
  'Proxy-Connection',
  'X-Auth-Token',
  'X-Access-Token',
  'Api-Key',
];
const SPOOFED = Object.fromEntries(
  NAMES.flatMap((name) => [
    [name, EVIL],
    [name.replaceAll('-', '_'), EVIL],
  ]),
);

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

it('by themselves they let nobody in', async () => {
  for (const path of ['/sse', '/mcp']) {
    expect((await send(gateway.origin, { path, headers: { ...SPOOFED, ...JSON_HEADERS } })).status).toBe(401);
  }
  expect(upstream.requests).toEqual([]);
});

it.each([
  ['a key', () => gateway.alice],
  ['a key in X-API-Key', () => ({ 'x-api-key': gateway.alice.Authorization.slice('Bearer '.length) })],
  ['a password', () => basic('carol', 'secret')],
])('with %s, neither they nor the credential reach the upstream', async (_what, credential) => {
  const before = upstream.posts.length;
  const headers = { ...SPOOFED, ...credential() };
  const session = await openSse(gateway.origin, '/sse', headers);
  expect((await session.post(INITIALIZE)).status).toBe(202);
  await until('the message has come', () => upstream.posts.length === before + 1);
  session.close();
  const sent = upstream.posts[before]!.headers;
  expect(JSON.stringify(sent)).not.toContain(EVIL);
  for (const value of Object.values(credential())) {
    expect(JSON.stringify(sent)).not.toContain(value.replace(/^\w+ /, ''));
  }
  for (const name of ['authorization', 'x-api-key', 'cookie', 'proxy-authorization'])
    expect(sent).not.toHaveProperty(name);
});
