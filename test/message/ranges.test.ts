import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AMBIGUOUS, elements, members, soleMember, stringAt } from '../../src/message/ranges.ts';
import { cheapestOf } from '../parts/cpu-time.ts';

const spaced = fc.tuple(fc.json({ maxDepth: 4 }), fc.constantFrom(0, 1, '\t', '\r\n ')).map(([text, indent]) => {
  return JSON.stringify(JSON.parse(text), undefined, indent as string);
});

function readMembers(text: string): { members: [string, unknown][]; end: number | undefined } {
  const bytes = Buffer.from(text);
  const found: [string, unknown][] = [];
  const end = members(bytes, 0, (key, value) => {
    const [name, inner] = [key, value].map(({ start, end }) => bytes.toString('utf8', start, end));
    found.push([JSON.parse(name!) as string, JSON.parse(inner!)]);
  });
  return { members: found, end };
}

function readElements(text: string): { elements: string[]; end: number | undefined } {
  const bytes = Buffer.from(text);
  const found: string[] = [];
  const end = elements(bytes, 0, (element) => found.push(bytes.toString('utf8', element.start, element.end)));
  return { elements: found, end };
}

const value = (text: string, name: string): string | undefined => {
  const bytes = Buffer.from(text);
  const found = soleMember(bytes, 0, name);
  return typeof found === 'object' ? bytes.toString('utf8', found.start, found.end) : found;
};

describe('the members of an object', () => {
  it('are those that a parser finds, in their order', () => {
    const key = fc.string({ unit: 'binary' }).filter((name) => name !== '__proto__' && !/^\d+$/.test(name));
    fc.assert(
      fc.property(fc.dictionary(key, spaced, { maxKeys: 6 }), (object) => {
        const text = `{${Object.entries(object).map(([name, inner]) => `${JSON.stringify(name)} : ${inner}`)}}`;
        const parsed = JSON.parse(text) as Record<string, unknown>;
        expect(readMembers(text)).toEqual({ members: Object.entries(parsed), end: Buffer.byteLength(text) });
      }),
      { numRuns: 500 },
    );
  });

  it('are shown up to where the bytes cease to be an object', () => {
    expect(readMembers('{"a":1,"b":[2],"c"')).toEqual({
      members: [
        ['a', 1],
        ['b', [2]],
      ],
      end: undefined,
    });
    for (const text of ['', '[]', '{', '{"a"}', '{"a":}', '{"a":1', '{"a":1,', '{"a":1,}', '{a:1}', '{"a":"x']) {
      expect(readMembers(text).end).toBeUndefined();
    }
  });
});

describe('the elements of an array', () => {
  it('are those that a parser finds, as their own bytes', () => {
    fc.assert(
      fc.property(fc.array(spaced, { maxLength: 6 }), fc.constantFrom('', ' ', '\n'), (texts, space) => {
        const trimmed = texts.map((text) => text.trim());
        const text = `[${space}${trimmed.join(`${space},${space}`)}${space}]`;
        expect(readElements(text)).toEqual({ elements: trimmed, end: Buffer.byteLength(text) });
      }),
      { numRuns: 500 },
    );
  });

  it.each(['', '{}', '[', '[1', '[1,', '[1,]', '[,1]', '["a', '[1 2]'])('of %j have no end', (text) => {
    expect(readElements(text).end).toBeUndefined();
  });
});

describe('reading what is no JSON', () => {
  it('never throws and never leaves the bytes', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '"a"', '1', ' ', 'x', '\u0000');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const bytes = Buffer.from(pieces.join(''));
        for (const read of [members, elements]) {
          const end = read(bytes, 0, (...ranges) => {
            for (const range of ranges) expect(range.end).toBeLessThanOrEqual(bytes.length);
          });
          if (end !== undefined) expect(end).toBeLessThanOrEqual(bytes.length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the sole member of a name', () => {
  it.each([
    ['{"a":1,"name":"x"}', '"x"'],
    ['{"n\\u0061me":{"name":1}}', '{"name":1}'],
    ['{"a":{"name":1}}', undefined],
    ['{}', undefined],
    ['{"name":1,"name":2}', AMBIGUOUS],
    ['{"name":1,"\\u006eame":2}', AMBIGUOUS],
    ['{"name":1,"Name":2}', AMBIGUOUS],
    ['{"name":1', AMBIGUOUS],
    ['[]', AMBIGUOUS],
    ['{"nam":1,"names":2,"n\\u00":3}', undefined],
  ])('of %s is %s', (text, expected) => {
    expect(value(text, 'name')).toBe(expected);
  });

  it('is ambiguous with letters that some readers take for the same', () => {
    expect(value('{"params":1,"param\u017f":2}', 'params')).toBe(AMBIGUOUS);
    expect(value('{"token":1,"to\u212aen":2}', 'token')).toBe(AMBIGUOUS);
  });

  it('may be a string, whose escapes are resolved', () => {
    const read = (text: string): string | undefined => stringAt(Buffer.from(text), { start: 0, end: text.length });
    expect([read('"\\u0064elete"'), read('5'), read('"\\x"')]).toEqual(['delete', undefined, undefined]);
  });

  it('is found in a time that grows with the bytes alone', () => {
    const time = (count: number): number => {
      const bytes = Buffer.from(`{${'"naming":"\\"","\\u006e":[{}],'.repeat(count)}"name":1}`);
      return cheapestOf(3, () => expect(soleMember(bytes, 0, 'name')).toBeTypeOf('object'));
    };
    expect(time(160_000)).toBeLessThan(Math.max(time(10_000), 1) * 100);
  });
});
