import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseDecoder } from '../../src/message/sse-decoder.ts';
import { cheapestOf } from '../parts/cpu-time.ts';
import { bytewise, chunks, cutAt, cuts } from '../parts/slices.ts';

interface Decoded {
  readonly events: { type: string; data: string; id: string }[];
  readonly primed: string[];
  readonly retries: number[];
  readonly tooLarge: number[];
}

function decode(slices: readonly Buffer[], maxEventBytes = 10_000): Decoded {
  const decoded: Decoded = { events: [], primed: [], retries: [], tooLarge: [] };
  const decoder = new SseDecoder(
    {
      event: ({ type, data, id }) => decoded.events.push({ type, data: data.toString(), id }),
      primed: (id) => decoded.primed.push(id),
      retry: (retryMs) => decoded.retries.push(retryMs),
      tooLarge: (limit) => decoded.tooLarge.push(limit),
    },
    maxEventBytes,
  );
  for (const slice of slices) decoder.push(slice);
  return decoded;
}

const decodeText = (text: string, maxEventBytes?: number): Decoded => decode([Buffer.from(text)], maxEventBytes);
const dataOf = (text: string): string[] => decodeText(text).events.map(({ data }) => data);

describe('an event stream decoder', () => {
  it('gives the same events however the stream is cut, with any line end', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replace(/[\r\n]/g, '"'));
    const event = fc.record({
      type: fc.option(fc.constantFrom('message', 'endpoint', 'ping'), { nil: undefined }),
      lines: fc.array(line, { minLength: 1, maxLength: 4 }).filter((lines) => lines.join('') !== ''),
      id: fc.option(fc.stringMatching(/^[\x21-\x7e]{1,10}$/), { nil: undefined }),
      comment: fc.option(line, { nil: undefined }),
      end: fc.constantFrom('\n', '\r\n', '\r'),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), cuts, fc.boolean(), (events, places, hasMark) => {
        let id = '';
        let text = hasMark ? '\ufeff' : '';
        const expected = events.map((each) => {
          const fields = each.lines.map((data) => `data: ${data}`);
          if (each.type !== undefined) fields.unshift(`event: ${each.type}`);
          if (each.id !== undefined) fields.push(`id: ${each.id}`);
          if (each.comment !== undefined) fields.splice(1, 0, `:${each.comment}`);
          text += fields.map((field) => field + each.end).join('') + each.end;
          id = each.id ?? id;
          return { type: each.type ?? 'message', data: each.lines.join('\n'), id };
        });
        const decoded = decode(cutAt(Buffer.from(text), places));
        expect(decoded).toEqual({ events: expected, primed: [], retries: [], tooLarge: [] });
      }),
      { numRuns: 500 },
    );
  });

  it('joins characters of four bytes that were cut at any place', () => {
    const bytes = Buffer.from('data: 😀é€\r\n\r\n');
    for (let place = 0; place <= bytes.length; place++) {
      expect(decode(cutAt(bytes, [place])).events).toEqual([{ type: 'message', data: '😀é€', id: '' }]);
    }
    expect(decode(bytewise(bytes)).events).toHaveLength(1);
  });

  it.each([
    ['one space after the colon is dropped, a second one kept', 'data:a\n\ndata: b\n\ndata:  c\n\n', ['a', 'b', ' c']],
    ['several data lines are joined by line feeds', 'data: a\ndata:\ndata: b\n\n', ['a\n\nb']],
    ['a field without a colon is a field without a value', 'data\ndata: a\n\n', ['\na']],
    ['a field name is compared as it is', 'Data: a\n data: b\ndata : c\ndatax: d\n\n', []],
    [
      'a mark at the start is stripped, a later one is not',
      '\ufeffdata: a\n\n\ufeffdata: b\n\ndata: \ufeffc\n\n',
      ['a', '\ufeffc'],
    ],
    ['an event that is not ended is not told', 'data: a\n\ndata: b\n', ['a']],
    ['a colon in the data stays', 'data: a:b: c\n\n', ['a:b: c']],
    ['comments and blank lines tell nothing', ': ping\n\n\n\n:\n\n', []],
    ['U+2028 ends no line', 'data: a\u2028b\n\n', ['a\u2028b']],
    ['CR, LF and CRLF may be mixed', 'data: a\r\rdata: b\n\ndata: c\r\n\r\ndata: d\r\n\n', ['a', 'b', 'c', 'd']],
  ])('%s', (_rule, text, expected) => {
    expect(dataOf(text)).toEqual(expected);
    expect(decode(bytewise(Buffer.from(text))).events.map(({ data }) => data)).toEqual(expected);
  });

  it('tells the type of an event, and forgets it with the event', () => {
    const { events } = decodeText('event: endpoint\ndata: /m\n\nevent: lost\n\ndata: x\n\nevent:\ndata: y\n\n');
    expect(events.map(({ type }) => type)).toEqual(['endpoint', 'message', 'message']);
  });

  it('keeps the last id for later events, and takes an empty one as none', () => {
    const { events } = decodeText('id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n');
    expect(events.map(({ id }) => id)).toEqual(['7', '7', '']);
  });

  it.each([
    ['NUL', 'id: a\u0000b'],
    ['1 MB', `id: ${'1'.repeat(1_000_000)}`],
    ['a character no header carries', 'id: é'],
  ])('passes over an id with %s', (_what, line) => {
    const { events } = decodeText(`id: 7\ndata: a\n\n${line}\ndata: b\n\n`, 2_000_000);
    expect(events.map(({ id }) => id)).toEqual(['7', '7']);
  });

  it('tells an id without data as a place to resume from, not as an event', () => {
    const { events, primed } = decodeText('id: 5\ndata: \n\nid: 6\n\ndata:\n\n');
    expect({ events, primed }).toEqual({ events: [], primed: ['5', '6'] });
  });

  it.each([
    ['retry: 0', [0]],
    ['retry: 1500', [1500]],
    ['retry: 99999999999', []],
    ['retry: abc', []],
    ['retry: -1', []],
    ['retry: 1.5', []],
    ['retry', []],
  ])('of the line %j takes the reconnection time %j', (line, expected) => {
    expect(decodeText(`${line}\n\n`).retries).toEqual(expected);
  });

  it('gives the data as the bytes that came', () => {
    const told: string[] = [];
    const decoder = new SseDecoder({ event: ({ data }) => told.push(data.toString('hex')), tooLarge: () => {} }, 100);
    decoder.push(
      Buffer.concat([Buffer.from('data: '), Buffer.from([0x00, 0xff, 0xed, 0xa0, 0x80]), Buffer.from('\n\n')]),
    );
    expect(told).toEqual(['00ffeda080']);
  });
});

