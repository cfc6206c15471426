/**
 * The attack (I06, I07 and what is near them): a client that the rules do not name comes over a route that somebody forgot, with
 * a preflight, with a good key, over a unix socket, or from an address with a zone, hoping that the rules are asked of some
 * requests alone or that a missing address is an error and not a no. What must happen: 403 on every route and before
 * anything else is looked at, with one body that tells nothing; deny comes before allow; an empty list of what is allowed
 * is nobody; nothing is a 500.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/gateway.ts';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { within } from '../parts/deadline.ts';
import { startGateway, type TestGateway, writeKeyFile } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway | undefined;
beforeEach(async () => {
  upstream = await startSilentUpstream();
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await upstream.close();
});

async function statusFrom(peer: string, options: Partial<GatewayOptions>): Promise<number> {
  gateway = await startGateway({ upstream: upstream.url, ...options });
  gateway.server.on('connection', (socket) =>
    Object.defineProperty(socket, 'remoteAddress', { value: peer, configurable: true }),
  );
  return (await send(gateway.origin, { path: '/health', headers: gateway.alice })).status;
}

describe('a client that is not allowed', () => {
  const REQUESTS = [
    { path: '/sse' },
    { path: '/sse/messages?session=a', method: 'POST', headers: JSON_HEADERS, body: INITIALIZE },
    { path: '/messages/', method: 'POST', headers: JSON_HEADERS, body: INITIALIZE },
    { path: '/mcp', method: 'POST', headers: JSON_HEADERS, body: INITIALIZE },
    { path: '/mcp' },
    { path: '/mcp', method: 'DELETE' },
    {
      path: '/mcp',
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    },
    { path: '/health' },
    { path: '/ready' },
    { path: '/nothing' },
    { path: '/mcp', headers: { host: 'evil.example' } },
    { path: '/mcp', headers: { origin: 'https://evil.example' } },
    { path: '/mcp', headers: { authorization: 'Bearer wrong' } },
  ];

  it('gets the same 403 on every route, whatever else is right or wrong with the request', async () => {
    gateway = await startGateway({
      upstream: upstream.url,
      allowAddresses: ['10.0.0.0/8'],
      allowedOrigins: ['https://app.example'],
    });
    const bodies = new Set<string>();
    for (const { headers = {}, ...rest } of REQUESTS) {
      const answer = await send(gateway.origin, {
        ...rest,
        headers: { ...gateway.alice, ...headers } as Record<string, string>,
      });
      expect(answer.status, `${rest.method} ${rest.path}`).toBe(403);
      bodies.add(answer.body);
    }
    expect(bodies.size).toBe(1);
    expect([...bodies][0]).toContain('"reason":"forbidden_address"');
    expect([...bodies][0]).not.toMatch(/127\.0|10\.0/);
    expect(upstream.requests).toEqual([]);
  });
});

describe('the rules', () => {
  it.each([
    ['10.1.2.3', { allowAddresses: ['10.0.0.0/8'] }, 200],
    ['11.1.2.3', { allowAddresses: ['10.0.0.0/8'] }, 403],
    ['10.1.2.3', { allowAddresses: ['10.0.0.0/8'], denyAddresses: ['10.1.0.0/16'] }, 403],
    ['10.2.2.3', { allowAddresses: ['10.0.0.0/8'], denyAddresses: ['10.1.0.0/16'] }, 200],
    ['10.1.2.3', { denyAddresses: ['10.1.0.0/16'] }, 403],
    ['10.2.2.3', { denyAddresses: ['10.1.0.0/16'] }, 200],
    ['10.1.2.3', { allowAddresses: [] }, 403],
    ['127.0.0.1', { allowAddresses: [] }, 403],
    ['10.1.2.3', { denyAddresses: ['0.0.0.0/0'] }, 403],
    ['2001:db8::1', { denyAddresses: ['0.0.0.0/0'] }, 200],
    ['2001:db8::1', { allowAddresses: ['2001:db8::/32'] }, 200],
    ['2001:db9::1', { allowAddresses: ['2001:db8::/32'] }, 403],
    ['2001:db8::10.1.2.3', { allowAddresses: ['10.0.0.0/8'] }, 403],
    ['::10.1.2.3', { allowAddresses: ['10.0.0.0/8'] }, 403],
    ['64:ff9b::10.1.2.3', { allowAddresses: ['10.0.0.0/8'] }, 403],
    ['fe80::1%eth0', { allowAddresses: ['fe80::/10'] }, 200],
    ['fe80::1%eth0', { allowAddresses: ['10.0.0.0/8'] }, 403],
    ['fe80::1%eth0', { denyAddresses: ['fe80::/10'] }, 403],
    ['not an address', { denyAddresses: ['10.0.0.0/8'] }, 403],
    ['not an address', {}, 200],
  ])('for %s under %j: %i', async (peer, options, status) => {
    expect(await statusFrom(peer, options)).toBe(status);
  });

  it('are asked of open sessions too when they change, whose streams are then cut (I07)', async () => {
    const options = { upstream: upstream.url, heartbeatMs: 20 };
    gateway = await startGateway(options);
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    const ended = new Promise((fulfil) => session.response.on('close', fulfil));
    gateway.gateway.reload({ ...options, keyFile: gateway.keyFile, denyAddresses: ['127.0.0.1'] });
    await within(5000, 'the end of the stream', ended);
    expect(gateway.gateway.sessionCount).toBe(0);
  });
});

describe('a client on a unix socket, which has no address', () => {
  it.each([
    [{}, 200],
    [{ allowAddresses: ['0.0.0.0/0', '::/0'] }, 403],
    [{ denyAddresses: ['10.0.0.0/8'] }, 403],
    [{ trustProxies: ['127.0.0.1', '::/0'] }, 200],
  ])('under %j: %i', async (options, status) => {
    const folder = mkdtempSync(join(tmpdir(), 'drawbridge-socket-'));
    const { path: keyFile, keys, remove } = writeKeyFile(['alice']);
    const unix = createGateway({ upstream: upstream.url, keyFile, ...options });
    const server = createServer(unix.handler);
    const socketPath = join(folder, 'gateway.sock');
    await new Promise<void>((fulfil) => server.listen(socketPath, fulfil));
    const headers = { host: 'localhost', authorization: `Bearer ${keys['alice']}`, 'x-forwarded-for': '127.0.0.1' };
    const answered = await new Promise<number | undefined>((fulfil, reject) => {
      request({ socketPath, path: '/sse', headers, agent: false }, (res) => {
        fulfil(res.statusCode);
        res.destroy();
      })
        .on('error', reject)
        .end();
    });
    expect(answered).toBe(status);
    if (status === 403) expect(upstream.requests).toEqual([]);
    await unix.close();
    server.closeAllConnections();
    await new Promise<void>((fulfil) => server.close(() => fulfil()));
    remove();
    rmSync(folder, { recursive: true, force: true });
  });
});
