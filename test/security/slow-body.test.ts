/**
 * X01. A body that comes a byte at a time holds a connection and its memory for as long as the attacker likes. It has 28 s from
 * the request's head on, in an embedding too, whose own server gives it five minutes or none; then 408.
 */

import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { BODY_TIMEOUT_MS } from '../../src/gateway/policies/body.ts';
import { until, within } from '../parts/deadline.ts';
import { DOORS, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { send } from '../parts/raw-http.ts';
import { head, openSocket } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

afterEach(() => {
  vi.useRealTimers();
});

const slow = (): string =>
  head(
    'POST /mcp HTTP/1.1',
    'Host: localhost',
    doors.aliceLine,
    'Content-Type: application/json',
    'Content-Length: 1000',
  );

it('has less than 30 s', () => {
  expect(BODY_TIMEOUT_MS).toBeLessThan(30_000);
});

it.each(DOORS)('is 408 when its time is over, however it trickles, and its connection closed: %s', async (door) => {
  // Node's own timers are of another kind, so that sockets go on as ever.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const arrived = doors.upstream.requests.length;
  const raw = openSocket(doors.ports[door], slow());
  await until('the gateway waits for the body', () => vi.getTimerCount() > 0);
  for (let part = 0; part < 10; part++) {
    raw.socket.write('x');
    await vi.advanceTimersByTimeAsync(BODY_TIMEOUT_MS / 10 - 1);
  }
  expect(raw.text()).toBe('');
  await vi.advanceTimersByTimeAsync(10);
  await within(5000, 'the connection is closed', raw.closed);
  expect(raw.text()).toMatch(/^HTTP\/1\.1 408 /);
  expect(raw.text()).toContain('"reason":"body_timeout"');
  expect(raw.text().toLowerCase()).toContain('connection: close');
  expect(doors.upstream.requests.length).toBe(arrived);
  expect(vi.getTimerCount()).toBe(0);
});

it('lets others through while 200 of them are open', async () => {
  const sockets = Array.from({ length: 200 }, () => openSocket(doors.ports.cli, slow()));
  await Promise.all(sockets.map(({ socket }) => (socket.connecting ? once(socket, 'connect') : undefined)));
  expect((await send(doors.origin, { path: '/health' })).status).toBe(200);
  for (const { socket } of sockets) socket.destroy();
});
