/**
 * A browser hides from a page every answer that does not name its origin, and then a page cannot tell a wrong key from a
 * dead network; and an answer that names an origin that is not listed gives it away. C01, C02, C03, C05, C06.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

const GOOD = 'https://good.example';
let upstream: SilentUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startSilentUpstream();
  gateway = await startGateway({
    // Nothing listens there: what passes is answered with 502.
    upstream: 'http://127.0.0.1:9/mcp',
    upstreamTransport: 'http',
    allowedOrigins: [GOOD],
    maxBodyBytes: 1000,
    limitCalls: '1r/m',
    limitRequests: '1r/m burst=40',
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const ask = (headers: Record<string, string>, body: string = INITIALIZE, method = 'POST'): Promise<RawAnswer> =>
  send(gateway.origin, { method, path: '/mcp', headers: { ...JSON_HEADERS, ...headers }, body });

describe('a page of a listed origin', () => {
  it.each([
    [401, {}, INITIALIZE],
    [413, { alice: true }, 'x'.repeat(1001)],
    [400, { alice: true }, '{'],
    [415, { alice: true, 'content-type': 'text/plain' }, INITIALIZE],
    [502, { alice: true }, INITIALIZE],
  ])('may read an answer of %i', async (status, { alice, ...more }: Record<string, unknown>, body) => {
    const headers = { ...(alice === true ? gateway.alice : {}), ...(more as Record<string, string>), origin: GOOD };
    const answer = await ask(headers, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['access-control-allow-origin']).toBe(GOOD);
    expect(answer.headers['vary']).toMatch(/\borigin\b/i);
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('may read that it asks too much', async () => {
    let answer = await ask({ ...gateway.bob, origin: GOOD }, '{');
    for (let count = 0; count < 45 && answer.status !== 429; count++)
      answer = await ask({ ...gateway.bob, origin: GOOD }, '{');
    expect(answer.status).toBe(429);
    expect(answer.headers['access-control-allow-origin']).toBe(GOOD);
    expect(String(answer.headers['access-control-expose-headers'])).toContain('Retry-After');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('is answered before it asks, without a credential', async () => {
    const answer = await send(gateway.origin, {
      method: 'OPTIONS',
      path: '/mcp',
      headers: { origin: GOOD, 'access-control-request-method': 'POST' },
    });
    expect(answer.status).toBe(204);
    const allowed = String(answer.headers['access-control-allow-headers']).toLowerCase();
    for (const name of [
      'authorization',
      'content-type',
      'mcp-session-id',
      'mcp-protocol-version',
      'last-event-id',
      'mcp-method',
      'mcp-name',
    ])
      expect(allowed).toContain(name);
    const exposed = String(answer.headers['access-control-expose-headers']).toLowerCase();
    for (const name of ['mcp-session-id', 'www-authenticate']) expect(exposed).toContain(name);
  });
});

describe('a page of any other origin', () => {
  it.each([
    'https://evil.example',
    'null',
    'https://good.example.evil.example',
    'https://evilgood.example',
    'https://good.example:8443',
    'http://good.example',
    'https://good.example/',
    'https://goodxexample',
    'https://good.example, https://evil.example',
    'HTTPS://GOOD.EXAMPLE',
  ])('is refused and told nothing, even with a credential: %s', async (origin) => {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      const answer = await send(gateway.origin, {
        method,
        path: '/mcp',
        headers: { ...JSON_HEADERS, ...gateway.alice, origin, 'access-control-request-method': 'POST' },
      });
      expect(answer.status).toBe(403);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });
});
