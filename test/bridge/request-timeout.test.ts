import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRequestTimeout } from '../../src/bridge/request-timeout.ts';
import { intercept } from '../../src/relay/intercept.ts';
import { lost } from '../parts/joined-relay.ts';
import { answer, EventLog, MemoryTransport, messageOf, quietly, request } from '../parts/memory-transport.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function timed() {
  const up = new MemoryTransport();
  const outer = intercept(up, createRequestTimeout(30_000));
  const log = new EventLog();
  await outer.start(log);
  const send = (text: string): void => quietly(outer.send(messageOf(text)));
  return { up, outer, log, send };
}

const TIMEOUT =
  '{"code":-32603,"message":"the MCP server did not answer tools/call within 30 s: the limit is that of --request-timeout, and the call was cancelled","data":{"reason":"request_timeout","hint":"Give it longer with --request-timeout."}}';
const progress = (token: string, value = 1): string =>
  `{"method":"notifications/progress","params":{"progressToken":${token},"progress":${value}}}`;
const withToken = (id: string, token: string): string =>
  `{"id":${id},"method":"tools/call","params":{"name":"x","_meta":{"progressToken":${token}}}}`;

describe('a request that is not answered in time', () => {
  it.each([
    '9007199254740993',
    '"a\\u0062"',
    '1e2',
  ])('is answered with an error and cancelled, both with its id %s', async (id) => {
    const { up, log, send } = await timed();
    send(request(id));
    vi.advanceTimersByTime(29_999);
    expect(log.messages).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(log.messages).toEqual([`{"jsonrpc":"2.0","id":${id},"error":${TIMEOUT}}`]);
    expect(up.sent.slice(1)).toEqual([
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"no answer within 30 s"}}`,
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is told once, whoever sends what afterwards', async () => {
    const { up, log, send } = await timed();
    send(request('1'));
    vi.advanceTimersByTime(30_000);
    up.tell(answer('1'));
    vi.advanceTimersByTime(100_000);
    expect([up.sent.length, log.messages.length]).toEqual([2, 2]);
  });

  it('has its whole time again with each progress of its own', async () => {
    const { up, log, send } = await timed();
    send(withToken('1', '"t\\u0061"'));
    send(withToken('2', '7'));
    for (let round = 0; round < 3; round++) {
      vi.advanceTimersByTime(20_000);
      up.tell(progress('"ta"', round));
      up.tell('{"method":"notifications/progress","params":{}}');
    }
    vi.advanceTimersByTime(29_999);
    expect(log.messages.filter((text) => text.includes('"error"'))).toEqual([
      `{"jsonrpc":"2.0","id":2,"error":${TIMEOUT}}`,
    ]);
    vi.advanceTimersByTime(1);
    expect(log.messages.at(-1)).toBe(`{"jsonrpc":"2.0","id":1,"error":${TIMEOUT}}`);
  });

  it('goes on waiting while the client is behind in reading', async () => {
    const { outer, log, send } = await timed();
    send(request('1'));
    outer.pause();
    vi.advanceTimersByTime(95_000);
    expect(log.messages).toEqual([]);
    outer.resume();
    vi.advanceTimersByTime(30_000);
    expect(log.messages).toHaveLength(1);
  });

  it('with a method of any length is told in a short error', async () => {
    const { log, send } = await timed();
    send(request('1', 'x'.repeat(100_000)));
    vi.advanceTimersByTime(30_000);
    expect(log.messages[0]?.length).toBeLessThan(500);
  });
});

describe('no time is kept', () => {
  it.each([
    ['of initialize', request('1', 'initialize')],
    ['of a notification', '{"method":"x"}'],
    ['of an answer', answer('1')],
  ])('%s', async (_what, text) => {
    const { send } = await timed();
    send(text);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['is answered', ({ up }: Awaited<ReturnType<typeof timed>>) => void up.tell(answer('100'))],
    ['is cancelled', ({ send }) => send('{"method":"notifications/cancelled","params":{"requestId":100}}')],
    ['ends with the connection', ({ outer }) => outer.close()],
    ['ends with the server', ({ up }) => up.events.end(lost)],
  ] satisfies [
    string,
    (parts: Awaited<ReturnType<typeof timed>>) => unknown,
  ][])('of a request that %s', async (_how, end) => {
    const parts = await timed();
    parts.send(withToken('1e2', '1'));
    expect(vi.getTimerCount()).toBe(1);
    await end(parts);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a request that could not be sent', async () => {
    const { up, send } = await timed();
    up.onSend = () => {
      throw lost;
    };
    expect(() => send(request('1'))).toThrow();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of an earlier request with the same id', async () => {
    const { up, log, send } = await timed();
    send(request('1'));
    up.tell(answer('1', '"first"'));
    vi.advanceTimersByTime(20_000);
    send(request('1'));
    vi.advanceTimersByTime(20_000);
    expect(log.messages).toHaveLength(1);
  });
});
