/**
 * H12, point 7. Node keeps the first thousand headers and drops the others without a word: an Authorization or a
 * Transfer-Encoding after them would be seen by a proxy and not by us. More than 100 headers, or more bytes than 16 kB, are 431.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head, listenPlainly } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const ask = (count: number, ...last: readonly string[]): string =>
  head(
    'GET /health HTTP/1.1',
    'Host: localhost',
    ...Array.from({ length: count }, (_, index) => `a${index}:`),
    'Connection: close',
    ...last,
  );

describe.each(DOORS)('headers, at the %s door', (door) => {
  it('are served up to a hundred', async () => {
    expect(await exchange(doors.ports[door], ask(98))).toMatch(/^HTTP\/1\.1 200 /);
  });
  it.each([99, 200, 997, 998, 999, 1000, 1500])('are refused when there are %i more', async (count) => {
    await expectRefused(doors, door, ask(count), [431]);
  });
  it('are refused when what would be dropped is a transfer coding', async () => {
    await expectRefused(doors, door, ask(1200, 'Transfer-Encoding: chunked'), [400, 431]);
  });
  it('are refused when they are 17 kB', async () => {
    await expectRefused(doors, door, ask(1, `X-Long: ${'x'.repeat(17_000)}`), [431]);
  });
});

it('are refused where a host’s own server keeps fewer than came', async () => {
  const host = await listenPlainly(doors.gateway.handler);
  host.server.maxHeadersCount = 20;
  expect(await exchange(host.port, ask(10))).toMatch(/^HTTP\/1\.1 200 /);
  expect(await exchange(host.port, ask(40))).toMatch(/^HTTP\/1\.1 431 /);
  await host.close();
});
