/**
 * X02. A body without end would fill memory. A length that says too much is refused before a byte is read; one that says nothing
 * at the limit, and the connection is closed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors({ maxBodyBytes: 10_000 });
});
afterAll(() => doors.close());

const LIMIT = 10_000;
const lines = (): readonly string[] => [
  'POST /mcp HTTP/1.1',
  'Host: localhost',
  doors.aliceLine,
  'Content-Type: application/json',
];

describe.each(DOORS)('a body past the limit, at the %s door', (door) => {
  it.each([
    LIMIT + 1,
    4_194_305,
    5_000_000_000,
    999_999_999_999_999,
  ])('is 413 before it is sent: %i', async (length) => {
    const text = await expectRefused(doors, door, head(...lines(), `Content-Length: ${length}`), [413]);
    expect(text).toContain('Content-Type: application/json');
    expect(text).toMatch(/\{"jsonrpc":"2\.0","id":null,"error":\{"code":-32600,.*"reason":"body_too_large"/);
  });
  it('is 413 at the limit where its length is not said, without waiting for its end', async () => {
    const chunk = `${(1000).toString(16)}\r\n${'x'.repeat(1000)}\r\n`;
    const text = await expectRefused(
      doors,
      door,
      head(...lines(), 'Transfer-Encoding: chunked') + chunk.repeat(11),
      [413],
    );
    expect(text).toContain('"id":null');
  });
  it('at the limit is read', async () => {
    const body = `${'['.padEnd(LIMIT - 1)}]`;
    const text = await exchange(
      doors.ports[door],
      head(...lines(), 'Connection: close', `Content-Length: ${LIMIT}`) + body,
    );
    expect(text).toContain('batches are not part of MCP');
  });
});
