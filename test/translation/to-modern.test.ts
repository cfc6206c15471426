import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isShared, toLegacy } from '../../src/translation/to-legacy.ts';
import { discoverAnswer, progressIdOf, toModernAnswer, toModernProgress } from '../../src/translation/to-modern.ts';
import { messageOf } from '../parts/memory-transport.ts';

const call = (id: string, meta = ''): ReturnType<typeof messageOf> =>
  messageOf(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"_meta":{${meta}},"name":"x"}}`);

describe('a modern request for a legacy server', () => {
  it('goes under an id of ours, and every other byte stays', () => {
    const { message, progressToken } = toLegacy(
      call('"a-1"', '"io.modelcontextprotocol/protocolVersion":"2026-07-28"'),
      7,
    );
    expect(message.bytes.toString()).toBe(
      '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"x"}}',
    );
    expect(progressToken).toBeUndefined();
  });

  it.each(['"tok"', '12', '"7"'])('has our id for its progress token %s', (token) => {
    const { message, progressToken } = toLegacy(call('1', `"progressToken":${token}`), 7);
    expect(message.bytes.toString()).toContain('"progressToken":7');
    expect(progressToken).toBe(token);
  });

  it('is refused where its id stands there twice', () => {
    expect(() => toLegacy(messageOf('{"jsonrpc":"2.0","id":1,"Id":2,"method":"tools/list"}'), 7)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  it.each([
    ['tools/call', true],
    ['resources/read', true],
    ['ping', false],
    ['initialize', false],
    ['logging/setLevel', false],
    [undefined, false],
  ])('with the method %s is shared by both eras: %s', (method, isIt) => {
    expect(isShared(method)).toBe(isIt);
  });
});

describe('the answer of a legacy server to a modern client', () => {
  const answerTo = (method: string, answer: string, id = '"a-1"'): string =>
    toModernAnswer(messageOf(answer), messageOf(`{"jsonrpc":"2.0","id":${id},"method":"${method}"}`)).bytes.toString();

  it('has the id of the client and says that it is complete', () => {
    expect(answerTo('tools/call', '{"jsonrpc":"2.0","id":7,"result":{"content":[]}}')).toBe(
      '{"jsonrpc":"2.0","id":"a-1","result":{"resultType":"complete","content":[]}}',
    );
  });

  it('has no comma too many where the result is empty', () => {
    expect(answerTo('tools/call', '{"jsonrpc":"2.0","id":7,"result":{ }}')).toBe(
      '{"jsonrpc":"2.0","id":"a-1","result":{"resultType":"complete" }}',
    );
  });

  it.each([
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'resources/read',
  ])('to %s may not be kept', (method) => {
    const result = (JSON.parse(answerTo(method, '{"result":{"x":1},"id":7,"jsonrpc":"2.0"}')) as { result: unknown })
      .result;
    expect(result).toEqual({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', x: 1 });
  });

  it('keeps what it says itself', () => {
    const text = '{"jsonrpc":"2.0","id":7,"result":{"resultType":"odd","ttlMs":5,"tools":[]}}';
    expect(answerTo('tools/list', text)).toBe(
      '{"jsonrpc":"2.0","id":"a-1","result":{"cacheScope":"private","resultType":"odd","ttlMs":5,"tools":[]}}',
    );
  });

  it('that is an error is changed in its id alone', () => {
    expect(answerTo('tools/call', '{"jsonrpc":"2.0","id":7,"error":{"code":-32002,"message":"no","data":1.0}}')).toBe(
      '{"jsonrpc":"2.0","id":"a-1","error":{"code":-32002,"message":"no","data":1.0}}',
    );
  });

  it('keeps every digit of its numbers, and any JSON value that it has', () => {
    const value = '12345678901234567890.123456';
    expect(answerTo('tools/call', `{"jsonrpc":"2.0","id":7,"result":{"n":${value}}}`)).toContain(`"n":${value}`);
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const text = answerTo('tools/call', JSON.stringify({ jsonrpc: '2.0', id: 7, result: { json } }));
        expect(JSON.parse(text)).toEqual({
          jsonrpc: '2.0',
          id: 'a-1',
          result: { resultType: 'complete', json: JSON.parse(JSON.stringify(json)) },
        });
      }),
    );
  });
});

describe('what else a modern client hears of a legacy server', () => {
  it('is progress, under its own token', () => {
    const told = messageOf(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1.50}}',
    );
    expect(progressIdOf(told)).toBe(7);
    expect(toModernProgress(told, '"tok"').bytes.toString()).toBe(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"tok","progress":1.50}}',
    );
  });

  it('is what the server has said of itself in its handshake', () => {
    const initialized = messageOf(
      '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"s","version":"1"},"instructions":"be kind"}}',
    );
    expect(JSON.parse(discoverAnswer(initialized, '"d"').bytes.toString())).toEqual({
      jsonrpc: '2.0',
      id: 'd',
      result: {
        resultType: 'complete',
        ttlMs: 0,
        cacheScope: 'private',
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: { listChanged: true } },
        instructions: 'be kind',
        _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } },
      },
    });
  });
});
