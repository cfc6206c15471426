/**
 * X05. A batch is one request to a limit and a hundred to the server; MCP has none since 2025-06-18. Every batch is refused,
 * U0.
 */
import { afterAll, beforeAll, it } from 'vitest';
import { type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { expectRefusedBody } from '../parts/refused-bodies.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

it.each([
  ['of none', '[]'],
  ['of one', `[${PING}]`],
  ['of a hundred', `[${Array.from({ length: 100 }, () => PING).join()}]`],
  ['of a hundred and one', `[${Array.from({ length: 101 }, () => PING).join()}]`],
  ['after spaces', ` \r\n\t[${PING}]`],
  ['in a batch', `[[${PING}]]`],
  ['of notifications', '[{"jsonrpc":"2.0","method":"notifications/initialized"}]'],
])('a batch %s is refused', async (_name, body) => {
  await expectRefusedBody(doors, body, -32600, 'batches are not part of MCP');
});
it.each([
  ['two messages', `${PING}${PING}`],
  ['two lines', `${PING}\n${PING}`],
  ['a comma after it', `${PING},`],
  ['a BOM before it', `\ufeff${PING}`],
  ['a comment', `${PING}//x`],
  ['a single quote', `{'jsonrpc':"2.0"}`],
  ['a lone comma', '{"jsonrpc":"2.0","id":1,"method":"ping",}'],
  ['NaN', '{"jsonrpc":"2.0","id":NaN,"method":"ping"}'],
  ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['nothing', ''],
])('what is not one JSON text is refused: %s', async (_name, body) => {
  await expectRefusedBody(doors, body, -32700);
});
it.each([
  'null',
  '42',
  '"x"',
  'true',
  '{}',
  '{"jsonrpc":"2.0","id":null,"method":"ping"}',
  '{"jsonrpc":"2.0","id":[1],"method":"ping"}',
  '{"jsonrpc":"2.0","id":{},"method":"ping"}',
  '{"jsonrpc":"2.0","id":true,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1,"method":7}',
  '{"jsonrpc":"2.0","id":1,"method":null}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","params":7}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
  '{"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"2.0","result":{}}',
])('what is no message is refused: %s', async (body) => {
  await expectRefusedBody(doors, body, -32600);
});
