import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idKey, type Peeked, peek, peekHead } from '../../src/message/peek.ts';
import { cheapestOf } from '../parts/cpu-time.ts';

const read = (text: string): Peeked => peek(Buffer.from(text));
const INVALID = { kind: 'invalid', id: undefined, method: undefined };

/** Text of any JSON value, with whitespace between tokens and characters escaped as the seeds say. */
class Printer {
  readonly #seeds: readonly number[];
  #at = 0;

  constructor(seeds: readonly number[]) {
    this.#seeds = seeds;
  }

  print(value: unknown): string {
    if (Array.isArray(value)) return `[${this.#join(value.map((element) => this.print(element)))}]`;
    if (typeof value === 'object' && value !== null) return this.printMembers(Object.entries(value));
    return typeof value === 'string' ? this.printString(value) : JSON.stringify(value);
  }

  printMembers(members: readonly (readonly [string, unknown])[]): string {
    const texts = members.map(([key, value]) => {
      const printed = value instanceof Verbatim ? value.text : this.print(value);
      return `${JSON.stringify(key)}${this.#space()}:${this.#space()}${printed}`;
    });
    return `{${this.#join(texts)}}`;
  }

  printString(value: string): string {
    const plain = JSON.stringify(value);
    if (this.#next() % 4 !== 0) return plain;
    const escaped = Array.from({ length: value.length }, (_, index) => {
      return `\\u${value.charCodeAt(index).toString(16).padStart(4, '0')}`;
    });
    return `"${escaped.join('')}"`;
  }

  #join(texts: readonly string[]): string {
    return this.#space() + texts.join(`${this.#space()},${this.#space()}`) + this.#space();
  }

  #space(): string {
    return ['', '', '', ' ', '\n', '\r\n', '\t  '][this.#next() % 7]!;
  }

  #next(): number {
    return this.#seeds[this.#at++ % this.#seeds.length] ?? 0;
  }
}

/** A value that is printed as this text. */
class Verbatim {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const awkward = fc.string({
  unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', 'id', 'é', '\u2028', '😀'),
});
const anyString = fc.oneof(fc.string({ unit: 'binary' }), awkward);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    anyString,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(anyString, fc.constantFrom('id', 'method', 'result', 'error')), tie('value'), {
      maxKeys: 4,
    }),
  ),
}));
const idText = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  fc.constantFrom('1e2', '-0', '1.5E+3', '9007199254740993', 'null', '""', '"1"', String.raw`"\\\""`),
  anyString.map((value) => JSON.stringify(value)),
);
const RESERVED = ['jsonrpc', 'id', 'method', 'params', 'result', 'error'];
const extras = fc.dictionary(
  anyString.filter((key) => !RESERVED.includes(key)),
  anyValue,
  { maxKeys: 4 },
);
const seeds = fc.array(fc.nat(1000), { minLength: 1, maxLength: 60 });

/** Members in any order, the id as given, and what a full parse says of the whole. */
function messageText(
  members: Record<string, unknown>,
  order: readonly number[],
  spacing: readonly number[],
): { text: string; parsed: Record<string, unknown> } {
  const printer = new Printer(spacing);
  const shuffled = Object.entries(members)
    .map((member, index) => ({ member, rank: order[index % order.length] ?? 0 }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ member }) => member);
  const text = `${' '.repeat(spacing[0]! % 3)}${printer.printMembers(shuffled)}${'\n'.repeat(spacing[0]! % 2)}`;
  return { text, parsed: JSON.parse(text) as Record<string, unknown> };
}

describe('peek agrees with JSON.parse, members in any order', () => {
  it('for requests', () => {
    fc.assert(
      fc.property(idText, anyString, anyValue, extras, seeds, seeds, (id, method, params, more, order, spacing) => {
        const members = { jsonrpc: '2.0', id: new Verbatim(id), method, params, ...more };
        const { text, parsed } = messageText(members, order, spacing);
        expect(read(text)).toEqual({ kind: 'request', id, method: parsed['method'] });
        expect(JSON.parse(id)).toEqual(parsed['id']);
      }),
      { numRuns: 1000 },
    );
  });

  it('for notifications', () => {
    fc.assert(
      fc.property(anyString, anyValue, extras, seeds, seeds, (method, params, more, order, spacing) => {
        const { text } = messageText({ jsonrpc: '2.0', method, params, ...more }, order, spacing);
        expect(read(text)).toEqual({ kind: 'notification', id: undefined, method });
      }),
      { numRuns: 500 },
    );
  });

  it('for answers with a result or an error', () => {
    const member = fc.constantFrom('result', 'error');
    fc.assert(
      fc.property(idText, member, anyValue, extras, seeds, seeds, (id, name, value, more, order, spacing) => {
        const members = { jsonrpc: '2.0', id: new Verbatim(id), [name]: value, ...more };
        const { text } = messageText(members, order, spacing);
        expect(read(text)).toEqual({ kind: 'response', id, method: undefined });
      }),
      { numRuns: 1000 },
    );
  });

  it('and never throws for bytes that are no JSON', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ':',
      ',',
      'id',
      '"id"',
      '"method"',
      '1',
      ' ',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        expect(['request', 'notification', 'response', 'batch', 'invalid']).toContain(read(parts.join('')).kind);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(peek(Buffer.from(bytes)).kind).toBeTypeOf('string');
      }),
    );
  });
});

