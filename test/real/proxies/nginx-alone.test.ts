/** What holds of nginx alone, and that the table would see a proxy that buffers. */
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { within } from '../../parts/deadline.ts';
import { send } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';
import { NGINX } from './nginx.ts';
import { INSTALL_MS, type RunningProxy, startProxy } from './proxy.ts';
import { readShipped, replaceAll } from './shipped-file.ts';
import { toLoopback } from './site.ts';
import { type Stage, startStage } from './stage.ts';

let certificates: Certificates;
let stage: Stage;
let proxy: RunningProxy;
beforeAll(() => NGINX.install(), INSTALL_MS);
beforeAll(async () => {
  certificates = makeCertificates();
  stage = await startStage(readShipped('nginx.conf'), inject('postgresMcpUrl'));
});
afterAll(async () => {
  await stage?.close();
  certificates?.remove();
});
afterEach(() => proxy.stop());

async function start(edit: (text: string) => string = (text) => text): Promise<RunningProxy> {
  const { certFile, keyFile } = certificates.server;
  proxy = await startProxy(NGINX, { gatewayPort: stage.gatewayPort, certFile, keyFile, edit });
  return proxy;
}

it('buffers without its line about it, where that is on for all sites: no event arrives', async () => {
  const { origin } = await start((text) => replaceAll(text, [{ from: 'proxy_buffering         off;', to: '' }]));
  const opening = openSse(origin, '/legacy/sse', stage.alice, { ca: certificates.ca.cert, lookup: toLoopback });
  await expect(within(2000, 'the endpoint event', opening)).rejects.toThrow(/the endpoint event/);
  opening.catch(() => {});
});

it.each([
  ['as it is', (text: string) => text, undefined],
  [
    'without its line about gzip',
    (text: string) => replaceAll(text, [{ from: 'gzip                    off;', to: '' }]),
    'gzip',
  ],
])('where gzip is on for all sites, the file %s has streams in the encoding it should', async (_what, edit, encoding) => {
  const { origin } = await start(edit);
  const headers = { ...stage.alice, 'accept-encoding': 'gzip' };
  const connecting = { ca: certificates.ca.cert, lookup: toLoopback };
  const stream = await send(origin, { path: '/legacy/sse', headers }, connecting);
  expect([stream.status, stream.headers['content-encoding']]).toEqual([200, encoding]);
});

it('redirects to its own name, whatever name it is asked for', async () => {
  const { httpPort } = await start();
  const headers = { host: 'other.example.net' };
  const answer = await send(`http://127.0.0.1:${httpPort}`, { path: '/mcp', headers });
  expect([answer.status, answer.headers['location']]).toEqual([308, 'https://db.example.com/mcp']);
});
