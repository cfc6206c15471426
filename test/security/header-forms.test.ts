/**
 * H06, H07. Header lines that readers split differently: bare CR, NUL, folded lines, a space before the colon, a space before
 * the first name, two Hosts, none.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

describe.each(DOORS)('a head, at the %s door', (door) => {
  it.each([
    ['a bare CR in a value', 'X-A: b\rX-C: d'],
    ['a NUL in a value', 'X-A: b\0c'],
    ['a NUL in a name', 'X\0A: b'],
    ['a folded line', 'X-A: b\r\n c'],
    ['a space before the colon', 'X-A : b'],
    ['a tab before the colon', 'X-A\t: b'],
    ['no colon', 'X-A'],
    ['no name', ': b'],
    ['a name in brackets', '[X]: b'],
    ['a vertical tab in a value', 'X-A: b\x0bc'],
    ['another Host', 'Host: evil.example'],
    ['the same Host again', 'Host: localhost'],
  ])('is refused with %s', async (_name, line) => {
    await expectRefused(doors, door, head('GET /health HTTP/1.1', 'Host: localhost', line));
  });
  it.each([
    ['a space before the first header', 'GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n'],
    ['no Host', 'GET /health HTTP/1.1\r\nX-A: b\r\n\r\n'],
    ['no Host, of HTTP/1.0', 'GET /health HTTP/1.0\r\nX-A: b\r\n\r\n'],
    ['a line that ends in CR alone', 'GET /health HTTP/1.1\rHost: localhost\r\n\r\n'],
  ])('is refused with %s', async (_name, bytes) => {
    await expectRefused(doors, door, bytes);
  });
});
