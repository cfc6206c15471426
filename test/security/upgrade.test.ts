/**
 * H14. Who gets a 101 speaks on, through us, to a server that never checks again. There is none; hop-by-hop headers end here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOORS, type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { INITIALIZE } from '../parts/raw-http.ts';
import { exchange, head, openSocket } from '../parts/raw-socket.ts';
import { openSse } from '../parts/raw-sse-session.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const HOP = [
  'Upgrade: h2c, websocket',
  'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'TE: trailers',
  'Trailer: X-Late',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'Proxy-Authorization: Basic eDp5',
];

describe.each(DOORS)('an upgrade, at the %s door', (door) => {
  it.each(['websocket', 'h2c', 'TLS/1.0'])('is not made: %s', async (protocol) => {
    const lines = ['GET /health HTTP/1.1', 'Host: localhost', 'Connection: Upgrade, close', `Upgrade: ${protocol}`];
    const text = await exchange(doors.ports[door], head(...lines));
    expect(text).not.toContain(' 101 ');
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('and what else is for one hop goes no further', async () => {
    const { Authorization } = doors.alice;
    const session = await openSse(`http://127.0.0.1:${doors.ports[door]}`, '/sse', { Authorization });
    const body = INITIALIZE;
    const raw = openSocket(
      doors.ports[door],
      head(
        `POST ${session.endpoint} HTTP/1.1`,
        'Host: localhost',
        doors.aliceLine,
        'Connection: Upgrade, X-Internal, HTTP2-Settings, close',
        'X-Internal: 1',
        ...HOP,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
      ) + body,
    );
    await raw.arrival(' 202 ');
    const sent = doors.upstream.posts.at(-1)!;
    expect(sent.body).toBe(body);
    for (const line of ['X-Internal: 1', ...HOP]) {
      expect(Object.keys(sent.headers)).not.toContain(line.slice(0, line.indexOf(':')).toLowerCase());
    }
    raw.socket.destroy();
    session.close();
  });
});
