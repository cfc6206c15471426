/**
 * The attack (I04, L02): a client writes X-Forwarded-For or Forwarded itself, to be taken for an address that is allowed, to
 * have another bucket of every limit for each request, or to put somebody else into the log. Behind a proxy it puts its
 * forgery before what the proxy writes, or into the one of the two headers that the proxy does not write. What must happen:
 * whoever is no trusted proxy is believed nothing; of what a trusted proxy passes on only what trusted hops have written
 * counts; two headers that name different clients are refused.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, type RawAnswer, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let logged: string[];
beforeEach(async () => {
  upstream = await startSilentUpstream();
  logged = [];
});
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

async function start(options: Partial<GatewayOptions>): Promise<void> {
  const log = (...parts: unknown[]): void => {
    logged.push(JSON.stringify(parts));
  };
  const logger = { error: log, warn: log, info: log, debug: log };
  gateway = await startGateway({ upstream: upstream.url, logger, ...options });
}
/** A request that is answered without the upstream where it is let in. */
const knock = (headers: Record<string, string>): Promise<RawAnswer> =>
  send(gateway.origin, { path: '/mcp', method: 'PUT', headers: { ...gateway.alice, ...headers } });
const statusOf = async (headers: Record<string, string>): Promise<number> => (await knock(headers)).status;

