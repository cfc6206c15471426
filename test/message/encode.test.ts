import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { encodeEvent, encodeLine, encodeNamedEvent, SSE_COMMENT } from '../../src/message/encode.ts';
import { LineDecoder } from '../../src/message/line-decoder.ts';
import { errorReply, protocolVersionOf, readMessage } from '../../src/message/message.ts';
import { SseDecoder } from '../../src/message/sse-decoder.ts';
import { cutAt, cuts } from '../parts/slices.ts';

const messageOf = (text: string) => readMessage(Buffer.from(text));

describe('a message as a line', () => {
  it('is the same bytes and one line feed', () => {
    const text = '{"jsonrpc":"2.0","id":9007199254740993,"method":"x","params":{"n":1.10,"s":"\u2028\\ud800"}}';
    expect(encodeLine(messageOf(text)).toString()).toBe(`${text}\n`);
  });

  it('has the line ends between its tokens made spaces', () => {
    expect(encodeLine(messageOf('{\r\n  "id": 1,\n"method":\r"x"\n}')).toString()).toBe(
      '{    "id": 1, "method": "x" }\n',
    );
  });

  it('leaves the bytes of the message as they were', () => {
    const message = messageOf('{\n"id":1,\n"method":"x"}');
    encodeLine(message);
    encodeEvent(message);
    expect(message.bytes.toString()).toBe('{\n"id":1,\n"method":"x"}');
  });
});

describe('a message as an event', () => {
  it('is one message event with one line of data', () => {
    expect(encodeEvent(messageOf('{"id":1,\n"method":"x"}')).toString()).toBe(
      'event: message\ndata: {"id":1, "method":"x"}\n\n',
    );
  });

  it('carries its event id, where there is one', () => {
    expect(encodeEvent(messageOf('{}'), '7_1').toString()).toBe('id: 7_1\nevent: message\ndata: {}\n\n');
    expect(encodeEvent(messageOf('{}'), '').toString()).toBe('event: message\ndata: {}\n\n');
  });

  it('of another type has its name', () => {
    expect(encodeNamedEvent('endpoint', '/sse/messages?session=1').toString()).toBe(
      'event: endpoint\ndata: /sse/messages?session=1\n\n',
    );
  });

  it('for a heartbeat is a comment', () => {
    expect(SSE_COMMENT.toString()).toBe(': ping\n\n');
  });
});

it('any JSON comes out of both framings as it went in, however the stream is cut', () => {
  const value = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(fc.tuple(value, fc.constantFrom(0, 1, '\t')), { maxLength: 5 }), cuts, (values, places) => {
      const texts = values.map(([each, indent]) => JSON.stringify(each, undefined, indent));
      const messages = texts.map(messageOf);
      const flat = texts.map((text) => text.replace(/[\r\n]/g, ' '));

      const lines: string[] = [];
      const lineDecoder = new LineDecoder({ line: (line) => lines.push(line.toString()), tooLong: () => {} }, 1e6);
      for (const slice of cutAt(Buffer.concat(messages.map(encodeLine)), places)) lineDecoder.push(slice);
      expect(lines).toEqual(flat);

      const events: string[] = [];
      const sseDecoder = new SseDecoder({ event: ({ data }) => events.push(data.toString()), tooLarge: () => {} }, 1e6);
      for (const slice of cutAt(Buffer.concat(messages.map((each) => encodeEvent(each))), places))
        sseDecoder.push(slice);
      expect(events).toEqual(flat);
    }),
    { numRuns: 300 },
  );
});

describe('an error reply', () => {
  it.each(['9007199254740993', '"1"', '1', '1e2', '"a\\u0062\\"}"'])('has the id %s byte for byte', (id) => {
    const reply = errorReply(id, new DrawbridgeError('upstream_lost', 'the server went away', { why: 'ECONNRESET' }));
    expect(reply.bytes.toString()).toBe(
      `{"jsonrpc":"2.0","id":${id},"error":{"code":-32603,"message":"the server went away: ECONNRESET","data":{"reason":"upstream_lost","hint":"Did the MCP server restart? Its log may say."}}}`,
    );
    expect({ ...readMessage(reply.bytes), failure: reply.failure }).toEqual(reply);
  });

  it('has a null id where none is known', () => {
    const { bytes } = errorReply(undefined, new DrawbridgeError('parse_error', 'the line is not JSON'));
    expect(JSON.parse(bytes.toString())).toMatchObject({
      id: null,
      error: { code: -32700, data: { reason: 'parse_error' } },
    });
  });

  it('is one line, whatever the error says', () => {
    const { bytes } = errorReply('1', new DrawbridgeError('upstream_error', 'a\nb\r\u2028"c"', { why: '\u0000' }));
    expect(bytes.toString()).not.toMatch(/[\n\r\0]/);
    expect((JSON.parse(bytes.toString()) as { error: { message: string } }).error.message).toBe(
      'a\nb\r\u2028"c": \u0000',
    );
  });
});

describe('the protocol version of an initialize result', () => {
  it.each([
    ['{"id":1,"result":{"protocolVersion":"2025-06-18"}}', '2025-06-18'],
    ['{"id":1,"result":{"protocolVersion":"DRAFT-2026.v1"}}', 'DRAFT-2026.v1'],
    ['{"id":1,"result":{"protocolVersion":"a\\r\\nX: y"}}', undefined],
    ['{"id":1,"result":{"protocolVersion":5}}', undefined],
    ['{"id":1,"result":{}}', undefined],
    ['{"id":1,"error":{"code":1}}', undefined],
    ['{"id":1,"result":null}', undefined],
    ['null', undefined],
    ['nope', undefined],
  ])('of %s is %s', (text, version) => {
    expect(protocolVersionOf(messageOf(text))).toBe(version);
  });
});
