import { describe, expect, it } from 'vitest';
import { toModernRequest } from '../../src/translation/modern-request.ts';
import { messageOf } from '../parts/memory-transport.ts';

const META = [
  ['v', '"1"'],
  ['c', '{}'],
] as const;
const made = (text: string, parts: Partial<Parameters<typeof toModernRequest>[1]> = {}): string =>
  toModernRequest(messageOf(text), { meta: META, ...parts }).bytes.toString();

describe('a request as 2026-07-28 has it', () => {
  it.each([
    ['{"id":1,"method":"a"}', '{"params":{"_meta":{"v":"1","c":{}}},"id":1,"method":"a"}'],
    ['{"id":1,"method":"a","params":{}}', '{"id":1,"method":"a","params":{"_meta":{"v":"1","c":{}}}}'],
    [
      '{ "id":1,"method":"a", "params":{ "n":1e400 , "b":1.0} }',
      '{ "id":1,"method":"a", "params":{"_meta":{"v":"1","c":{}}, "n":1e400 , "b":1.0} }',
    ],
    [
      '{"id":1,"method":"a","params":{"_meta":{"progressToken":1.50}}}',
      '{"id":1,"method":"a","params":{"_meta":{"v":"1","c":{},"progressToken":1.50}}}',
    ],
    ['{"id":1,"method":"a","params":{"_meta":{}}}', '{"id":1,"method":"a","params":{"_meta":{"v":"1","c":{}}}}'],
  ])('has what it needs, and every other byte as it was: %s', (text, expected) => {
    expect(made(text)).toBe(expected);
  });

  it('says what we say, whatever the client has said in that place', () => {
    expect(made('{"id":1,"method":"a","params":{"_meta":{"v":"9","x":2}}}')).toBe(
      '{"id":1,"method":"a","params":{"_meta":{"c":{},"v":"1","x":2}}}',
    );
  });

  it('goes again under another id, with what the server has asked for', () => {
    const again = made('{"id":1,"method":"a","params":{"name":"b"}}', {
      id: '"n"',
      params: [['requestState', '"\\u00e4"']],
    });
    expect(again).toBe(
      '{"id":"n","method":"a","params":{"_meta":{"v":"1","c":{}},"requestState":"\\u00e4","name":"b"}}',
    );
  });

  it.each([
    '{"id":1,"method":"a","params":[]}',
    '{"id":1,"method":"a","params":null}',
    '{"id":1,"method":"a","params":{"_meta":1}}',
  ])('cannot be made of %s', (text) => {
    expect(() => made(text)).toThrow(expect.objectContaining({ code: 'invalid_params' }) as Error);
  });

  it.each([
    '{"id":1,"method":"a","params":{},"params":{}}',
    '{"id":1,"method":"a","params":{"_meta":{},"_META":{}}}',
    '{"id":1,"method":"a","params":{"_meta":{"v":"1","v":"2"}}}',
  ])('is not made of what two readers could read in two ways: %s', (text) => {
    expect(() => made(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }) as Error);
  });
});
