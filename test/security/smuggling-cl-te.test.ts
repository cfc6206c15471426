/**
 * H01. A request that has both a length and a transfer coding ends at one place for a proxy and at another for us: what lies
 * between would be a second request that nobody has looked at. It is refused, nothing after it is read, U0.
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

describe.each(DOORS)('a length beside a transfer coding, at the %s door', (door) => {
  const hidden = head('GET /sse HTTP/1.1', 'Host: localhost');
  it.each([
    ['length first', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['coding first', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
    ['a length of nothing', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
    ['in capitals', ['CONTENT-LENGTH: 5', 'TRANSFER-ENCODING: CHUNKED']],
    ['a coding that is none', ['Content-Length: 5', 'Transfer-Encoding: identity']],
  ])('is refused, and what follows is not read: %s', async (_name, lines) => {
    await expectRefused(doors, door, `${post(...lines)}0\r\n\r\n${hidden}`);
  });
});

it('a body that holds a request is a body', async () => {
  const before = doors.upstream.requests.length;
  const body = head('GET /sse HTTP/1.1', 'Host: localhost', doors.aliceLine);
  const text = await exchange(doors.ports.cli, post('Connection: close', `Content-Length: ${body.length}`) + body);
  expect(text.match(/HTTP\/1\.1 \d{3} /g)).toHaveLength(1);
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  expect(doors.upstream.requests.length).toBe(before);
});
