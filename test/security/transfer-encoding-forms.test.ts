/**
 * H01, H03. A coding that one reader knows and another does not, or spells otherwise, hides where the body ends. Only
 * `chunked`, once, on HTTP/1.1, is taken.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const post = (...lines: readonly string[]): string =>
  head('POST /mcp HTTP/1.1', 'Host: localhost', doors.aliceLine, 'Content-Type: application/json', ...lines);

describe.each(DOORS)('a transfer coding, at the %s door', (door) => {
  it.each([
    'xchunked',
    'chunked, chunked',
    'gzip, chunked',
    'chunked, identity',
    'identity',
    'chunked;q=1',
    '"chunked"',
    'chunked,',
    ',chunked',
    '\x0bchunked',
    'chunked\x00',
    '',
  ])('that is not chunked alone is refused: %j', async (coding) => {
    await expectRefused(doors, door, `${post(`Transfer-Encoding: ${coding}`)}0\r\n\r\n`, [400, 501]);
  });
  it('that is given twice is refused', async () => {
    await expectRefused(doors, door, `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`);
  });
  it('on HTTP/1.0 is refused', async () => {
    const lines = ['POST /mcp HTTP/1.0', 'Host: localhost', doors.aliceLine, 'Transfer-Encoding: chunked'];
    await expectRefused(doors, door, `${head(...lines)}0\r\n\r\n`);
  });
  it('that is chunked is read', async () => {
    const size = PING.length.toString(16);
    const text = await exchange(
      doors.ports[door],
      `${post('Connection: close', 'Transfer-Encoding: Chunked')}${size}\r\n${PING}\r\n0\r\n\r\n`,
    );
    expect(text).toContain('the session is not named');
  });
});
