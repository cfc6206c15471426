import { afterEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import type { MemoryTransport } from '../parts/memory-transport.ts';
import { answer, ownRequestTo, RecoveringSession, request, sentTo } from '../parts/recovering-session.ts';

const lost = new DrawbridgeError('upstream_lost', 'gone');
const changed = (kind: string): string => `{"jsonrpc":"2.0","method":"notifications/${kind}/list_changed"}`;
const tools = (...names: string[]): string => JSON.stringify({ tools: names.map((name) => ({ name })) });

const sessions: RecoveringSession[] = [];
afterEach(async () => {
  await Promise.all(sessions.splice(0).map(({ upstream }) => upstream.close()));
});

/** A session whose client has read these lists, and which then lost its connection; gives the next one. */
async function afterLoss(read: readonly [text: string, result: string][]): Promise<{
  session: RecoveringSession;
  next: MemoryTransport;
}> {
  const session = new RecoveringSession();
  sessions.push(session);
  const first = await session.shakeHands();
  for (const [text, result] of read) {
    session.send(text);
    await sentTo(first, text);
    first.tell(answer((JSON.parse(text) as { id: number }).id.toString(), result));
  }
  session.log.messages.length = 0;
  first.events.end(lost);
  return { session, next: await session.shakeHandsAgain(2) };
}

async function answerOurs(next: MemoryTransport, method: string, result: string, index = 0): Promise<string> {
  const { id, text } = await ownRequestTo(next, method, index);
  next.tell(answer(id, result));
  return text;
}

/** Everything that we ask by ourselves was asked: what the client asks now comes after it. */
async function settled(session: RecoveringSession, next: MemoryTransport): Promise<readonly string[]> {
  await new Promise((fulfil) => setImmediate(fulfil));
  session.send(request('99', 'tools/call'));
  await sentTo(next, request('99', 'tools/call'));
  return session.log.messages;
}

const LIST = request('1', 'tools/list');

describe('after a silent handshake', () => {
  it('a list that is the same is not announced, in whatever way its pages and members are cut', async () => {
    const { session, next } = await afterLoss([
      [LIST, '{"tools":[{"name":"a"},{"name":"b"}],"nextCursor":"2"}'],
      ['{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"2"}}', '{"tools":[{"name":"c"}]}'],
    ]);
    await answerOurs(next, 'tools/list', '{ "tools" : [ {"name":"a"} ], "nextCursor":"x" }');
    expect(await answerOurs(next, 'tools/list', tools('b', 'c'), 1)).toContain('"params":{"cursor":"x"}');
    expect(await settled(session, next)).toEqual([]);
  });

  it.each([
    ['has one more', tools('a', 'b', 'c')],
    ['has one less', tools('a')],
    ['has another', tools('a', 'x')],
    ['is in another order', tools('b', 'a')],
    ['has another description', '{"tools":[{"name":"a"},{"name":"b","description":"new"}]}'],
  ])('a list that %s is announced once', async (_what, result) => {
    const { session, next } = await afterLoss([[LIST, tools('a', 'b')]]);
    await answerOurs(next, 'tools/list', result);
    expect(await session.log.messageCount(1)).toEqual([changed('tools')]);
  });

  it('a list that the client has read half is compared as far as it was read', async () => {
    const { session, next } = await afterLoss([[LIST, '{"tools":[{"name":"a"}],"nextCursor":"2"}']]);
    await answerOurs(next, 'tools/list', tools('a', 'something new'));
    expect(await settled(session, next)).toEqual([]);
  });

  it('each kind is compared by itself, resources and their templates under one name', async () => {
    const { session, next } = await afterLoss([
      [LIST, tools('a')],
      [request('2', 'prompts/list'), '{"prompts":[{"name":"p"}]}'],
      [request('3', 'resources/list'), '{"resources":[{"uri":"x:1"}]}'],
      [request('4', 'resources/templates/list'), '{"resourceTemplates":[]}'],
    ]);
    await answerOurs(next, 'tools/list', tools('a'));
    await answerOurs(next, 'prompts/list', '{"prompts":[]}');
    await answerOurs(next, 'resources/list', '{"resources":[]}');
    expect(await session.log.messageCount(2)).toEqual([changed('prompts'), changed('resources')]);
    expect(next.sent.join()).not.toContain('resources/templates/list');
  });

  it('a list that cannot be read again is not announced', async () => {
    const { session, next } = await afterLoss([[LIST, tools('a')]]);
    const { id } = await ownRequestTo(next, 'tools/list');
    next.tell(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32603,"message":"not now"}}`);
    expect(await settled(session, next)).toEqual([]);
  });

  it('nothing is asked that the client never read', async () => {
    const { session, next } = await afterLoss([]);
    await settled(session, next);
    expect(next.sent.join()).not.toContain('/list');
  });
});
