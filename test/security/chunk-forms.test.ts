/**
 * H05. Chunks whose ends, sizes or extensions are read otherwise by a proxy move the end of the body. Each is refused, U0.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const post = (...lines: readonly string[]): string =>
  head('POST /mcp HTTP/1.1', 'Host: localhost', doors.aliceLine, 'Content-Type: application/json', ...lines);

describe.each(DOORS)('a chunked body, at the %s door', (door) => {
  it.each([
    ['a size that ends in LF alone', '5\nhello\r\n0\r\n\r\n'],
    ['an extension that ends in LF alone', '5;ext\nhello\r\n0\r\n\r\n'],
    ['an extension of 20 kB', `5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
    ['a size past 64 bits', 'FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a size in hex notation', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['no size', '\r\nhello\r\n0\r\n\r\n'],
    ['a size with a space before it', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['other bytes after the data', '5\r\nhelloXX0\r\n\r\n'],
    ['data longer than said', '4\r\nhello\r\n0\r\n\r\n'],
    ['LF alone after the data', '5\r\nhello\n0\r\n\r\n'],
  ])('is refused with %s', async (_name, chunks) => {
    await expectRefused(doors, door, post('Transfer-Encoding: chunked') + chunks, [400, 413]);
  });
});
