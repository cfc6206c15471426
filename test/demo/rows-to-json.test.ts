import { expect, it } from 'vitest';
import { rowsToJson } from '../../src/demo/rows-to-json.ts';

const one = (typeId: number, value: string | null) => rowsToJson({ columns: [{ name: 'v', typeId }], rows: [[value]] });

it.each([
  ['a null', 25, null, 'null'],
  ['a boolean', 16, 't', 'true'],
  ['an integer', 20, '9007199254740991', '9007199254740991'],
  ['an integer that JavaScript would round', 20, '9007199254740993', '"9007199254740993"'],
  ['a numeric, however small', 1700, '2.50', '"2.50"'],
  ['a float', 701, '1e+30', '1e+30'],
  ['a float that JSON does not know', 701, '-Infinity', '"-Infinity"'],
  ['JSON, its numbers untouched', 3802, '{"n": 12345678901234567890}', '{"n": 12345678901234567890}'],
  ['text', 25, 'a "quoted" line\n', '"a \\"quoted\\" line\\n"'],
] as const)('writes %s', (_what, typeId, value, json) => {
  expect(one(typeId, value)).toBe(`[\n  {"v": ${json}}\n]`);
});

it('keeps every column when names repeat, and a name that objects treat specially', () => {
  const columns = ['a', 'a', 'a_2', '__proto__'].map((name) => ({ name, typeId: 23 }));
  expect(rowsToJson({ columns, rows: [['1', '2', '3', '4']] })).toBe(
    '[\n  {"a": 1, "a_2": 2, "a_2_2": 3, "__proto__": 4}\n]',
  );
});

it('writes no rows as an empty array', () => {
  expect(rowsToJson({ columns: [{ name: 'v', typeId: 23 }], rows: [] })).toBe('[]');
});
