/**
 * H21. A page may send text/plain or a form anywhere without asking; a body in another charset, or compressed, is read by the
 * upstream as something that we have not judged. Only plain JSON in UTF-8 is taken.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { INITIALIZE, type RawAnswer, send } from '../parts/raw-http.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const post = (headers: Record<string, string>): Promise<RawAnswer> =>
  send(doors.origin, { method: 'POST', path: '/mcp', body: INITIALIZE, headers: { ...doors.alice, ...headers } });

it.each([
  'text/plain',
  'text/plain; a=application/json',
  'text/plain, application/json',
  'application/json, text/plain',
  'multipart/form-data',
  'multipart/form-data; boundary=application/json',
  'application/x-www-form-urlencoded',
  'application/json-patch+json',
  'application/jsonp',
  'xapplication/json',
  'application/json; charset=utf-16',
  'application/json; charset=utf-7',
  'application/json; charset=iso-8859-1',
  'application/json; a=b; charset=utf-16',
  '*/*',
])('a body of type %j is 415', async (type) => {
  const before = doors.upstream.requests.length;
  const answer = await post({ 'content-type': type });
  expect(answer.status).toBe(415);
  expect(answer.headers['connection']).toBe('close');
  expect(doors.upstream.requests.length).toBe(before);
});

it('a body of no type is 415', async () => {
  expect((await post({})).status).toBe(415);
});

it.each([
  'gzip',
  'br',
  'deflate',
  'zstd',
  'x-gzip',
  'gzip, gzip',
  'identity, gzip',
  'unknown',
])('a body that is encoded is 415, and never decompressed: %s', async (encoding) => {
  const answer = await post({ 'content-type': 'application/json', 'content-encoding': encoding });
  expect(answer.status).toBe(415);
});

it.each([
  'application/json',
  'Application/JSON',
  'application/json; charset=UTF-8',
  'application/json;charset="utf-8"',
])('a body of type %j is read', async (type) => {
  const answer = await send(doors.origin, {
    method: 'POST',
    path: '/mcp',
    body: '[]',
    headers: { ...doors.alice, 'content-type': type },
  });
  expect(answer.status).toBe(400);
});
