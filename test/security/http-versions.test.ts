/**
 * H10. A request line that claims a version of HTTP which the connection does not speak is read as something else by others.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

describe.each(DOORS)('a version, at the %s door', (door) => {
  it.each([
    'GET /health HTTP/2.0',
    'GET /health HTTP/0.9',
    'GET /health HTTP/1.2',
    'GET /health HTTP/1.10',
    'GET /health HTTP/3.0',
    'GET /health http/1.1',
    'GET /health',
    'PRI * HTTP/2.0',
  ])('is refused: %s', async (line) => {
    await expectRefused(doors, door, head(line, 'Host: localhost'), [400, 505]);
  });
  it('of HTTP/1.0 is served, and its connection closed', async () => {
    const text = await exchange(doors.ports[door], head('GET /health HTTP/1.0', 'Host: localhost'));
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });
});
