/**
 * X06, S20. JSON that is deep overflows the stack of those who read it by recursion, JSON that is wide makes millions of objects
 * of few bytes. Both are counted before anything is built.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { expectRefusedBody } from '../parts/refused-bodies.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

const inParams = (text: string): string => `{"jsonrpc":"2.0","id":1,"method":"ping","params":${text}}`;

it.each([
  ['[', ']', 64],
  ['{"a":', '}', 64],
  ['[', ']', 2_000_000],
  ['[{"a":', '}]', 1_000],
])('nesting is refused: %s%s %i times', async (open, close, times) => {
  const middle = open.endsWith(':') ? '1' : '';
  await expectRefusedBody(
    doors,
    inParams(open.repeat(times) + middle + close.repeat(times)),
    -32600,
    'nested deeper than 64',
  );
});
it('nesting that is never closed is refused at the limit', async () => {
  await expectRefusedBody(doors, '['.repeat(4_000_000), -32600, 'nested deeper');
});
it.each([
  ['elements', `[${'0,'.repeat(100_001)}0]`],
  ['members', `{${Array.from({ length: 100_001 }, (_, index) => `"${index}":0`).join()}}`],
  ['empty objects', `[${'{},'.repeat(60_000)}{}]`],
])('more than 100000 %s are refused', async (_name, text) => {
  await expectRefusedBody(doors, inParams(text), -32600, 'more than 100000 elements');
});
it('brackets inside a string are text', async () => {
  const session = await openSse(doors.origin, '/sse', doors.alice);
  expect((await session.post(inParams(`{"sql":"${'[{\\"'.repeat(1000)}"}`))).status).toBe(202);
  session.close();
});
it('nesting up to the limit passes', async () => {
  const session = await openSse(doors.origin, '/sse', doors.alice);
  expect((await session.post(inParams(`{"a":${'['.repeat(62)}${']'.repeat(62)}}`))).status).toBe(202);
  session.close();
});
