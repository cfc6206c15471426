import { describe, expect, it } from 'vitest';
import { MAX_BATCH_MESSAGES, readMessages, splitBatch } from '../../src/message/batch.ts';
import { answer, request } from '../parts/memory-transport.ts';

function split(text: string): unknown {
  const messages = splitBatch(Buffer.from(text));
  return typeof messages === 'string' ? messages : messages.map(({ kind, id, bytes }) => [kind, id, bytes.toString()]);
}

describe('a batch', () => {
  it('is taken apart into its messages, byte for byte', () => {
    const first = '{ "id":9007199254740993 ,"method":"a","params":{"n":1.10}}';
    expect(split(` [ ${first}\n,{"method":"b"},${answer('"c]"')} ] `)).toEqual([
      ['request', '9007199254740993', first],
      ['notification', undefined, '{"method":"b"}'],
      ['response', '"c]"', answer('"c]"')],
    ]);
  });

  it('has invalid messages where an element is none, such as another batch', () => {
    expect(split('[1,null,{},[{"id":1,"method":"a"}]]')).toEqual([
      ['invalid', undefined, '1'],
      ['invalid', undefined, 'null'],
      ['invalid', undefined, '{}'],
      ['invalid', undefined, '[{"id":1,"method":"a"}]'],
    ]);
  });

  it.each(['[', '[{"id":1,"method":"a"}', '[1,]', '[1] x', '[1}'])('that is %j cannot be taken apart', (text) => {
    expect(split(text)).toBe('a batch that is no JSON');
  });

  it('may be empty', () => {
    expect(split(' [ ] ')).toEqual([]);
  });

  it('has a limit, which is named', () => {
    const full = Array.from({ length: MAX_BATCH_MESSAGES }, (_, id) => request(String(id)));
    expect(split(`[${full}]`)).toHaveLength(MAX_BATCH_MESSAGES);
    expect(split(`[${full},${request('"more"')}]`)).toBe('a batch of more than 1000 messages');
  });
});

describe('what a server sends as one', () => {
  it('is a message, or the messages of a batch', () => {
    const count = (text: string): number => readMessages(Buffer.from(text)).length;
    expect([count(answer('1')), count(`[${answer('1')},${answer('2')}]`), count('nonsense')]).toEqual([1, 2, 1]);
  });
});
