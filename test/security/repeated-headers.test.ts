/**
 * H07, H21, A05. Of a header that is to stand once, Node takes the first or joins both, a proxy may take the last: who asks for
 * what must not depend on the reader.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

describe.each(DOORS)('a header that stands twice, at the %s door', (door) => {
  it.each([
    'Host',
    'Authorization',
    'X-API-Key',
    'Origin',
    'Content-Type',
    'Content-Encoding',
    'Last-Event-ID',
    'Mcp-Session-Id',
    'MCP-Protocol-Version',
    'Mcp-Method',
    'Mcp-Name',
    'Mcp-Param-Query',
  ])('is refused: %s', async (name) => {
    const lines = [`${name}: localhost`, `${name.toUpperCase()}: localhost`];
    const text = await expectRefused(
      doors,
      door,
      head('GET /mcp HTTP/1.1', ...(name === 'Host' ? [] : ['Host: localhost']), ...lines),
    );
    expect(text).toContain(`the header ${name.toLowerCase()} occurs twice`);
  });
});
