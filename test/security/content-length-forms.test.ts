/**
 * H04. A length that is written so that two readers count differently (twice, signed, in hex, too long to count) is refused; so
 * is one on a method whose body means nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const post = (...lines: readonly string[]): string =>
  head('POST /mcp HTTP/1.1', 'Host: localhost', doors.aliceLine, 'Content-Type: application/json', ...lines);

describe.each(DOORS)('a length, at the %s door', (door) => {
  it.each([
    ['40, 40'],
    ['40,41'],
    ['+40'],
    ['-40'],
    ['0x28'],
    ['4_0'],
    ['4 0'],
    ['40.0'],
    ['4e1'],
    ['9'.repeat(25)],
    ['1'.repeat(16)],
    [''],
  ])('that is no plain number is refused: %j', async (length) => {
    await expectRefused(doors, door, `${post(`Content-Length: ${length}`)}${'x'.repeat(40)}`, [400, 413]);
  });
  it.each([
    ['the same', '40'],
    ['another', '41'],
  ])('that is given twice is refused: %s', async (_name, second) => {
    await expectRefused(doors, door, `${post('Content-Length: 40', `Content-Length: ${second}`)}${'x'.repeat(41)}`);
  });
  it.each(['GET', 'DELETE', 'OPTIONS', 'TRACE'])('on %s is refused, unless it is 0', async (method) => {
    const lines = [`${method} /mcp HTTP/1.1`, 'Host: localhost', doors.aliceLine, 'Connection: close'];
    const text = await expectRefused(doors, door, `${head(...lines, 'Content-Length: 5')}hello`);
    expect(text).toContain('its method has no body');
    const empty = await exchange(doors.ports[door], head(...lines, 'Content-Length: 0'));
    expect(empty).not.toContain('its method has no body');
  });
});
