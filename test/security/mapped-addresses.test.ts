/**
 * The attack (I01, L05): on a listener that takes IPv4 and IPv6, an IPv4 client arrives as `::ffff:1.2.3.4`, and the same
 * address can be spelled in other ways. Rules that compare text let in whom they deny; limits give each spelling a bucket of
 * its own, or all IPv4 clients one. What must happen: a mapped address is the IPv4 address, for rules and limits alike.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/gateway.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { send } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let peer: string;
beforeEach(async () => {
  upstream = await startSilentUpstream();
});
afterEach(async () => {
  await upstream.close();
});

async function start(options: Partial<Parameters<typeof startGateway>[0]>): Promise<void> {
  gateway = await startGateway({ upstream: upstream.url, ...options });
  gateway.server.on('connection', (socket) =>
    Object.defineProperty(socket, 'remoteAddress', { value: peer, configurable: true }),
  );
}
const statusFrom = async (address: string, headers: Record<string, string> = {}): Promise<number> => {
  peer = address;
  return (await send(gateway.origin, { path: '/health', headers: { ...gateway.alice, ...headers } })).status;
};

describe('a mapped address', () => {
  afterEach(() => gateway.close());

  it.each([
    ['::ffff:10.1.2.3', 200],
    ['::ffff:a01:203', 200],
    ['0:0:0:0:0:ffff:10.1.2.3', 200],
    ['::FFFF:10.1.2.3', 200],
    ['::ffff:11.0.0.1', 403],
    ['::ffff:b00:1', 403],
    // Not mapped: the IPv4-compatible form, and the translated one (RFC 2765).
    ['::10.1.2.3', 403],
    ['::ffff:0:10.1.2.3', 403],
  ])('%s is judged as the IPv4 address that it is: %i', async (address, status) => {
    await start({ allowAddresses: ['10.0.0.0/8'] });
    expect(await statusFrom(address)).toBe(status);
    expect(upstream.requests).toEqual([]);
  });

  it('is denied by a range of IPv4, and by a range that was written mapped', async () => {
    await start({ denyAddresses: ['10.0.0.0/8', '::ffff:192.0.2.0/120'] });
    expect(await statusFrom('::ffff:10.1.2.3')).toBe(403);
    expect(await statusFrom('192.0.2.9')).toBe(403);
    expect(await statusFrom('::ffff:c000:209')).toBe(403);
    expect(await statusFrom('::ffff:192.0.3.9')).toBe(200);
  });

  it('is a trusted proxy where the IPv4 address is', async () => {
    await start({ trustProxies: ['10.0.0.2'], allowAddresses: ['192.0.2.0/24'] });
    expect(await statusFrom('::ffff:10.0.0.2', { 'x-forwarded-for': '::ffff:192.0.2.9' })).toBe(200);
    expect(await statusFrom('::ffff:10.0.0.3', { 'x-forwarded-for': '192.0.2.9' })).toBe(403);
  });

  it('has one bucket in all its spellings, and another IPv4 client has another', async () => {
    await start({ limitAddress: 20 });
    const spellings = ['1.2.3.4', '::ffff:1.2.3.4', '::ffff:102:304', '0:0:0:0:0:FFFF:102:304'];
    for (let index = 0; index < 20; index++) expect(await statusFrom(spellings[index % 4] ?? '')).toBe(200);
    for (const spelling of spellings) expect(await statusFrom(spelling)).toBe(429);
    expect(await statusFrom('::ffff:1.2.3.5')).toBe(200);
  });
});

it('a listener of both families judges its IPv4 clients as such', async () => {
  for (const [options, status] of [
    [{ allowAddresses: ['127.0.0.0/8'] }, 200],
    [{ denyAddresses: ['127.0.0.0/8'] }, 403],
    [{ allowAddresses: ['::/0'] }, 403],
  ] as const) {
    const dual = createGateway({ upstream: upstream.url, auth: 'none', ...options });
    const server = createServer(dual.handler);
    await new Promise<void>((fulfil) => server.listen(0, '::', fulfil));
    const { port } = server.address() as AddressInfo;
    expect((await send(`http://127.0.0.1:${port}`, { path: '/health' })).status).toBe(status);
    await dual.close();
    server.closeAllConnections();
    await new Promise<void>((fulfil) => server.close(() => fulfil()));
  }
});
