import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutTools } from '../../src/tools/tool-list.ts';
import { messageOf } from '../parts/memory-transport.ts';

const isAvailable = (name: string): boolean => !name.startsWith('x');
const left = (text: string): string | undefined => withoutTools(messageOf(text), isAvailable)?.bytes.toString();
const list = (tools: string): string => `{"id":1,"result":{"nextCursor":"c","tools":${tools},"n":1.10}}`;

describe('a list of tools', () => {
  it.each([
    ['[{"name":"a"},{"name":"x"},{"name":"b"}]', '[{"name":"a"},{"name":"b"}]'],
    ['[{"name":"x"},{"name":"a"}]', '[{"name":"a"}]'],
    ['[{"name":"a"},{"name":"x"}]', '[{"name":"a"}]'],
    ['[{"name":"x1"},{"name":"x2"},{"name":"a"},{"name":"x3"}]', '[{"name":"a"}]'],
    ['[{"name":"x"}]', '[]'],
    ['[\n  {"name":"x"} ,\n  {"name":"a"} ,\n  {"name":"b"}\n]', '[\n  {"name":"a"} ,\n  {"name":"b"}\n]'],
    ['[ {"name":"a"} , {"name":"x"} ]', '[ {"name":"a"} ]'],
    ['[{"name":"\\u0078"},{"n\\u0061me":"x"},{"name":"a"}]', '[{"name":"a"}]'],
    ['[{"name":1},{},5,null,{"name":"a","name":"x"},{"name":"a"}]', '[{"name":"a"}]'],
    ['[{"inputSchema":{"name":"x"},"name":"a"}]', '[{"inputSchema":{"name":"x"},"name":"a"}]'],
    ['[]', '[]'],
  ])('%s becomes %s, all else as it was', (tools, expected) => {
    expect(left(list(tools))).toBe(list(expected));
  });

  it.each([
    '{"id":1,"error":{"tools":[{"name":"x"}]}}',
    '{"id":1,"result":{}}',
    '{"id":1,"result":null}',
    list('null'),
  ])('that is none, as in %s, stays as it is', (text) => {
    const message = messageOf(text);
    expect(withoutTools(message, isAvailable)).toBe(message);
  });

  it.each([
    '{"id":1,"result":{"tools":[{"name":"x"}],"tools":[]}}',
    '{"id":1,"result":{"tools":[{"name":"x"}]},"result":{}}',
    '{"id":1,"result":{"tools":[{"name":"x"}],"Tools":[]}}',
    '{"id":1,"result":{"tools":[{"name":"a"} {"name":"x"}]}}',
    '{"id":1,"result":{"tools":[{"name":"a"}]}',
  ])('that cannot be read for certain, such as %s, is none', (text) => {
    expect(left(text)).toBeUndefined();
  });

  it('has afterwards the tools that a parser would leave in it, and the same bytes for each', () => {
    const tool = fc.record({ name: fc.constantFrom('a', 'b', 'x', 'xy'), more: fc.jsonValue({ maxDepth: 2 }) });
    const space = fc.constantFrom('', ' ', '\n\t');
    fc.assert(
      fc.property(fc.array(tool, { maxLength: 6 }), fc.jsonValue(), space, space, (tools, extra, before, after) => {
        const texts = tools.map((each) => JSON.stringify(each));
        const whole = (each: string[]): string =>
          `{"result":{"extra":${JSON.stringify(extra)},"tools":[${before}${each.join(`${after},${before}`)}${after}]},"id":"a"}`;
        const found = left(whole(texts));
        const parsed = JSON.parse(found ?? '') as { result: { tools: unknown[]; extra: unknown } };
        const kept = tools.filter(({ name }) => isAvailable(name));
        expect(parsed.result).toEqual(JSON.parse(JSON.stringify({ extra, tools: kept })));
        if (kept.length > 0) expect(found).toBe(whole(kept.map((each) => JSON.stringify(each))));
      }),
      { numRuns: 1000 },
    );
  });
});
