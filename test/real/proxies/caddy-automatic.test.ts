/** The Caddyfile as it is shipped, without certificate files: Caddy orders its certificate of an ACME authority itself. */
import { get } from 'node:https';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until } from '../../parts/deadline.ts';
import { type DnsServer, startDnsServer } from '../../parts/dns-server.ts';
import { fetchOver } from '../../parts/fetch-over.ts';
import { connectSse } from '../../parts/mcp-client.ts';
import { type Pebble, startPebble } from '../pebble.mjs';
import { CADDY, caddyWithAuthority } from './caddy.ts';
import { findSitePorts, INSTALL_MS, type RunningProxy, startProxy } from './proxy.ts';
import { readShipped } from './shipped-file.ts';
import { toLoopback } from './site.ts';
import { type Stage, startStage } from './stage.ts';

let certificates: Certificates;
let dns: DnsServer;
let pebble: Pebble;
let stage: Stage;
let proxy: RunningProxy | undefined;
beforeAll(() => CADDY.install(), INSTALL_MS);
beforeAll(async () => {
  certificates = makeCertificates();
  dns = await startDnsServer();
  stage = await startStage(readShipped('Caddyfile'), inject('postgresMcpUrl'));
});
afterAll(async () => {
  await proxy?.stop();
  await stage?.close();
  await pebble?.stop();
  await dns?.close();
  certificates?.remove();
});

it('gets a certificate for db.example.com, and serves with it', async () => {
  const ports = await findSitePorts();
  const { certFile, keyFile } = certificates.server;
  pebble = await startPebble({
    certFile,
    keyFile,
    httpPort: ports.httpPort,
    tlsPort: ports.httpsPort,
    dnsPort: dns.port,
  });
  const kind = caddyWithAuthority(pebble.directory, certificates.ca.certFile);
  proxy = await startProxy(kind, { gatewayPort: stage.gatewayPort, certFile, keyFile, ports });
  const connecting = { ca: await textAt(pebble.rootUrl, certificates.ca.cert), lookup: toLoopback };
  const { origin } = proxy;
  const isServed = (): Promise<boolean> =>
    fetchOver(connecting)(`${origin}/health`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('the certificate is there', isServed, 60_000);
  const client = await connectSse(`${origin}/sse`, stage.alice, fetchOver(connecting));
  expect(await client.callText('execute_sql', { sql: 'select 41 + 1 as answer' })).toContain("'answer': 42");
  await client.close();
});

function textAt(url: string, ca: string): Promise<string> {
  return new Promise((fulfil, reject) => {
    get(url, { ca }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => fulfil(text));
    }).on('error', reject);
  });
}
