import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgressHeartbeat } from '../../src/bridge/progress-heartbeat.ts';
import { intercept } from '../../src/relay/intercept.ts';
import { lost } from '../parts/joined-relay.ts';
import { answer, EventLog, MemoryTransport, messageOf, quietly, request } from '../parts/memory-transport.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function beating() {
  const up = new MemoryTransport();
  const outer = intercept(up, createProgressHeartbeat(10_000));
  const log = new EventLog();
  await outer.start(log);
  const send = (text: string): void => quietly(outer.send(messageOf(text)));
  return { up, outer, log, send };
}

const call = (id: string, token: string): string =>
  `{"id":${id},"method":"tools/call","params":{"name":"x","arguments":{"_meta":{"progressToken":"no"}},"_meta":{"progressToken":${token}}}}`;
const progress = (token: string, value: string): string =>
  `{"method":"notifications/progress","params":{"progress": ${value} ,"progressToken":${token},"total":1.10}}`;
const progressIn = (text: string): number => (JSON.parse(text) as { params: { progress: number } }).params.progress;
const isRising = (values: readonly number[]): boolean =>
  values.every((value, index) => index === 0 || value > values[index - 1]!);

describe('a request that carries a progress token', () => {
  it.each(['9007199254740993', '"t\\u0061"', '1e2'])('is told of every interval, with its token %s', async (token) => {
    const { up, log, send } = await beating();
    send(call('"a"', token));
    vi.advanceTimersByTime(30_000);
    expect(log.messages.map((text) => text.replace(/"progress":[\d.e-]+/, '"progress":N'))).toEqual(
      [10, 20, 30].map(
        (seconds) =>
          `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":N,"message":"still running after ${seconds} s"}}`,
      ),
    );
    expect(log.routes).toEqual(Array(3).fill({ relatedTo: '"a"' }));
    expect(isRising(log.messages.map(progressIn))).toBe(true);
    expect(up.sent).toHaveLength(1);
  });

  it('is left alone as long as the server tells of it', async () => {
    const { up, log, send } = await beating();
    send(call('1', '7'));
    for (const value of ['1', '2', '3']) {
      vi.advanceTimersByTime(9_999);
      up.tell(progress('7', value));
    }
    expect(log.messages).toEqual(['1', '2', '3'].map((value) => progress('7', value)));
    vi.advanceTimersByTime(10_000);
    expect(progressIn(log.messages[3]!)).toBeGreaterThan(3);
    expect(progressIn(log.messages[3]!)).toBeLessThan(3.000_001);
  });

  it('has a progress that increases, whatever the server says and when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constant('beat'), fc.nat(1000), fc.constant(1e300)), { maxLength: 30 }),
        async (steps) => {
          const { up, outer, log, send } = await beating();
          send(call('1', '7'));
          let said = 0;
          let isFirst = true;
          for (const step of steps) {
            if (step === 'beat') vi.advanceTimersByTime(10_000);
            else {
              // Servers begin with 0, and go on with whatever is more.
              said = isFirst ? 0 : Math.max(said + 1, said * 1.5, said + Number(step));
              isFirst = false;
              up.tell(progress('7', String(said)));
            }
          }
          expect(log.messages).toHaveLength(steps.length);
          const values = log.messages.map(progressIn);
          expect(isRising(values), values.join()).toBe(true);
          await outer.close();
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has the server’s own number raised by next to nothing where a beat was ahead of it, and no other byte changed', async () => {
    const { up, log, send } = await beating();
    send(call('1', '7'));
    vi.advanceTimersByTime(10_000);
    up.tell(progress('7', '0'));
    up.tell(progress('7', '0.5'));
    const raised = progressIn(log.messages[1]!);
    expect(log.messages.slice(1)).toEqual([progress('7', String(raised)), progress('7', '0.5')]);
    expect(raised).toBeLessThan(0.000_001);
  });

  it.each(['5', '4', '-1', '1e999', '"x"'])('whose server says 5 and then %s is given that as it is', async (value) => {
    const { up, log, send } = await beating();
    send(call('1', '7'));
    up.tell(progress('7', '5'));
    up.tell(progress('7', value));
    expect(log.messages).toEqual([progress('7', '5'), progress('7', value)]);
  });

  it('is told nothing while the client is behind in reading', async () => {
    const { outer, log, send } = await beating();
    send(call('1', '7'));
    outer.pause();
    vi.advanceTimersByTime(100_000);
    expect(log.messages).toEqual([]);
    outer.resume();
    vi.advanceTimersByTime(10_000);
    expect(log.messages).toHaveLength(1);
  });

  it('does not share it: a second one with the same token is told nothing', async () => {
    const { up, log, send } = await beating();
    send(call('1', '7'));
    send(call('2', '7'));
    vi.advanceTimersByTime(10_000);
    expect(log.routes).toEqual([{ relatedTo: '1' }]);
    up.tell(answer('2'));
    vi.advanceTimersByTime(10_000);
    expect(log.routes.at(-1)).toEqual({ relatedTo: '1' });
  });
});

describe('there are no beats', () => {
  it.each([
    ['without a token', request('1')],
    ['with a token that is none', call('1', 'null')],
    ['with two tokens', call('1', '1,"progressToken":2')],
    ['for a notification', '{"method":"x","params":{"_meta":{"progressToken":1}}}'],
  ])('%s', async (_what, text) => {
    const { send } = await beating();
    send(text);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['the answer', ({ up }: Awaited<ReturnType<typeof beating>>) => void up.tell(answer('100'))],
    ['the cancellation', ({ send }) => send('{"method":"notifications/cancelled","params":{"requestId":1e2}}')],
    ['the close', ({ outer }) => outer.close()],
    ['the loss of the server', ({ up }) => up.events.end(lost)],
  ] satisfies [string, (parts: Awaited<ReturnType<typeof beating>>) => unknown][])('after %s', async (_what, end) => {
    const parts = await beating();
    parts.send(call('1e2', '7'));
    vi.advanceTimersByTime(10_000);
    await end(parts);
    expect(vi.getTimerCount()).toBe(0);
    const told = parts.log.messages.filter((text) => text.includes('progressToken'));
    expect(told).toHaveLength(1);
  });

  it('when the request could not be sent', async () => {
    const { up, send } = await beating();
    up.onSend = () => {
      throw lost;
    };
    expect(() => send(call('1', '7'))).toThrow();
    expect(vi.getTimerCount()).toBe(0);
  });
});
