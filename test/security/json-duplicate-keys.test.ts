/**
 * X06. Of two members with one name, one parser takes the first and another the last; some do not tell `Method` from `method`, nor
 * a Kelvin sign from a k. A rule that saw one tool while the server runs another would be no rule. U0.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { expectRefusedBody } from '../parts/refused-bodies.ts';
import { shakeHands } from '../parts/silent-upstream.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const CALL = '"jsonrpc":"2.0","id":1,"method":"tools/call"';

it.each([
  ['{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', 'method occurs twice'],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}', 'method occurs twice'],
  ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 'id occurs twice'],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","id":1}', 'id occurs twice'],
  ['{"jsonrpc":"1.0","jsonrpc":"2.0","id":1,"method":"ping"}', 'jsonrpc occurs twice'],
  [`{${CALL},"params":{"name":"a"},"params":{"name":"b"}}`, 'params occurs twice'],
  [`{${CALL},"params":{"name":"a","name":"b"}}`, 'name occurs twice'],
  [`{${CALL},"params":{"name":"a","arguments":{},"arguments":{}}}`, 'arguments occurs twice'],
  [`{"params":{"name":"a","x":{"name":"c"},"name":"b"},${CALL}}`, 'name occurs twice'],
  ['{"jsonrpc":"2.0","id":1,"result":{},"result":{}}', 'result occurs twice'],
])('a member that stands twice is refused: %s', async (body, why) => {
  await expectRefusedBody(doors, body, -32600, why);
});

it.each([
  '{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping"}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}',
  '{"jsonrpc":"2.0","ID":1,"method":"ping"}',
  '{"jsonrpc":"2.0","iD":2,"id":1,"method":"ping"}',
  '{"JSONRPC":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}',
  `{${CALL},"params":{"name":"a"},"Params":{"name":"b"}}`,
  `{${CALL},"params":{"name":"a"},"param\u017f":{"name":"b"}}`,
  `{${CALL},"params":{"name":"a","Name":"b"}}`,
  `{${CALL},"params":{"name":"a","argument\u017f":{}}}`,
])('a name in another case is refused: %s', async (body) => {
  await expectRefusedBody(doors, body, -32600, 'in another case');
});

it.each([
  '{"jsonrpc":"2.0","id":1,"\\u006dethod":"tools/call"}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","\\u006d\\u0065\\u0074\\u0068\\u006f\\u0064":"tools/call"}',
  '{"jsonrpc":"2.0","\\u0069d":2,"id":1,"method":"ping"}',
  `{${CALL},"params":{"name":"a"},"p\\u0061rams":{"name":"b"}}`,
  `{${CALL},"params":{"name":"a","n\\u0061me":"b"}}`,
  `{${CALL},"params":{"name":"a","N\\u0041ME":"b"}}`,
])('a name that is escaped is refused: %s', async (body) => {
  await expectRefusedBody(doors, body, -32600, 'is escaped');
});

it('the same names deeper inside are a tool’s own', async () => {
  const session = await openSse(doors.origin, '/sse', doors.alice);
  await shakeHands(session, doors.upstream);
  const bodies = [
    `{${CALL},"params":{"name":"a","arguments":{"name":1,"name":2,"Name":3,"n\\u0061me":4,"method":"x","id":0}}}`,
    '{"jsonrpc":"2.0","id":"m","method":"ping","params":{"_meta":{"id":1,"ID":2}},"methods":1,"ident":2,"\\u0078":3}',
  ];
  for (const body of bodies) expect((await session.post(body)).status).toBe(202);
  expect(doors.upstream.posts.slice(-2).map(({ body }) => body)).toEqual(bodies);
  session.close();
});

it.each([
  '{"id":1,"method":"ping"}',
  '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  '{"jsonrpc":2.0,"id":1,"method":"ping"}',
])('a message that is not JSON-RPC 2.0 is refused: %s', async (body) => {
  await expectRefusedBody(doors, body, -32600, 'jsonrpc');
});
