import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrawbridgeError, toDrawbridgeError } from '../../../src/errors.ts';
import { HttpResponseReader } from '../../../src/upstream/http/http-response-reader.ts';
import { bytewise, chunks, cutAt, cuts } from '../../parts/slices.ts';

interface ReadResponse {
  readonly statuses: number[];
  readonly headers: Record<string, string>[];
  readonly body: string;
  /** For each response that was complete, whether its connection may be used again. */
  readonly ends: boolean[];
  readonly error: DrawbridgeError | undefined;
  readonly reader: HttpResponseReader;
}

function read(slices: readonly (Buffer | string)[]): ReadResponse {
  const statuses: number[] = [];
  const headers: Record<string, string>[] = [];
  const ends: boolean[] = [];
  let body = '';
  let error: DrawbridgeError | undefined;
  const reader = new HttpResponseReader({
    head: (head) => {
      statuses.push(head.status);
      headers.push(Object.fromEntries(head.headers));
    },
    data: (chunk) => (body += chunk.toString()),
    end: (isReusable) => ends.push(isReusable),
  });
  try {
    for (const slice of slices) reader.push(Buffer.from(slice));
  } catch (thrown) {
    error = toDrawbridgeError(thrown);
  }
  return { statuses, headers, body, ends, error, reader };
}

