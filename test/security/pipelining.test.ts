/**
 * H16. What one request on a connection has proved says nothing of the next, which a proxy may have taken from somebody else.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

describe.each(DOORS)('requests on one connection, at the %s door', (door) => {
  it('are authenticated one by one', async () => {
    const initialize = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const known = head(
      'POST /mcp HTTP/1.1',
      'Host: localhost',
      doors.aliceLine,
      'Content-Type: application/json',
      `Content-Length: ${initialize.length}`,
    );
    const stranger = head('GET /mcp HTTP/1.1', 'Host: localhost', 'Connection: close');
    const text = await exchange(doors.ports[door], `${known}${initialize}${stranger}`);
    expect([...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status)).toEqual(['400', '401']);
    expect(text).toContain('the session is not named');
  });
});
