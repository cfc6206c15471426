/**
 * The attack (L01, D03, L10): a client calls tools faster than it may, calls a denied tool by a name that looks the same, or
 * opens streams without end. What must happen: 429 with Retry-After over Streamable HTTP, a JSON-RPC error on the stream of
 * a legacy SSE session, and nothing of it upstream.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { type KeyRules, startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, shakeHands, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
beforeEach(async () => {
  upstream = await startSilentUpstream();
});
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const start = async (options: object, alice: KeyRules = {}): Promise<void> => {
  gateway = await startGateway({ upstream: upstream.url, ...options }, { alice });
};
const call = (id: string, name = 'query'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":${JSON.stringify(name)}}}`;

it.each([
  'rate=5r/m burst=10 nodelay',
  '11',
])('a limit of %s leaves handshake, pings and lists whole', async (limitCalls) => {
  // This upstream answers no more than initialize, so that all of it stays open.
  await start({ limitCalls, maxConcurrentCalls: 1000 });
  const session = await openSse(gateway.origin, '/sse', gateway.alice);
  await shakeHands(session, upstream);
  for (let index = 0; index < 30; index++) {
    for (const method of ['initialize', 'ping', 'tools/list'])
      expect((await session.post(`{"jsonrpc":"2.0","id":"${method}${index}","method":"${method}"}`)).status).toBe(202);
  }
  for (let index = 0; index < 11; index++) await session.post(call(String(index)));
  expect(session.text()).not.toContain('rate_limited');
  expect((await session.post(call('9007199254740993'))).status).toBe(202);
  await session.arrival('"id":9007199254740993,"error"');
  expect(session.text()).toMatch(/try again in \d+ s.*"reason":"rate_limited".*"retryAfterMs":\d+/);
  expect(upstream.posts.filter(({ body }) => body.includes('tools/call'))).toHaveLength(11);
  session.close();
});

it.each([
  'drop',
  'DROP',
  ' drop',
  'drop ',
  'ｄｒｏｐ',
  'dr\u200bop',
  'dr op',
])('a denied tool is not called as %j', async (name) => {
  await start({}, { tools: { deny: ['drop'] } });
  const session = await openSse(gateway.origin, '/sse', gateway.alice);
  await session.post(call('1', name));
  await session.arrival('tool_not_available');
  expect(upstream.posts).toEqual([]);
  session.close();
});

it('streams of one address are capped, and a cut one gives its place back', async () => {
  await start({ maxStreamsPerAddress: 1 });
  const first = await openSse(gateway.origin, '/sse', gateway.alice);
  expect(await send(gateway.origin, { path: '/sse', headers: gateway.bob })).toMatchObject({ status: 429 });
  first.close();
  await until(
    'a place',
    async () => (await send(gateway.origin, { path: '/sse', headers: gateway.bob })).status === 200,
  );
});

it('calls that are open at once are capped', async () => {
  await start({ maxConcurrentCalls: 2 });
  const session = await openSse(gateway.origin, '/sse', gateway.alice);
  await shakeHands(session, upstream);
  for (const id of ['1', '2', '3']) await session.post(call(id));
  await session.arrival('"id":3,"error"');
  expect(upstream.posts.filter(({ body }) => body.includes('tools/call'))).toHaveLength(2);
  session.close();
});
