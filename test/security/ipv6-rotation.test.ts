/**
 * The attack (L06): one IPv6 customer has at least 2^64 addresses and takes another for each request, so that a limit for
 * each address limits nothing; or comes from addresses whose last 32 bits look like an IPv4 address, to share the bucket of
 * somebody else. What must happen: a /56 is one bucket, and another /56 is another.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { send } from '../parts/raw-http.ts';

let gateway: TestGateway;
let peer: string;
beforeEach(async () => {
  gateway = await startGateway({ upstream: 'http://127.0.0.1:9/sse', limitAddress: 100 });
  gateway.server.on('connection', (socket) =>
    Object.defineProperty(socket, 'remoteAddress', { value: peer, configurable: true }),
  );
});
afterEach(() => gateway.close());

const statusFrom = async (address: string): Promise<number> => {
  peer = address;
  return (await send(gateway.origin, { path: '/health' })).status;
};

/** How many of 300 requests pass. */
async function countPassed(addressOf: (index: number) => string): Promise<number> {
  let passed = 0;
  for (let index = 0; index < 300; index++) if ((await statusFrom(addressOf(index))) === 200) passed++;
  return passed;
}

it.each([
  ['inside one /64', (index: number) => `2001:db8:0:1::${index.toString(16)}`],
  ['inside one /56', (index: number) => `2001:db8:0:1${(index % 256).toString(16).padStart(2, '0')}::${index}`],
  ['whose ends look like IPv4 addresses', (index: number) => `2001:db8::1.2.${index >> 8}.${index & 255}`],
])('300 addresses %s are one client', async (_name, addressOf) => {
  const passed = await countPassed(addressOf);
  // A hundred at once, and what has come back meanwhile: one in 600 ms.
  expect(passed).toBeGreaterThanOrEqual(100);
  expect(passed).toBeLessThan(200);
  expect(await statusFrom('2001:db8:1::1')).toBe(200);
  expect(await statusFrom('1.2.0.1')).toBe(200);
});
