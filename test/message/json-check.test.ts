import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonFault, MAX_JSON_DEPTH } from '../../src/message/json-check.ts';
import { cheapestOf } from '../parts/cpu-time.ts';

const faultAt = (text: string): number | undefined => findJsonFault(Buffer.from(text))?.at;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the check of JSON', () => {
  it('agrees with a parser about JSON of which any byte was changed', () => {
    const piece = fc.constantFrom(
      '',
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '-',
      '.',
      'e',
      'u',
      '\n',
      '\u0000',
      'é',
    );
    const number = fc.constantFrom('1e5', '-0', '0.10', '1E+9', '-1.5e-7', '12345678901234567890.5');
    const text = fc.oneof(
      fc.json({ stringUnit: 'binary' }),
      fc.array(number, { maxLength: 4 }).map((all) => `[${all}]`),
    );
    fc.assert(
      fc.property(
        text,
        fc.nat(),
        fc.boolean(),
        piece,
        fc.constantFrom(undefined, 1, '\t'),
        (json, where, isAdded, add, indent) => {
          const spaced = /[.eE]/.test(json) ? json : JSON.stringify(JSON.parse(json), undefined, indent);
          const at = where % (spaced.length + 1);
          const changed = spaced.slice(0, at) + add + spaced.slice(isAdded ? at : at + 1);
          for (const each of [spaced, changed])
            expect([each, faultAt(each) === undefined]).toEqual([each, isJson(each)]);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['', 0],
    ['{', 1],
    ['{nope', 1],
    ['{"a":1,}', 7],
    ['[1,]', 3],
    ['1 2', 2],
    ['[01]', 2],
    ['[1.]', 3],
    ['[+1]', 1],
    ['[NaN]', 1],
    ['[nul]', 4],
    ['tru', 3],
    ['"a\u0000"', 2],
    ['"\\x"', 2],
    ['"\\u12', 5],
    ['"\\u12g4"', 5],
    ['"\\', 2],
    ['[1}', 2],
    ['{"a" 1}', 5],
    ['\ufeff{}', 0],
    ['{}x', 2],
  ])('finds the fault of %j at byte %i', (text, at) => {
    expect(faultAt(text)).toBe(at);
  });

  it('finds nesting that is too deep as such, closed or not, without much ado', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(faultAt(nested(MAX_JSON_DEPTH))).toBeUndefined();
    for (const text of [nested(MAX_JSON_DEPTH + 1), '['.repeat(100_000), '{"a":'.repeat(100_000)]) {
      expect(findJsonFault(Buffer.from(text))).toMatchObject({ isTooDeep: true });
    }
  });

  it('never throws for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const fault = findJsonFault(Buffer.from(bytes));
        if (fault !== undefined) expect(fault.at).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  it('takes a time that grows with the bytes alone', () => {
    const time = (count: number): number => {
      const bytes = Buffer.from(`[${'{"a":[1,true,"x\\n"]},'.repeat(count)}0]`);
      return cheapestOf(3, () => expect(findJsonFault(bytes)).toBeUndefined());
    };
    expect(time(160_000)).toBeLessThan(Math.max(time(10_000), 1) * 100);
  });
});
