/**
 * H18. Node says `100 Continue` to everybody: a stranger is then invited to send 5 GB. On the gateway's own server a body is asked
 * for only once its sender is known and its size is right. A plain server of somebody's own says 100 by itself, but the final
 * answer is the same there, and nothing is read.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DOORS, expectRefused, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { exchange, head, openSocket } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const ask = (...lines: readonly string[]): string =>
  head('POST /mcp HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...lines);

it('a stranger is told no, and not to go on', async () => {
  const text = await expectRefused(doors, 'cli', ask('Expect: 100-continue', 'Content-Length: 5000000000'), [401]);
  expect(text).not.toContain(' 100 ');
});

it('somebody known is told no where the body is too large or of a wrong type', async () => {
  const large = ask(doors.aliceLine, 'Expect: 100-continue', 'Content-Length: 5000000000');
  expect(await expectRefused(doors, 'cli', large, [413])).not.toContain(' 100 ');
  const gzip = ask(doors.aliceLine, 'Expect: 100-continue', 'Content-Length: 5', 'Content-Encoding: gzip');
  expect(await expectRefused(doors, 'cli', gzip, [415])).not.toContain(' 100 ');
});

it.each(['plain', 'express'] as const)('at the %s door the final answer is the same', async (door) => {
  const lines = ['Expect: 100-continue', 'Content-Length: 5000000000'];
  expect(await exchange(doors.ports[door], ask(...lines))).toMatch(/HTTP\/1\.1 401 /);
  expect(await exchange(doors.ports[door], ask(doors.aliceLine, ...lines))).toMatch(/HTTP\/1\.1 413 /);
});

it.each(DOORS)('somebody known is asked for the body once, at the %s door', async (door) => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const lines = [doors.aliceLine, 'Connection: close', 'Expect: 100-continue', `Content-Length: ${body.length}`];
  const raw = openSocket(doors.ports[door], ask(...lines));
  await raw.arrival('HTTP/1.1 100 Continue\r\n\r\n');
  raw.socket.write(body);
  await raw.closed;
  expect(raw.text().match(/ 100 Continue/g)).toHaveLength(1);
  expect(raw.text()).toContain('the session is not named');
});

it.each(DOORS)('what else is expected is 417, at the %s door', async (door) => {
  for (const expectation of ['x', '200-ok', '100-continued']) {
    const text = await exchange(
      doors.ports[door],
      ask(doors.aliceLine, `Expect: ${expectation}`, 'Connection: close', 'Content-Length: 0'),
    );
    expect(text).toMatch(/^HTTP\/1\.1 417 /);
  }
});