/** However the bytes are cut, they must mean the same. */
function readAll(text: string): ReadResponse[] {
  const bytes = Buffer.from(text, 'latin1');
  return [read([bytes]), read(bytewise(bytes)), read(chunks(bytes, 7))];
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

describe('a response', () => {
  it.each([
    ['with a length', `${OK}Content-Length: 5\r\n\r\nhello`, 'hello', true],
    ['with the same length twice', `${OK}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, 'hello', true],
    ['with a length of 0', `${OK}content-length:0\r\n\r\n`, '', true],
    ['without a body by its status', 'HTTP/1.1 204 No Content\r\n\r\n', '', true],
    ['without a reason', 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx', 'x', true],
    ['in chunks', `${CHUNKED}5\r\nhello\r\nA\r\n, 10 bytes\r\n0\r\n\r\n`, 'hello, 10 bytes', true],
    [
      'in chunks with extensions and trailers',
      `${CHUNKED}5;a="b"\r\nhello\r\n0000\r\nX-A: b\r\nX-C: d\r\n\r\n`,
      'hello',
      true,
    ],
    ['that says close', `${OK}Connection: Keep-Alive, Close\r\nContent-Length: 1\r\n\r\nx`, 'x', false],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', 'x', false],
    [
      'after 100 and 103',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
      'x',
      true,
    ],
  ])('%s is read, byte by byte too', (_what, text, body, isReusable) => {
    for (const result of readAll(text)) {
      expect(result.error).toBeUndefined();
      expect([result.body, result.ends, result.statuses.length]).toEqual([body, [isReusable], 1]);
      expect(result.reader.isMidway).toBe(false);
    }
  });

  it('has the same body however it was put into chunks, and however the stream was cut', () => {
    const piece = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    const body = fc.record({ pieces: fc.array(piece, { maxLength: 8 }), isChunked: fc.boolean() });
    const encode = ({ pieces, isChunked }: { pieces: Buffer[]; isChunked: boolean }): Buffer => {
      const all = Buffer.concat(pieces);
      if (!isChunked) return Buffer.concat([Buffer.from(`${OK}Content-Length: ${all.length}\r\n\r\n`), all]);
      const parts = pieces.flatMap((each) => [
        Buffer.from(`${each.length.toString(16)}\r\n`),
        each,
        Buffer.from('\r\n'),
      ]);
      return Buffer.concat([Buffer.from(CHUNKED), ...parts, Buffer.from('0\r\n\r\n')]);
    };
    fc.assert(
      fc.property(body, cuts, (sent, places) => {
        const got: Buffer[] = [];
        let ends = 0;
        const reader = new HttpResponseReader({
          head: () => {},
          data: (chunk) => got.push(Buffer.from(chunk)),
          end: () => ends++,
        });
        for (const slice of cutAt(encode(sent), places)) reader.push(slice);
        expect(Buffer.concat(got).equals(Buffer.concat(sent.pieces))).toBe(true);
        expect([ends, reader.isMidway]).toEqual([1, false]);
      }),
      { numRuns: 500 },
    );
  });

  it('without a length lasts until the connection is closed', () => {
    const { reader, body, ends } = read([`${OK}\r\nhel`, 'lo']);
    expect([body, ends, reader.isMidway]).toEqual(['hello', [], true]);
    expect(reader.close()).toBe(true);
    expect(ends).toEqual([false]);
    expect(reader.close()).toBe(false);
  });

  it.each([
    ['nothing came', ''],
    ['the head is not complete', `${OK}Content-`],
    ['a counted body is not complete', `${OK}Content-Length: 5\r\n\r\nhell`],
    ['the last chunk is missing', `${CHUNKED}5\r\nhello\r\n`],
    ['the trailers are not complete', `${CHUNKED}0\r\nX-A: b\r\n`],
  ])('is not complete when the connection is closed and %s', (_what, text) => {
    const { reader, ends } = read([text]);
    expect(reader.isMidway).toBe(text !== '');
    expect(reader.close()).toBe(false);
    expect(ends).toEqual([]);
  });

  it('has its headers by lower-case name, repeated ones joined', () => {
    const { headers } = read([`${OK}X-A:  b \r\nx-a:\tc\r\nSet-Cookie: \r\nContent-Length: 0\r\n\r\n`]);
    expect(headers).toEqual([{ 'x-a': 'b, c', 'set-cookie': '', 'content-length': '0' }]);
  });

  it('may follow another on one connection', () => {
    const { reader, body, ends } = read([`${OK}Content-Length: 1\r\n\r\na`]);
    expect([body, ends]).toEqual(['a', [true]]);
    reader.reset();
    reader.push(Buffer.from(`${CHUNKED}1\r\nb\r\n0\r\n\r\n`));
    expect(ends).toEqual([true, true]);
  });
});

describe('a response is refused', () => {
  it.each([
    [
      'both a length and chunks',
      `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
      'it gave both a length and a transfer coding',
    ],
    [
      'both, the other way round',
      `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
      'it gave both a length and a transfer coding',
    ],
    ['two lengths', `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, 'it gave two different lengths'],
    ['a list of lengths', `${OK}Content-Length: 5, 5\r\n\r\n`, 'it gave a malformed Content-Length'],
    ['a signed length', `${OK}Content-Length: +5\r\n\r\n`, 'it gave a malformed Content-Length'],
    ['a hexadecimal length', `${OK}Content-Length: 0x5\r\n\r\n`, 'it gave a malformed Content-Length'],
    ['a length of 25 digits', `${OK}Content-Length: ${'9'.repeat(25)}\r\n\r\n`, 'it gave a malformed Content-Length'],
    ['an empty length', `${OK}Content-Length: \r\n\r\n`, 'it gave a malformed Content-Length'],
    ['a coding beside chunked', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'it used an unknown transfer coding'],
    [
      'chunked twice',
      `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
      'it used an unknown transfer coding',
    ],
    ['compression', `${OK}Content-Encoding: gzip\r\n\r\n`, 'it compressed its response, which was not asked for'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'it switched protocols'],
    ['a chunk size that is none', `${CHUNKED}xyz\r\n`, 'it gave a malformed chunk size'],
    ['an empty chunk size', `${CHUNKED}\r\n`, 'it gave a malformed chunk size'],
    ['a negative chunk size', `${CHUNKED}-1\r\n`, 'it gave a malformed chunk size'],
    ['a chunk size of 17 digits', `${CHUNKED}FFFFFFFFFFFFFFFFF\r\n`, 'it gave a malformed chunk size'],
    ['a bare line feed after a chunk size', `${CHUNKED}5\nhello`, 'a line of its chunked body ends wrongly'],
    ['a chunk that is longer than it said', `${CHUNKED}4\r\nhello\r\n`, 'a chunk is longer than it said'],
    ['a bare line feed after a chunk', `${CHUNKED}5\r\nhello\n`, 'a line of its chunked body ends wrongly'],
    ['a chunk extension of 20 kB', `${CHUNKED}5;${'x'.repeat(20_000)}\r\n`, 'a line of its chunked body is too long'],
    [
      'a bare line feed in a header',
      `${OK}X-A: b\nContent-Length: 5\r\n\r\n`,
      'its response head has a bare line feed',
    ],
    ['a bare line feed at the end of a header', `${OK}X-A: b\n\r\n\r\n`, 'its response head has a bare line feed'],
    ['a bare carriage return', `${OK}X-A: b\rX-C: d\r\n\r\n`, 'its response has a malformed header'],
    ['a bare carriage return at the end of a header', `${OK}X-A: b\r\r\n\r\n`, 'its response has a malformed header'],
    ['NUL in a header', `${OK}X-A: b\0\r\n\r\n`, 'its response has a malformed header'],
    ['a folded header', `${OK}X-A: b\r\n c\r\n\r\n`, 'its response has a malformed header'],
    ['a space before the colon', `${OK}Content-Length : 5\r\n\r\n`, 'its response has a malformed header'],
    ['a header without a colon', `${OK}nonsense\r\n\r\n`, 'its response has a malformed header'],
    ['a header without a name', `${OK}: b\r\n\r\n`, 'its response has a malformed header'],
    ['300 headers', `${OK}${'X-A: b\r\n'.repeat(300)}\r\n`, 'its response has too many headers'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 'it does not speak HTTP/1.1'],
    ['a line feed in the status line', 'HTTP/1.1 200 O\nK\r\n\r\n', 'its response head has a bare line feed'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'it does not speak HTTP/1.1'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'it does not speak HTTP/1.1'],
    ['a status past 599', 'HTTP/1.1 600 OK\r\n\r\n', 'it does not speak HTTP/1.1'],
  ])('with %s, however it is cut', (_what, text, why) => {
    for (const { error, ends } of readAll(text)) {
      expect(error).toMatchObject({
        code: 'upstream_invalid',
        message: 'the MCP server sent a response that is not HTTP as it should be',
        why,
      });
      expect(ends).toEqual([]);
    }
  });

  it('with a head of line feeds alone, without waiting for an end that will not come', () => {
    for (const { error } of readAll('HTTP/1.1 200 OK\nContent-Length: 5\n\nhello')) {
      expect(error).toMatchObject({ code: 'upstream_invalid', why: 'its response head has a bare line feed' });
    }
  });

  it('that is the greeting of another protocol, without waiting for more', () => {
    for (const { error } of readAll('SSH-2.0-OpenSSH_9.6\r\n')) {
      expect(error).toMatchObject({ code: 'upstream_invalid', why: 'it does not speak HTTP/1.1' });
    }
  });

  it('with a head of 65 kB, before it has an end', () => {
    const text = `${OK}X-A: ${'b'.repeat(65 * 1024)}`;
    for (const slices of [[text], chunks(Buffer.from(text), 1000), [`${text}\r\n\r\n`]]) {
      expect(read(slices).error).toMatchObject({ code: 'upstream_invalid', why: 'its response head is too large' });
    }
  });

  it('when bytes follow its end, after the response itself was told', () => {
    for (const head of [`${OK}Content-Length: 5\r\n\r\nhello`, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`]) {
      for (const result of readAll(`${head}HTTP/1.1 200 OK\r\n\r\n`)) {
        expect([result.body, result.ends]).toEqual(['hello', [true]]);
        expect(result.error).toMatchObject({
          code: 'upstream_invalid',
          why: 'it sent bytes after the end of its response',
        });
      }
    }
  });

  it('when a status that has no body brings one', () => {
    expect(read(['HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello']).error?.code).toBe('upstream_invalid');
  });
});
