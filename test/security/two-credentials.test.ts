/**
 * A04 and its neighbours: a request with two credentials makes two claims about who sent it, and whoever stands before or
 * behind may believe the other one. It is refused, whichever of them would be good, and also where both say the same.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { basic, bcryptHash, type HtpasswdFile, writeHtpasswd } from '../parts/htpasswd.ts';
import { send } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let file: HtpasswdFile;
beforeAll(async () => {
  upstream = await startSilentUpstream();
  file = writeHtpasswd(`carol:${bcryptHash('secret')}\n`);
  gateway = await startGateway({ upstream: upstream.url, htpasswdFile: file.path, pathKeys: true, limitLogins: 1000 });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
  file.remove();
});

const put = async (headers: Record<string, string>, prefix = ''): Promise<number> =>
  (await send(gateway.origin, { method: 'PUT', path: `${prefix}/mcp`, headers })).status;
const keyOf = (who: 'alice' | 'bob'): string => gateway[who].Authorization.slice('Bearer '.length);

it('each of the kinds opens the same route by itself', async () => {
  expect(await put(gateway.alice)).toBe(405);
  expect(await put({ 'x-api-key': keyOf('bob') })).toBe(405);
  expect(await put(basic('carol', 'secret'))).toBe(405);
  expect(await put({}, `/t/${keyOf('alice')}`)).toBe(405);
});

it.each([
  ['a key twice, in both headers', () => ({ ...gateway.alice, 'x-api-key': keyOf('alice') })],
  ['keys of two people', () => ({ ...gateway.alice, 'x-api-key': keyOf('bob') })],
  ['a good key and a wrong one', () => ({ ...gateway.alice, 'x-api-key': 'wrong' })],
  ['a wrong key and a good one', () => ({ Authorization: 'Bearer wrong', 'x-api-key': keyOf('bob') })],
  ['a password and a key', () => ({ ...basic('carol', 'secret'), 'x-api-key': keyOf('alice') })],
  ['a wrong password and a key', () => ({ ...basic('carol', 'wrong'), 'x-api-key': keyOf('alice') })],
  ['a scheme that nobody knows and a key', () => ({ Authorization: 'Negotiate abc', 'x-api-key': keyOf('alice') })],
  ['an empty Authorization and a key', () => ({ Authorization: '', 'x-api-key': keyOf('alice') })],
  ['an empty X-API-Key and a key', () => ({ ...gateway.alice, 'x-api-key': '' })],
])('%s: 401', async (_what, headers) => {
  expect(await put(headers())).toBe(401);
});

it.each([
  ['a key in the path and one in a header', () => gateway.alice],
  ['a key in the path and a password', () => basic('carol', 'secret')],
  ['a key in the path and something empty', () => ({ 'x-api-key': '' })],
])('%s: 401', async (_what, headers) => {
  expect(await put(headers(), `/t/${keyOf('alice')}`)).toBe(401);
});

it('of all that, nothing reached the upstream', () => {
  expect(upstream.requests).toEqual([]);
});