describe('what peek reads', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', '9007199254740993'],
    ['{"jsonrpc":"2.0","method":"ping","id":1e2}', '1e2'],
    ['{"jsonrpc":"2.0","method":"ping","params":{"id":5},"id":"1"}', '"1"'],
    ['{"method":"ping","params":[{"a":"\\\\\\"}"}],"id":-1.50}', '-1.50'],
    ['{"id":null,"method":"ping"}', 'null'],
    ['\r\n\t {"id" : "a\\u0062" , "method" : "ping" } \r\n', '"a\\u0062"'],
  ])('the id of %s as it is written', (text, id) => {
    expect(read(text)).toEqual({ kind: 'request', id, method: 'ping' });
  });

  it('an escaped method as what it means', () => {
    expect(read('{"id":1,"method":"tools\\/c\\u0061ll"}').method).toBe('tools/call');
  });

  it.each(['[]', ' [{"id":1,"method":"ping"}]', '[1'])('%s as a batch', (text) => {
    expect(read(text)).toEqual({ kind: 'batch', id: undefined, method: undefined });
  });

  it.each([
    '',
    ' ',
    'null',
    '42',
    '"text"',
    '{nope',
    '{"a":1}',
    '{}',
    '{"method":5}',
    '{"method":{}}',
    '{"id" 1}',
    '{"a":}',
    '{"id":{},"method":"ping"}',
    '{"method":"tools/call","params":{},"id":[1]}',
    '{"id":[1],"result":{}}',
  ])('%j as no message', (text) => {
    expect(read(text)).toEqual(INVALID);
  });

  it('the id of an object that is neither request nor answer, so that whoever waits for it can be told', () => {
    expect(read('{"jsonrpc":"2.0","id":7,"method":5}')).toEqual({ kind: 'invalid', id: '7', method: undefined });
  });

  it('an id or method that only stands deeper inside as none', () => {
    expect(read('{"params":{"id":1,"method":"x","result":{}}}')).toEqual(INVALID);
  });
});

describe('the head of a message', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"xx', '7'],
    ['{"jsonrpc":"2.0","id":"a\\u0062","params":[[{', '"a\\u0062"'],
    [' { "id" : 9007199254740993 , "params"', '9007199254740993'],
    ['{"params":{"id":1},"id":2,', '2'],
  ])('%s shows the id of the request', (head, id) => {
    expect(peekHead(Buffer.from(head))).toBe(id);
  });

  it.each([
    '',
    'xxxx',
    '[{"id":1,"method":"x"',
    '{"id":12',
    '{"id":"abc',
    '{"id":{"a":1},"method":"x',
    '{"params":{"a":"xx","id":1',
    '{"id":1,"result":{"a":"xx',
    '{"result":{},"id":1,"x":"xx',
    '{"id":1,"error":"xx',
  ])('%j shows none', (head) => {
    expect(peekHead(Buffer.from(head))).toBeUndefined();
  });
});

describe('the key of an id', () => {
  it.each([
    ['1', '1'],
    ['"1"', '"1"'],
    ['9007199254740993', '9007199254740993'],
    ['1e2', '100'],
    ['100.0', '100'],
    ['-0', '0'],
    ['"\\u0061"', '"a"'],
    ['"a\\/b"', '"a/b"'],
    ['"\\u00e9"', '"é"'],
    ['1e999', '1e999'],
    ['-1E999', '-1E999'],
    ['null', 'null'],
    ['"\\x"', '"\\x"'],
  ])('of %s is %s', (id, key) => {
    expect(idKey(id)).toBe(key);
  });
});

describe('routing a result of 10 MB', () => {
  const big = `{"rows":["${'x\\"{'.repeat(2_500_000)}"]}`;
  const time = (text: string): number => {
    const bytes = Buffer.from(text);
    return cheapestOf(5, () => {
      expect(peek(bytes)).toEqual({ kind: 'response', id: '1', method: undefined });
    });
  };
  // Here the scan must cross the result, because neither end of the object knows the id.
  const crossing = time(`{"result":${big},"id":1,"_meta":{}}`);

  it('costs a fraction of reading it when the id stands first', () => {
    expect(time(`{"jsonrpc":"2.0","id":1,"result":${big}}`)).toBeLessThan(crossing / 10);
  });

  it('costs a fraction of reading it when the id stands last', () => {
    expect(time(`{"jsonrpc":"2.0","result":${big},"id":1}`)).toBeLessThan(crossing / 10);
  });
});
