import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { apr1Hash, basic, type HtpasswdFile, writeHtpasswd } from '../parts/htpasswd.ts';
import { send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type Nginx, startNginx } from './nginx.ts';

let upstream: Server;
let seen: { readonly url: string; readonly version: string; readonly headers: IncomingHttpHeaders }[];
let htpasswd: HtpasswdFile;
let nginx: Nginx;
let gateway: GatewayProcess;
const carol = basic('carol', 'open sesame');

beforeAll(async () => {
  seen = [];
  upstream = createServer((req, res) => {
    seen.push({ url: req.url ?? '', version: req.httpVersion, headers: req.headers });
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: endpoint\r\ndata: /messages/?session_id=1\r\n\r\n');
  });
  await new Promise<void>((fulfil) => upstream.listen(0, '127.0.0.1', fulfil));
  const { port } = upstream.address() as AddressInfo;
  htpasswd = writeHtpasswd(`carol:${apr1Hash('open sesame')}\n`);
  nginx = await startNginx(port, htpasswd.path);
  const options = ['--upstream-transport', 'sse', '--htpasswd-file', htpasswd.path, '--deny-addresses', '127.0.0.3'];
  gateway = await startGatewayProcess(`http://127.0.0.1:${port}/sse`, options);
});

afterAll(async () => {
  await gateway?.close();
  await nginx?.stop();
  upstream?.closeAllConnections();
  upstream?.close();
  htpasswd?.remove();
});

describe.each(['nginx', 'the gateway'] as const)('with the recipe of operators, %s', (name) => {
  const origin = (): string => (name === 'nginx' ? nginx.origin : gateway.origin);

  it('auth_basic: takes a user of the htpasswd file and nobody else', async () => {
    const before = seen.length;
    for (const headers of [{}, basic('carol', 'wrong'), basic('dave', 'open sesame')])
      expect((await send(origin(), { path: '/sse', headers })).status).toBe(401);
    expect(seen.length).toBe(before);
    expect((await send(origin(), { path: '/sse', headers: carol })).status).toBe(200);
  });

  it('proxy_buffering off: passes the first event on while the stream is open', async () => {
    const session = await openSse(origin(), '/sse', carol);
    session.close();
  });

  it('proxy_http_version, Connection and forwarded headers: the server is told the client, whatever it claims', async () => {
    const before = seen.length;
    const claims = { 'X-Real-IP': '6.6.6.6', 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https' };
    await send(origin(), { path: '/sse', headers: { ...carol, ...claims } });
    const request = seen[before]!;
    expect(request.version).toBe('1.1');
    expect(request.headers).toMatchObject({
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': new URL(origin()).port,
    });
    expect(request.headers.connection).not.toBe('close');
  });

  it('add_header: refusals and answers carry the security headers', async () => {
    for (const path of ['/health', '/sse']) {
      const { headers } = await send(origin(), { path });
      expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' });
      expect(headers['x-xss-protection']).toBe(name === 'nginx' ? '1; mode=block' : '0');
      expect(headers['referrer-policy']).toBe(name === 'nginx' ? 'strict-origin-when-cross-origin' : 'no-referrer');
    }
  });

  it('/health: answers without a credential, and everything else is 404', async () => {
    const before = seen.length;
    expect((await send(origin(), { path: '/health' })).status).toBe(200);
    for (const path of ['/', '/admin', '/healthz', '/.env'])
      expect((await send(origin(), { path, headers: carol })).status).toBe(404);
    expect(seen.length).toBe(before);
  });
});
