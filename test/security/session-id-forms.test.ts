/**
 * S58. A session id that is too long, joined of two, or in other characters than MCP allows is no id of anybody, and is refused
 * before it is looked up.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { JSON_HEADERS, send } from '../parts/raw-http.ts';
import { exchange, head } from '../parts/raw-socket.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const post = (id: string): Promise<string> => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const lines = ['POST /mcp HTTP/1.1', 'Host: localhost', doors.aliceLine, 'Content-Type: application/json'];
  const length = `Content-Length: ${body.length}`;
  return exchange(
    doors.ports.cli,
    Buffer.from(head(...lines, 'Connection: close', length, `Mcp-Session-Id: ${id}`) + body, 'latin1'),
  );
};

it.each([
  ['10 kB', 'a'.repeat(10_000)],
  ['257 characters', 'a'.repeat(257)],
  ['two', 'A, B'],
  ['two without a space', 'A,B'],
  ['latin1', 'caf\u00e9'],
  ['UTF-8', Buffer.from('\u{1f600}').toString('latin1')],
  ['a space', 'a b'],
  ['a tab', 'a\tb'],
])('an id of %s is 400', async (_name, id) => {
  const text = await post(id);
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  expect(text).toContain('the session id is malformed');
});
it.each([
  ['A, B', 'A,%20B'],
  ['10 kB', 'a'.repeat(7_000)],
  ['non-ASCII', '%C3%A9'],
  ['a line break', 'a%0D%0Ab'],
  ['a NUL', '%00'],
])('so is one in the path of a message over SSE: %s', async (_name, id) => {
  const path = `/sse/messages?session=${id}`;
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const answer = await send(doors.origin, { method: 'POST', path, body, headers: { ...JSON_HEADERS, ...doors.alice } });
  expect(answer.status).toBe(400);
  expect(answer.body).toContain('the session id is malformed');
});
it.each([
  'A',
  '__proto__',
  'constructor',
  "';DROP",
  '../..',
  '%2e',
  '{}',
  '~',
])('one that is nobody’s is 404: %s', async (id) => {
  expect(await post(id)).toMatch(/^HTTP\/1\.1 404 /);
});
