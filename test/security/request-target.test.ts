/**
 * H09, H12. A target that names another host, or that one reader takes for a host or for a path that another does not, could
 * carry a request elsewhere. Only a plain path in visible ASCII is taken, and nothing of it ever goes upstream.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head, statusOf } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

describe.each(DOORS)('a target, at the %s door', (door) => {
  it.each([
    'http://evil.test/mcp',
    'http://localhost/mcp',
    'HTTP://localhost/mcp',
    'https:/mcp',
    '*',
    '//evil.test/mcp',
    '/\\evil.test/mcp',
    '/mcp\\..\\x',
    '\\mcp',
    'mcp',
    'localhost:80',
    '/mcp#fragment',
    '/mcp\x00',
    '/mcp\x7f',
    '/m\u00e9p',
    '/mcp\t',
    '/mcp?x=\\',
  ])('is refused: %j', async (target) => {
    await expectRefused(doors, door, head(`GET ${target} HTTP/1.1`, 'Host: localhost', doors.aliceLine));
  });
  it('of 20 kB is refused', async () => {
    await expectRefused(doors, door, head(`GET /${'x'.repeat(20_000)} HTTP/1.1`, 'Host: localhost'), [414, 431]);
    await expectRefused(doors, door, head(`GET /${'x'.repeat(9000)} HTTP/1.1`, 'Host: localhost'), [414]);
  });
  it.each([
    '/%6dcp',
    '/mcp/../sse',
    '/./mcp',
    '/mcp;x',
    '/mcp%2f',
    '/MCP',
    '/mcp//',
    '/sse%00',
    '/%',
    '/%ff',
  ])('that is not ours to the letter is 404: %s', async (target) => {
    const lines = [`GET ${target} HTTP/1.1`, 'Host: localhost', doors.aliceLine, 'Connection: close'];
    const before = doors.upstream.requests.length;
    expect([400, 404]).toContain(statusOf(await exchange(doors.ports[door], head(...lines))));
    expect(doors.upstream.requests.length).toBe(before);
  });
});
