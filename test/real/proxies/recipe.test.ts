/**
 * Whoever has followed the usual recipe and puts the gateway where postgres-mcp was need not touch the proxy: the gateway
 * announces /sse/messages, which lies under what is forwarded. postgres-mcp announces /messages/, which is not.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { fetchOver } from '../../parts/fetch-over.ts';
import { connectSse } from '../../parts/mcp-client.ts';
import { type Connecting, send } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';
import { type PostgresMcp, startPostgresMcp } from '../postgres-mcp.mjs';
import { INSTALL_MS, type RunningProxy, startProxy } from './proxy.ts';
import { readShipped } from './shipped-file.ts';
import { toLoopback } from './site.ts';
import { type Stage, startStage } from './stage.ts';
import {
  APACHE_RECIPE,
  CADDY_MATCHER_RECIPE,
  CADDY_RECIPE,
  HAPROXY_RECIPE,
  NGINX_RECIPE,
  type Recipe,
  TRAEFIK_RECIPE,
} from './usual-recipe.ts';

const RECIPES = [NGINX_RECIPE, CADDY_MATCHER_RECIPE, HAPROXY_RECIPE, APACHE_RECIPE, TRAEFIK_RECIPE];
const COUNT = { sql: 'select count(*) from main.primitive_events' };

let certificates: Certificates;
let connecting: Connecting;
let stage: Stage;
/** Of 2025, which looks at no Host: newer ones answer 421 already to GET /sse, where the proxy keeps the name. */
let bare: PostgresMcp;
let proxy: RunningProxy;
beforeAll(async () => {
  for (const { kind } of RECIPES) await kind.install();
  certificates = makeCertificates();
  connecting = { ca: certificates.ca.cert, lookup: toLoopback };
  stage = await startStage(readShipped('nginx.conf'), inject('postgresMcpUrl'));
  bare = await startPostgresMcp({ databaseUri: inject('databaseUri'), variant: '1.6.0' });
}, INSTALL_MS);
afterAll(async () => {
  await stage?.close();
  await bare?.stop();
  certificates?.remove();
});
afterEach(() => proxy?.stop());

async function start({ kind, text }: Recipe, port: number): Promise<string> {
  const { certFile, keyFile } = certificates.server;
  proxy = await startProxy(kind, { gatewayPort: port, certFile, keyFile, text });
  return proxy.origin;
}

describe.each(RECIPES)('the usual recipe: $name', (recipe) => {
  it('in front of the gateway carries a session over SSE', async () => {
    const origin = await start(recipe, stage.gatewayPort);
    const client = await connectSse(`${origin}/sse`, stage.alice, fetchOver(connecting));
    expect(await client.callText('execute_sql', COUNT)).toContain("'count': 1000");
    await client.close();
    if (recipe.forwardsHealth) expect((await send(origin, { path: '/health' }, connecting)).status).toBe(200);
    // Only /sse is forwarded: Streamable HTTP needs the shipped file.
    const mcp = await send(origin, { method: 'POST', path: '/mcp', headers: stage.alice, body: '{}' }, connecting);
    expect(mcp.headers['content-type'] ?? '').not.toContain('json');
  });

  it('in front of postgres-mcp itself brings the stream, and no message to it', async () => {
    const origin = await start(recipe, bare.port);
    const session = await openSse(origin, '/sse', {}, connecting);
    expect(session.endpoint).toMatch(/^\/messages\/\?session_id=/);
    const { status } = await session.post('{"jsonrpc":"2.0","id":1,"method":"ping"}');
    expect(status).toBe(recipe.elsewhere);
    expect(session.text()).not.toContain('"result"');
    session.close();
    const health = await send(origin, { path: '/health' }, connecting);
    expect(health.status).toBe(recipe.forwardsHealth ? 404 : recipe.elsewhere);
  });
});

it('the usual recipe of Apache does not even start with a line of it that is no directive', async () => {
  const line = '        ProxyPassReverseRewrite /\n    </Location>';
  const text: Recipe['text'] = (site) => APACHE_RECIPE.text(site).replace('    </Location>', line);
  await expect(start({ ...APACHE_RECIPE, text }, stage.gatewayPort)).rejects.toThrow(
    /Invalid command 'ProxyPassReverseRewrite'/,
  );
});

it('the usual recipe of HAProxy does not even start with a line of it that has no value', async () => {
  const line = 'backend mcp_sse\n    http-request set-header Connection ""';
  const text: Recipe['text'] = (site) => HAPROXY_RECIPE.text(site).replace('backend mcp_sse\n', `${line}\n`);
  await expect(start({ ...HAPROXY_RECIPE, text }, stage.gatewayPort)).rejects.toThrow(/ended before it was ready/);
});

it('the usual recipe of nginx in front of a newer postgres-mcp is answered with 421, because it keeps the name', async () => {
  const origin = await start(NGINX_RECIPE, Number(new URL(inject('postgresMcpUrl')).port));
  expect((await send(origin, { path: '/sse' }, connecting)).status).toBe(421);
});

describe('the usual recipe: Caddy, /sse/*, which is not /sse', () => {
  it('answers /sse itself with nothing, whatever stands behind it', async () => {
    for (const port of [stage.gatewayPort, bare.port]) {
      const origin = await start(CADDY_RECIPE, port);
      const { status, headers, body } = await send(origin, { path: '/sse', headers: stage.alice }, connecting);
      expect([status, headers['content-type'], body]).toEqual([200, undefined, '']);
      await proxy.stop();
    }
  });

  it('carries a session in front of the gateway to a client that is given /sse/, and not of postgres-mcp', async () => {
    const origin = await start(CADDY_RECIPE, stage.gatewayPort);
    const client = await connectSse(`${origin}/sse/`, stage.alice, fetchOver(connecting));
    expect(await client.callText('execute_sql', COUNT)).toContain("'count': 1000");
    await client.close();
    await proxy.stop();
    const bareOrigin = await start(CADDY_RECIPE, bare.port);
    expect((await send(bareOrigin, { path: '/sse/' }, connecting)).status).not.toBe(200);
  });
});
