/** R17: a client's Via header, by which it would write headers of the gateway upstream, grow without bound or hide a loop. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';

const OTHER = 'drawbridge-0123456789abcdef';
const OWN = '1\\.1 drawbridge-[0-9a-f]{16}';

let upstream: TestMcpServer;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startMcpServer();
  gateway = await startGateway({ upstream: upstream.httpUrl });
});
afterAll(async () => {
  await gateway.close();
  await upstream.kill();
});
beforeEach(() => {
  upstream.seen.length = 0;
});

async function initialize(via: string): Promise<{ status: number; upstream: string | undefined }> {
  const headers = { ...JSON_HEADERS, ...gateway.alice, via };
  const { status } = await send(gateway.origin, { method: 'POST', path: '/mcp', headers, body: INITIALIZE });
  return { status, upstream: upstream.seen[0]?.headers.via };
}

it.each([
  ['of proxies', '1.1 varnish, 1.0 fred (Apache/1.1), HTTP/2 nginx'],
  ['with what looks like another header', '1.1 a: b; X-Forwarded-User: root'],
  ['almost of a gateway', `1.1 ${OTHER}0, 1.1 ${OTHER.toUpperCase()}, 2 ${OTHER}, 1.1 ${OTHER} (x), 1.1  ${OTHER}`],
  ['of empty members', ',,, ,,'],
  ['of bytes that are no ASCII', '1.1 \u00e9\u00ff'],
])('a Via %s leaves nothing upstream', async (_what, via) => {
  const { status, upstream: sent } = await initialize(via);
  expect([status, sent]).toEqual([200, expect.stringMatching(new RegExp(`^${OWN}$`))]);
});

it('of another gateway alone is named upstream, before this one', async () => {
  const { upstream: sent } = await initialize(`1.1 varnish, 1.1 ${OTHER} , 1.1 squid`);
  expect(sent).toMatch(new RegExp(`^1\\.1 ${OTHER}, ${OWN}$`));
});

it('as long as a head may be costs nothing, and nothing of it goes upstream', async () => {
  const started = performance.now();
  const { status, upstream: sent } = await initialize(`${'1.1 a, '.repeat(2000)}1.1 ${OTHER}`);
  expect([status, sent]).toEqual([200, expect.stringMatching(new RegExp(`^${OWN}$`))]);
  expect(performance.now() - started).toBeLessThan(1000);
});

it('of 50 kB is refused with the head', async () => {
  expect((await initialize('1.1 a, '.repeat(7200))).status).toBe(431);
  expect(upstream.seen).toEqual([]);
});

it('of more gateways than anybody puts in a row is refused as a loop', async () => {
  const { status } = await initialize(Array.from({ length: 8 }, () => `1.1 ${OTHER}`).join(', '));
  expect(status).toBe(508);
  expect(upstream.seen).toEqual([]);
});

it('that claims to be this gateway ends the request of who claims it, and no other', async () => {
  await initialize('1.1 a');
  const own = upstream.seen[0]?.headers.via ?? '';
  upstream.seen.length = 0;
  expect((await initialize(own)).status).toBe(508);
  expect(upstream.seen).toEqual([]);
  expect((await initialize('1.1 a')).status).toBe(200);
});
