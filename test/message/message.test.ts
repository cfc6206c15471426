import { describe, expect, it } from 'vitest';
import { nameRequest } from '../../src/message/message.ts';
import { messageOf } from '../parts/memory-transport.ts';

const named = (text: string): [text: string, key: string | undefined] | undefined => {
  const message = nameRequest(messageOf(text), '9007199254740993');
  return message === undefined ? undefined : [message.bytes.toString(), message.key];
};

describe('an error answer that names no request', () => {
  it.each([
    [
      '{"jsonrpc":"2.0","id":null,"error":{"code":-1,"x":1.10}}',
      '{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-1,"x":1.10}}',
    ],
    ['{ "error" : {"id":null} , "id" : null }', '{ "error" : {"id":null} , "id" : 9007199254740993 }'],
    [' {"error":{},"more":[1]}', ' {"id":9007199254740993,"error":{},"more":[1]}'],
  ])('%s is given the id of one, every other byte as it was', (text, expected) => {
    expect(named(text)).toEqual([expected, '9007199254740993']);
  });

  it.each([
    '{"id":1,"error":{}}',
    '{"id":null,"result":{}}',
    '{"id":null,"error":{},"error":{}}',
    '{"id":null,"id":null,"error":{}}',
    '{"id":null,"method":"x"}',
    '[{"id":null,"error":{}}]',
    '{"id":null,"error":{}',
    'nonsense',
  ])('is not %s', (text) => {
    expect(named(text)).toBeUndefined();
  });
});
