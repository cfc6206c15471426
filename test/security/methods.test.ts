/**
 * H13. A method that a route does not serve is 405 with Allow, whatever a header says that some frameworks obey; CONNECT would
 * make a tunnel of us. U0.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

describe.each(DOORS)('a method, at the %s door', (door) => {
  const ask = (line: string, ...more: readonly string[]): string =>
    head(line, 'Host: localhost', doors.aliceLine, 'Connection: close', ...more);

  it.each([
    'TRACE',
    'PUT',
    'PATCH',
    'PROPFIND',
    'OPTIONS',
    'HEAD',
    'M-SEARCH',
  ])('is 405 with Allow: %s', async (name) => {
    for (const [path, allow] of [
      ['/mcp', 'GET, POST, DELETE'],
      ['/sse', 'GET'],
      ['/sse/messages', 'POST'],
    ] as const) {
      const text = await expectRefused(doors, door, ask(`${name} ${path} HTTP/1.1`), [405]);
      expect(text).toContain(`\r\nAllow: ${allow}\r\n`);
      expect(text).not.toContain('Bearer');
    }
  });
  it('that Node does not know is 400', async () => {
    await expectRefused(doors, door, ask('EVIL /mcp HTTP/1.1'));
    await expectRefused(doors, door, ask('get /mcp HTTP/1.1'));
  });
  it.each(['localhost:443', 'evil.test:25', '/mcp'])('that asks for a tunnel gets none: CONNECT %s', async (target) => {
    const before = doors.upstream.requests.length;
    expect(await exchange(doors.ports[door], ask(`CONNECT ${target} HTTP/1.1`))).not.toMatch(/^HTTP\/1\.1 [12]/);
    expect(doors.upstream.requests.length).toBe(before);
  });
  it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])('is not changed by %s', async (name) => {
    const text = await expectRefused(doors, door, ask('PUT /mcp HTTP/1.1', `${name}: GET`), [405]);
    expect(text).toContain('PUT is not served here');
    expect(await exchange(doors.ports[door], ask('GET /health HTTP/1.1', `${name}: DELETE`))).toContain(' 200 OK');
  });
});
