/**
 * A client that is configured with http:// shows its key to the network on every request, unless the first one fails;
 * and a redirect that trusts the Host header sends people to the attacker. Neighbours of T03 and T08.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { type ListeningGateway, startListeningGateway } from '../parts/listener.ts';
import { send } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let certificates: Certificates;
let upstream: SilentUpstream;
let gateway: ListeningGateway;
let origin: string;
beforeAll(async () => {
  certificates = makeCertificates();
  upstream = await startSilentUpstream();
  gateway = await startListeningGateway(
    { upstream: upstream.url },
    {
      redirectPort: 0,
      publicUrl: 'https://mcp.test',
      certificates: {
        current: () => ({ cert: certificates.server.cert, key: certificates.server.key }),
        onChange: () => {},
        close: () => {},
        challengeAnswer: (path) => (path === '/.well-known/acme-challenge/token' ? 'token.proof' : undefined),
      },
    },
  );
  origin = gateway.redirectUrl ?? '';
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
  certificates.remove();
});

it.each(['GET', 'HEAD'])('sends %s to the public URL, whatever Host was named', async (method) => {
  const answer = await send(origin, { method, path: '/sse?x=1', headers: { host: 'evil.test' } });
  expect(answer.status).toBe(308);
  expect(answer.headers['location']).toBe('https://mcp.test/sse?x=1');
  expect(answer.headers['strict-transport-security']).toBeUndefined();
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
});

it('cannot be made to name another host by the path', async () => {
  for (const path of ['//evil.test/', '/\\evil.test', '/@evil.test', '/.evil.test', 'http://evil.test/']) {
    const { headers, status } = await send(origin, { path });
    if (status === 308) expect(new URL(String(headers['location'])).host).toBe('mcp.test');
    else expect(status).toBe(403);
  }
});

it.each([
  ['Authorization', { headers: { authorization: 'Bearer x' } }],
  ['X-API-Key', { headers: { 'x-api-key': 'x' } }],
  ['Cookie', { headers: { cookie: 'a=b' } }],
  ['a key in the path', { path: '/t/key/sse' }],
  ['a body', { method: 'POST', body: '{}' }],
  ['another method', { method: 'DELETE' }],
])('refuses %s with 403', async (_name, more) => {
  const answer = await send(origin, { path: '/sse', ...more });
  expect(answer.status).toBe(403);
  expect(answer.headers['location']).toBeUndefined();
  expect(JSON.parse(answer.body)).toMatchObject({ error: { code: -32600 } });
});

it('answers the challenges of a certificate authority, and no others', async () => {
  const answer = await send(origin, { path: '/.well-known/acme-challenge/token', headers: { host: 'other.test' } });
  expect([answer.status, answer.body]).toEqual([200, 'token.proof']);
  expect((await send(origin, { path: '/.well-known/acme-challenge/other' })).status).toBe(308);
});

it('brings nothing upstream', () => {
  expect(upstream.requests).toEqual([]);
});