describe('a client that is no trusted proxy', () => {
  it.each([
    { 'x-forwarded-for': '10.0.0.1' },
    { forwarded: 'for=10.0.0.1' },
    { 'x-real-ip': '10.0.0.1' },
    { 'x-client-ip': '10.0.0.1', 'true-client-ip': '10.0.0.1', 'cf-connecting-ip': '10.0.0.1' },
    { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.2' },
  ])('is not taken for an allowed address by %j, neither by the rules nor in the log', async (headers) => {
    await start({ allowAddresses: ['10.0.0.0/8'], trustProxies: ['192.0.2.1'] });
    expect(await statusOf(headers as Record<string, string>)).toBe(403);
    expect(upstream.requests).toEqual([]);
    expect(logged.join()).toContain('"address":"127.0.0.1"');
    expect(logged.join()).not.toContain('10.0.0');
  });

  it('is denied as whom it is', async () => {
    await start({ denyAddresses: ['127.0.0.0/8'] });
    expect(await statusOf({ 'x-forwarded-for': '10.0.0.1' })).toBe(403);
  });

  it('has one bucket, whatever it writes', async () => {
    await start({ limitAddress: 20 });
    const statuses: number[] = [];
    for (let index = 0; index < 25; index++)
      statuses.push(await statusOf({ 'x-forwarded-for': `10.0.0.${index}`, forwarded: `for=10.0.0.${index}` }));
    expect(statuses).toEqual([...Array<number>(20).fill(405), ...Array<number>(5).fill(429)]);
  });

  it('does not say over what it came', async () => {
    await start({});
    const { headers } = await knock({ 'x-forwarded-proto': 'https' });
    expect(headers['strict-transport-security']).toBeUndefined();
  });

  it('goes upstream as whom it is', async () => {
    await start({});
    const session = await openSse(gateway.origin, '/sse', { ...gateway.alice, 'x-forwarded-for': '10.0.0.1' });
    await session.post(INITIALIZE);
    expect(upstream.posts[0]?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' });
    session.close();
  });
});

describe('a client behind a trusted proxy', () => {
  const BEHIND = { trustProxies: ['127.0.0.1', '192.0.2.0/24'], allowAddresses: ['10.0.0.0/8'] } as const;

  it.each([
    ['10.0.0.1'],
    ['10.0.0.1, 192.0.2.7'],
    ['203.0.113.9, 10.0.0.1, 192.0.2.7'],
    ['10.0.0.1:4711'],
    ['::ffff:10.0.0.1'],
    ['::ffff:a00:1'],
    ['garbage, 10.0.0.1'],
  ])('is served at an allowed address: X-Forwarded-For: %s', async (list) => {
    await start(BEHIND);
    expect(await statusOf({ 'x-forwarded-for': list })).toBe(405);
  });

  it.each([
    ['203.0.113.9'],
    ['10.0.0.1, 203.0.113.9'],
    ['10.0.0.1, 203.0.113.9, 192.0.2.7'],
    // Whoever cannot be named is as far away as the proxy that could not name them.
    ['10.0.0.1, unknown'],
    ['10.0.0.1, '],
    ['10.0.0.1, 192.0.2.7, 10.0.0.1x'],
    ['10.0.0.1 192.0.2.7'],
    [`10.0.0.1, ${'192.0.2.7, '.repeat(40)}192.0.2.8`],
  ])('is not served by what it puts before that: X-Forwarded-For: %s', async (list) => {
    await start(BEHIND);
    expect(await statusOf({ 'x-forwarded-for': list })).toBe(403);
    expect(upstream.requests).toEqual([]);
  });

  it.each([
    ['for=10.0.0.1', 405],
    ['for="10.0.0.1:80";proto=https, for=192.0.2.7', 405],
    ['for="[::ffff:10.0.0.1]:80"', 405],
    ['for=10.0.0.1, for=203.0.113.9', 403],
    ['for=10.0.0.1, for=_hidden', 403],
    ['for=10.0.0.1, for=unknown', 403],
    ['for="10.0.0.1, for=203.0.113.9', 403],
    ['for=10.0.0.1;x=", for=203.0.113.9', 403],
    ['for=203.0.113.9;for=10.0.0.1', 403],
    ['for=10.0.0.1, for="[2001:db8::1]:80"', 403],
  ])('is read the same in Forwarded: %s is %i', async (forwarded, status) => {
    await start(BEHIND);
    expect(await statusOf({ forwarded })).toBe(status);
  });

  it.each([
    ['10.0.0.1', 'for=10.0.0.1', 405],
    ['10.0.0.1', 'for=10.0.0.2', 400],
    ['203.0.113.9', 'for=10.0.0.1', 400],
    ['10.0.0.1', 'for=203.0.113.9', 400],
    ['10.0.0.1', 'garbage', 400],
  ])('is refused when two headers name two clients: %s and %s', async (list, forwarded, status) => {
    await start(BEHIND);
    expect(await statusOf({ 'x-forwarded-for': list, forwarded })).toBe(status);
    expect(upstream.requests).toEqual([]);
  });

  it('has a bucket of its own, and another behind the same proxy has one too', async () => {
    await start({ trustProxies: ['127.0.0.1'], limitAddress: 20 });
    const from = (address: string, forged: number): Promise<number> =>
      statusOf({ 'x-forwarded-for': `10.0.0.${forged}, ${address}` });
    for (let index = 0; index < 20; index++) expect(await from('203.0.113.9', index)).toBe(405);
    expect(await from('203.0.113.9', 99)).toBe(429);
    expect(await from('203.0.113.10', 0)).toBe(405);
  });

  it('came over TLS where every hop says so', async () => {
    await start({ trustProxies: ['127.0.0.1'] });
    const hasHsts = async (headers: Record<string, string>): Promise<boolean> =>
      (await knock(headers)).headers['strict-transport-security'] !== undefined;
    expect(await hasHsts({ 'x-forwarded-for': '10.0.0.1', 'x-forwarded-proto': 'https' })).toBe(true);
    expect(await hasHsts({ 'x-forwarded-proto': 'https' })).toBe(true);
    expect(await hasHsts({ 'x-forwarded-proto': 'http' })).toBe(false);
    expect(await hasHsts({ 'x-forwarded-proto': 'https, http' })).toBe(false);
    expect(await hasHsts({ 'x-forwarded-proto': 'httpsx' })).toBe(false);
    expect(await hasHsts({ forwarded: 'for=10.0.0.1;proto=https' })).toBe(true);
    // What a proxy does not write is what the client has written.
    expect(await hasHsts({ 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1;proto=https' })).toBe(false);
  });
});
