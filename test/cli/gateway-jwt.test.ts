import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { type OauthIssuer, startIssuer } from '../parts/oauth-issuer.ts';
import { send } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let issuer: OauthIssuer;
let upstream: SilentUpstream;
let gateway: GatewayProcess | undefined;

async function start(options: readonly string[]): Promise<GatewayProcess> {
  upstream = await startSilentUpstream();
  gateway = await startGatewayProcess(upstream.url, options);
  return gateway;
}
afterEach(async () => {
  await gateway?.close();
  await upstream.close();
  await issuer.close();
});
const statusOf = async (authorization: string): Promise<number> =>
  (await send(gateway!.origin, { path: '/sse', headers: { authorization } })).status;

describe('gateway --jwt-issuer', () => {
  it('takes tokens beside keys, and serves the metadata', async () => {
    issuer = await startIssuer();
    const { origin, alice, log } = await start([
      ...['--jwt-issuer', issuer.url, '--public-url', 'https://db.example.com', '--log-level', 'debug'],
    ]);
    const token = await issuer.sign('https://db.example.com/mcp');
    expect(await statusOf(`Bearer ${token}`)).toBe(200);
    expect(await statusOf(alice.Authorization)).toBe(200);
    expect(await statusOf(`Bearer ${await issuer.sign('https://other.example')}`)).toBe(401);
    const metadata = await send(origin, { path: '/.well-known/oauth-protected-resource/mcp' });
    expect(JSON.parse(metadata.body).authorization_servers).toEqual([issuer.url]);
    expect(log()).not.toContain(token);
    expect(log()).not.toContain(token.split('.')[2]);
  });

  it('starts while the issuer is away, and says so', async () => {
    issuer = await startIssuer();
    issuer.mood.metadata = { kind: 'status', status: 503 };
    const { log } = await start(['--jwt-issuer', issuer.url, '--jwt-audience', 'api://db']);
    expect(await statusOf(`Bearer ${await issuer.sign('api://db')}`)).toBe(503);
    expect(log()).toContain('cannot get the keys of the JWT issuer');
    issuer.mood.metadata = { kind: 'well' };
    const token = await issuer.sign('api://db');
    await until('the token is taken', async () => (await statusOf(`Bearer ${token}`)) === 200);
    expect(log()).toContain('can be had again');
  });
});
