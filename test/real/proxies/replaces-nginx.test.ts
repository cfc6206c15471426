/** The gateway where the proxy stood: the whole site of docs/from-nginx.md, in which only ports, files and addresses are others. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { fetchOver } from '../../parts/fetch-over.ts';
import { apr1Hash, basic, type HtpasswdFile, writeHtpasswd } from '../../parts/htpasswd.ts';
import { fencesOf, readDoc } from '../../parts/markdown.ts';
import { connectHttp, connectSse } from '../../parts/mcp-client.ts';
import { type Connecting, send } from '../../parts/raw-http.ts';
import { type CliProcess, startCli } from '../../parts/run-cli.ts';
import { findFreePorts } from '../free-port.mjs';
import { replaceAll } from './shipped-file.ts';
import { toLoopback } from './site.ts';

const COUNT = { sql: 'select count(*) from main.primitive_events' };
const carol = basic('carol', 'open sesame');

let certificates: Certificates;
let htpasswd: HtpasswdFile;
let folder: string;
let gateway: CliProcess;
let origin: string;
let plainOrigin: string;
/** As of the one network that may come in. */
let inside: Connecting;
beforeAll(async () => {
  certificates = makeCertificates();
  htpasswd = writeHtpasswd(`carol:${apr1Hash('open sesame')}\n`);
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-replaces-nginx-'));
  const [port, redirectPort] = await findFreePorts(2);
  const [site] = fencesOf(readDoc('from-nginx.md')).filter(({ language }) => language === 'yaml');
  const text = replaceAll(site!.text, [
    { from: 'http://127.0.0.1:8000/sse', to: inject('postgresMcpUrl') },
    { from: 'host: 0.0.0.0', to: 'host: 127.0.0.1' },
    { from: 'port: 443', to: `port: ${port}` },
    { from: 'redirectPort: 80', to: `redirectPort: ${redirectPort}` },
    { from: '/etc/letsencrypt/live/db.example.com/fullchain.pem', to: certificates.server.certFile },
    { from: '/etc/letsencrypt/live/db.example.com/privkey.pem', to: certificates.server.keyFile },
    { from: '/etc/nginx/.htpasswd', to: htpasswd.path },
    { from: '192.168.1.0/24', to: '127.0.0.4/30' },
  ]);
  writeFileSync(join(folder, 'drawbridge.yaml'), text);
  gateway = startCli(['gateway', '--config', 'drawbridge.yaml'], { cwd: folder });
  await gateway.logged(/listening on/, 20_000);
  origin = `https://db.example.com:${port}`;
  plainOrigin = `http://127.0.0.1:${redirectPort}`;
  inside = { ca: certificates.ca.cert, lookup: toLoopback, localAddress: '127.0.0.5' };
});
afterAll(async () => {
  gateway?.child.kill('SIGTERM');
  await gateway?.exited(15_000);
  rmSync(folder, { recursive: true });
  htpasswd?.remove();
  certificates?.remove();
});

it('ssl_certificate, proxy_pass, auth_basic: carries sessions of whom the password file lets in', async () => {
  const sse = await connectSse(`${origin}/sse`, { ...carol }, fetchOver(inside));
  const http = await connectHttp(`${origin}/mcp`, { ...carol }, fetchOver(inside));
  for (const client of [sse, http]) {
    expect(await client.callText('execute_sql', COUNT)).toContain("'count': 1000");
    await client.close();
  }
  expect((await send(origin, { path: '/sse', headers: basic('carol', 'wrong') }, inside)).status).toBe(401);
});

it('allow, deny all: lets nobody in from elsewhere', async () => {
  const { localAddress: _localAddress, ...outside } = inside;
  expect((await send(origin, { path: '/sse', headers: carol }, outside)).status).toBe(403);
});

it('listen 80, return 301: leads to https, under its own name', async () => {
  const request = { path: '/sse', headers: { host: 'other.example.net' } };
  const { status, headers } = await send(plainOrigin, request, { localAddress: '127.0.0.5' });
  expect([status, headers['location']]).toEqual([308, 'https://db.example.com/sse']);
});

it('add_header: HSTS, and CORS for the page that is named and no other', async () => {
  const preflight = (from: string) =>
    send(
      origin,
      { method: 'OPTIONS', path: '/mcp', headers: { origin: from, 'access-control-request-method': 'POST' } },
      inside,
    );
  const named = await preflight('https://app.example.com');
  expect(named.status).toBe(204);
  expect(named.headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example.com' });
  expect(named.headers['strict-transport-security']).toMatch(/includeSubDomains/);
  expect((await preflight('https://evil.example.net')).headers['access-control-allow-origin']).toBeUndefined();
});

it('limit_req rate=5r/m burst=10 nodelay: takes ten calls and one, and refuses the next', async () => {
  const client = await connectHttp(`${origin}/mcp`, { ...carol }, fetchOver(inside));
  let taken = 0;
  const call = async (): Promise<void> => {
    await client.callText('execute_sql', { sql: 'select 1' });
    taken++;
  };
  await expect(
    (async () => {
      for (let count = 0; count < 12; count++) await call();
    })(),
  ).rejects.toThrow();
  // Two were made above; one more may be taken for every 12 s since.
  expect([9, 10]).toContain(taken);
  await client.close();
});