describe('the bound of an event', () => {
  const limit = 1000;
  const cutAll = (text: string): Decoded[] => {
    const bytes = Buffer.from(text);
    return [decode([bytes], limit), decode(bytewise(bytes), limit), decode(chunks(bytes, 64), limit)];
  };

  it('lets an event of exactly the limit pass, however it is cut', () => {
    for (const decoded of cutAll(`event: message\ndata: ${'x'.repeat(1000)}\n\n`)) {
      expect(decoded.events.map(({ data }) => data.length)).toEqual([1000]);
      expect(decoded.tooLarge).toEqual([]);
    }
  });

  it('tells once of an event past it, and takes nothing more', () => {
    for (const decoded of cutAll(`data: a\n\ndata: ${'x'.repeat(1001)}\n\ndata: b\n\n`)) {
      expect(decoded.events.map(({ data }) => data)).toEqual(['a']);
      expect(decoded.tooLarge).toEqual([1000]);
    }
  });

  it('counts many lines of one event together', () => {
    for (const decoded of cutAll(`data: ${'x'.repeat(400)}\n`.repeat(3))) expect(decoded.tooLarge).toEqual([1000]);
  });

  it('counts lines without a byte of data, which cost memory too', () => {
    for (const decoded of cutAll(`${'data\n'.repeat(1002)}\n`)) expect(decoded.tooLarge).toEqual([1000]);
  });

  it('holds for a comment that never ends', () => {
    for (const decoded of cutAll(`:${'x'.repeat(1100)}`).slice(1)) expect(decoded.tooLarge).toEqual([1000]);
  });

  it('counts each event anew', () => {
    for (const decoded of cutAll(`data: ${'x'.repeat(900)}\n\n`.repeat(3))) {
      expect(decoded.events).toHaveLength(3);
      expect(decoded.tooLarge).toEqual([]);
    }
  });
});

describe('the cost of decoding', () => {
  const costOf = (dataBytes: number): number => {
    const slices = chunks(Buffer.from(`data: ${'x'.repeat(dataBytes)}\n\n`), 64 * 1024);
    return cheapestOf(5, () => {
      let bytes = 0;
      const decoder = new SseDecoder({ event: ({ data }) => (bytes = data.length), tooLarge: () => {} }, 2 ** 26);
      for (const slice of slices) decoder.push(slice);
      expect(bytes).toBe(dataBytes);
    });
  };

  it('grows with the size of an event, not with its square', () => {
    const small = costOf(2 ** 20);
    // Sixteen times the bytes; a decoder that joined what it holds at each chunk would take 256 times as long.
    expect(costOf(2 ** 24)).toBeLessThan(Math.max(small, 0.3) * 100);
  });

  it('grows with the number of events in a chunk, not with its square', () => {
    const time = (count: number, end: string): number => {
      const bytes = Buffer.from(`data: x${end}${end}`.repeat(count));
      return cheapestOf(3, () => {
        let told = 0;
        const decoder = new SseDecoder({ event: () => told++, tooLarge: () => {} }, 2 ** 26);
        decoder.push(bytes);
        expect(told).toBe(count);
      });
    };
    for (const end of ['\n', '\r\n', '\r']) {
      expect(time(160_000, end)).toBeLessThan(Math.max(time(10_000, end), 1) * 100);
    }
  });
});
