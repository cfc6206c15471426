import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineDecoder } from '../../src/message/line-decoder.ts';
import { bytewise, chunks, cutAt, cuts } from '../parts/slices.ts';

interface Decoded {
  readonly lines: string[];
  readonly tooLong: number[];
  readonly heads: string[];
}

function decode(slices: readonly Buffer[], maxLineBytes = 1000, isEnded = true): Decoded {
  const decoded: Decoded = { lines: [], tooLong: [], heads: [] };
  const tooLong = (limit: number, head: Buffer): void => {
    decoded.tooLong.push(limit);
    decoded.heads.push(head.toString());
  };
  const decoder = new LineDecoder({ line: (line) => decoded.lines.push(line.toString()), tooLong }, maxLineBytes);
  for (const slice of slices) decoder.push(slice);
  if (isEnded) decoder.end();
  return decoded;
}

const decodeText = (text: string, maxLineBytes?: number): Decoded => decode([Buffer.from(text)], maxLineBytes);

describe('a line decoder', () => {
  it('gives the same lines however the stream is cut', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.replace(/[\r\n\ufeff]/g, '{'));
    const ended = fc.tuple(line, fc.constantFrom('\n', '\r\n', '\n\n', '\r\n\r\n'));
    fc.assert(
      fc.property(fc.array(ended, { maxLength: 12 }), line, cuts, fc.boolean(), (lines, last, places, hasMark) => {
        const text = (hasMark ? '\ufeff' : '') + lines.map(([body, end]) => body + end).join('') + last;
        const expected = [...lines.map(([body]) => body), last].filter((body) => body !== '');
        expect(decode(cutAt(Buffer.from(text), places))).toEqual({ lines: expected, tooLong: [], heads: [] });
      }),
      { numRuns: 500 },
    );
  });

  it('joins characters of four bytes that were cut at any place', () => {
    const bytes = Buffer.from('\ufeff{"a":"😀é€"}\r\n{"b":"😀"}\n');
    for (let place = 0; place <= bytes.length; place++) {
      expect(decode(cutAt(bytes, [place])).lines).toEqual(['{"a":"😀é€"}', '{"b":"😀"}']);
    }
  });

  it('takes LF and CRLF, byte by byte too', () => {
    const bytes = Buffer.from('{"a":1}\r\n{"b":2}\n{"c":"é😀"}\r\n');
    expect(decode(bytewise(bytes)).lines).toEqual(['{"a":1}', '{"b":2}', '{"c":"é😀"}']);
  });

  it('skips blank lines', () => {
    expect(decodeText('\n\r\n\n{"a":1}\n\n\r\n{"b":2}\n').lines).toEqual(['{"a":1}', '{"b":2}']);
  });

  it('strips a byte order mark at the very start only', () => {
    expect(decodeText('\ufeff{"a":1}\n\ufeff{"b":2}\n').lines).toEqual(['{"a":1}', '\ufeff{"b":2}']);
  });

  it('does not take U+2028, U+2029, U+0085 or a lone CR for a line end', () => {
    const line = '{"a":"x\u2028y\u2029z\u0085"\r}';
    expect(decodeText(`${line}\n`).lines).toEqual([line]);
  });

  it('keeps NUL and bytes that are no UTF-8', () => {
    const lines: Buffer[] = [];
    const decoder = new LineDecoder({ line: (line) => lines.push(line), tooLong: () => {} }, 100);
    decoder.push(Buffer.from([0x22, 0x00, 0xff, 0xfe, 0xed, 0xa0, 0x80, 0x22, 0x0a]));
    expect(lines.map((line) => line.toString('hex'))).toEqual(['2200fffeeda08022']);
  });

  it('tells a last line without its end only when the stream ends', () => {
    expect(decode([Buffer.from('{"a":1}')], 100, false).lines).toEqual([]);
    expect(decode([Buffer.from('{"a":1}')], 100, true).lines).toEqual(['{"a":1}']);
  });

  it('tells once of a line that is too long, and goes on after its end', () => {
    const text = `{"a":1}\n${'x'.repeat(101)}\n{"b":2}\n`;
    for (const slices of [[Buffer.from(text)], bytewise(Buffer.from(text)), chunks(Buffer.from(text), 7)]) {
      expect(decode(slices, 100)).toMatchObject({ lines: ['{"a":1}', '{"b":2}'], tooLong: [100] });
    }
  });

  it('takes a line of exactly the limit', () => {
    expect(decodeText(`${'x'.repeat(100)}\n`, 100)).toMatchObject({ lines: ['x'.repeat(100)], tooLong: [] });
  });

  it('says nothing more of a line that was too long when the stream ends within it', () => {
    expect(decode([Buffer.from('x'.repeat(101))], 100)).toMatchObject({ lines: [], tooLong: [100] });
  });

  it('shows the beginning of a line that is too long, without a mark and at most 64 KiB of it', () => {
    const text = `\ufeff{"id":1,"a":"${'x'.repeat(200_000)}`;
    for (const slices of [[Buffer.from(text)], chunks(Buffer.from(text), 7), chunks(Buffer.from(text), 50_000)]) {
      const [head = ''] = decode(slices, 100_000).heads;
      expect(head.startsWith('{"id":1,"a":"xxx')).toBe(true);
      expect(head.length).toBe(64 * 1024 - 3);
    }
    const [small = ''] = decode(bytewise(Buffer.from('{"id":1,"a":"xxx')), 10).heads;
    expect(small).toBe('{"id":1,"a"');
  });

  it('holds a line that comes byte by byte in about its own size', () => {
    const decoder = new LineDecoder({ line: () => {}, tooLong: () => {} }, 2 ** 26);
    const byte = Buffer.from('x');
    const count = 2_000_000;
    const before = process.memoryUsage();
    for (let index = 0; index < count; index++) decoder.push(byte.subarray());
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    // A buffer object alone takes about 100 bytes.
    expect(grown).toBeLessThan(count * 30);
    decoder.end();
  });

  it('still strips the mark of a first line that was preceded by nothing but a mark of its own', () => {
    expect(decodeText('\ufeff\n{"a":1}\n').lines).toEqual(['{"a":1}']);
  });

  it('holds nothing of 100 MB without a line end past its limit', () => {
    const chunk = Buffer.alloc(64 * 1024, 0x78);
    const decoded = { lines: [] as string[], tooLong: [] as number[] };
    const decoder = new LineDecoder(
      { line: (line) => decoded.lines.push(line.toString()), tooLong: (limit) => decoded.tooLong.push(limit) },
      1024 * 1024,
    );
    const before = process.memoryUsage().arrayBuffers;
    for (let sent = 0; sent < 100 * 1024 * 1024; sent += chunk.length) decoder.push(Buffer.from(chunk));
    decoder.push(Buffer.from('\n{"a":1}\n'));
    expect(decoded).toEqual({ lines: ['{"a":1}'], tooLong: [1024 * 1024] });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(80 * 1024 * 1024);
  });
});
