import { afterEach, describe, expect, it, vi } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { methodsAfter } from '../../../src/gateway/sessions/method-revisions.ts';
import { keepSessionOrder } from '../../../src/gateway/sessions/session-order.ts';
import type { Transport } from '../../../src/relay/transport.ts';
import { lost, turn } from '../../parts/joined-relay.ts';
import {
  answer,
  EventLog,
  MemoryTransport,
  messageOf,
  rejectionOf,
  request,
  settleable,
} from '../../parts/memory-transport.ts';

const INITIALIZE = request('0', 'initialize');
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const welcome = (version: string): string => answer('0', `{"protocolVersion":"${version}"}`);

interface Session {
  readonly server: MemoryTransport;
  readonly log: EventLog;
  readonly transport: Transport;
  send(text: string): void | Promise<void>;
  /** The answers that the client has, as id and error code; `result` where there is no error. */
  answers(): (readonly [id: unknown, outcome: unknown])[];
}

async function open(): Promise<Session> {
  const server = new MemoryTransport();
  const transport = keepSessionOrder(server);
  const log = new EventLog();
  await transport.start(log);
  return {
    server,
    log,
    transport,
    send: (text) => transport.send(messageOf(text)),
    answers: () =>
      log.messages.map((text) => {
        const { id, error } = JSON.parse(text);
        return [id, error === undefined ? 'result' : (error.data?.reason ?? error.code)] as const;
      }),
  };
}

async function openInitialized(version = '2025-11-25'): Promise<Session> {
  const session = await open();
  await session.send(INITIALIZE);
  session.server.tell(welcome(version));
  await session.send(INITIALIZED);
  session.log.messages.length = 0;
  return session;
}

afterEach(() => void vi.useRealTimers());

describe('before initialize', () => {
  it('requests are answered with an error, ping as the server would, and nothing goes on', async () => {
    const { send, server, answers } = await open();
    send(request('1', 'tools/list'));
    send(request('2', 'vendor/method'));
    send(request('3', 'ping'));
    send(INITIALIZED);
    send('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}');
    expect(server.sent).toEqual([]);
    expect(answers()).toEqual([
      [1, 'invalid_request'],
      [2, 'invalid_request'],
      [3, 'result'],
    ]);
    send(INITIALIZE);
    expect(server.sent).toEqual([INITIALIZE]);
  });

  it('a probe for a revision without sessions is told that there is no such method, id byte for byte', async () => {
    const { send, server, log } = await open();
    send(request('9007199254740993', 'server/discover'));
    expect(server.sent).toEqual([]);
    expect(log.messages[0]).toContain('"id":9007199254740993,"error":{"code":-32601,');
  });
});

describe('while the handshake is under way', () => {
  it('what was sent at once waits for notifications/initialized to be taken, then goes on in order', async () => {
    const { send, server, log } = await open();
    const taken = settleable();
    server.onSend = (text) => (text === INITIALIZED ? taken.promise : undefined);
    for (const text of [INITIALIZE, INITIALIZED, request('1'), '{"method":"a"}', request('2')]) send(text);
    expect(server.sent).toEqual([INITIALIZE]);
    server.tell(welcome('2025-11-25'));
    send(request('3'));
    await turn();
    expect(server.sent).toEqual([INITIALIZE, INITIALIZED]);
    expect(log.messages).toEqual([welcome('2025-11-25')]);
    taken.fulfil();
    await turn();
    send(request('4'));
    expect(server.sent.slice(2)).toEqual([request('1'), '{"method":"a"}', request('2'), request('3'), request('4')]);
  });

  it.each([
    ['before the answer to initialize', [INITIALIZE, request('1')], []],
    ['after it', [INITIALIZE], [request('1')]],
  ])('a request sent %s says that the client is ready; its own word later goes nowhere', async (_when, early, late) => {
    const { send, server } = await open();
    for (const text of early) send(text);
    server.tell(welcome('2024-11-05'));
    for (const text of late) send(text);
    await turn();
    expect(server.sent).toEqual([INITIALIZE, INITIALIZED, request('1')]);
    send(INITIALIZED);
    await turn();
    expect(server.sent).toHaveLength(3);
  });

  it('a notification alone does not say so', async () => {
    const { send, server } = await open();
    for (const text of [INITIALIZE, '{"method":"a"}']) send(text);
    server.tell(welcome('2025-11-25'));
    await turn();
    expect(server.sent).toEqual([INITIALIZE]);
    await send(INITIALIZED);
    expect(server.sent).toEqual([INITIALIZE, INITIALIZED, '{"method":"a"}']);
  });

  it('pings are answered and answers to the server pass', async () => {
    const { send, server, answers } = await open();
    send(INITIALIZE);
    send(request('"p"', 'ping'));
    send(answer('7'));
    expect([server.sent, answers()]).toEqual([[INITIALIZE, answer('7')], [['p', 'result']]]);
  });

  it.each([
    ['an error', '{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no"}}'],
    ['an error without an id', '{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"no"}}'],
  ])('%s in answer to initialize fails what waits, and initialize may be sent again', async (_what, refusal) => {
    const { send, server, log, answers } = await open();
    for (const text of [INITIALIZE, INITIALIZED, request('1')]) send(text);
    server.tell(refusal);
    expect(log.messages[0]).toBe(refusal);
    expect(answers()[1]).toEqual([1, 'invalid_request']);
    for (const text of [INITIALIZE, INITIALIZED]) send(text);
    server.tell(welcome('2025-11-25'));
    await turn();
    expect(server.sent).toEqual([INITIALIZE, INITIALIZE, INITIALIZED]);
  });

  it('an initialize that cannot be sent is told to its sender, and fails what waits', async () => {
    const { send, server, answers } = await open();
    const sending = settleable();
    server.onSend = () => sending.promise;
    const sent = send(INITIALIZE);
    send(request('1'));
    sending.reject(lost);
    expect(await rejectionOf(sent)).toBe(lost);
    expect(answers()).toEqual([[1, 'upstream_lost']]);
    server.onSend = () => {
      throw lost;
    };
    expect(() => send(INITIALIZE)).toThrow(lost);
  });

  it('a notifications/initialized that is not taken fails what waits; the next request tries again', async () => {
    const { send, server, answers } = await open();
    send(INITIALIZE);
    server.tell(welcome('2025-11-25'));
    server.onSend = () => Promise.reject(lost);
    const sent = send(INITIALIZED);
    send(request('1'));
    expect(await rejectionOf(sent)).toBe(lost);
    expect(answers()[1]).toEqual([1, 'upstream_lost']);
    server.onSend = () => {};
    send(request('2'));
    await turn();
    expect(server.sent.slice(-2)).toEqual([INITIALIZED, request('2')]);
  });

  it('a notifications/initialized that the server refuses is told to its sender, and what waits goes on', async () => {
    const { send, server } = await open();
    const refusal = new DrawbridgeError('upstream_error', 'no', { upstreamStatus: 405 });
    send(INITIALIZE);
    server.tell(welcome('2025-11-25'));
    server.onSend = (text) => (text === INITIALIZED ? Promise.reject(refusal) : undefined);
    const sent = send(INITIALIZED);
    send(request('1'));
    expect(await rejectionOf(sent)).toBe(refusal);
    expect(server.sent.at(-1)).toBe(request('1'));
  });

  it('what has waited and cannot be sent then is answered', async () => {
    const { send, server, answers } = await open();
    for (const text of [INITIALIZE, request('1'), request('2')]) send(text);
    server.onSend = (text) => {
      if (text === request('1')) throw new DrawbridgeError('upstream_error', 'no');
      if (text === request('2')) return Promise.reject(lost);
    };
    server.tell(welcome('2025-11-25'));
    await turn();
    expect(answers().slice(1).sort()).toEqual([
      [1, 'upstream_error'],
      [2, 'upstream_lost'],
    ]);
  });
});

describe('what waits is bounded', () => {
  it('in number and in bytes', async () => {
    const { send, answers } = await open();
    send(INITIALIZE);
    for (let id = 1; id <= 65; id++) send(request(String(id)));
    expect(answers()).toEqual([[65, 'too_many_pending']]);
    const other = await open();
    other.send(INITIALIZE);
    other.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"x":"${'x'.repeat(4 * 1024 * 1024)}"}}`);
    expect(other.answers()).toEqual([[1, 'too_many_pending']]);
  });

  it('in time: a minute', async () => {
    vi.useFakeTimers();
    const { send, server, answers } = await open();
    for (const text of [INITIALIZE, INITIALIZED, request('1')]) send(text);
    vi.advanceTimersByTime(59_999);
    expect(answers()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(answers()).toEqual([[1, 'upstream_timeout']]);
    server.tell(welcome('2025-11-25'));
    await vi.advanceTimersByTimeAsync(0);
    expect(server.sent).toEqual([INITIALIZE, INITIALIZED]);
  });

  it.each([
    ['closed', ({ transport }: Session) => transport.close()],
    ['ended by the server', ({ server }: Session) => server.events.end(lost)],
  ])('by the connection: when that is %s, nothing is answered here any more', async (_how, end) => {
    vi.useFakeTimers();
    const session = await open();
    for (const text of [INITIALIZE, request('1')]) session.send(text);
    await end(session);
    vi.advanceTimersByTime(60_000);
    expect([session.answers(), vi.getTimerCount()]).toEqual([[], 0]);
  });
});

describe('once the session is open', () => {
  it('everything passes as it is, methods of vendors too, and failures are told', async () => {
    const { send, server, log, transport } = await openInitialized();
    const texts = [request('1'), request('2', 'vendor/method'), request('3', 'ping'), answer('4'), '{"method":"a"}'];
    for (const text of texts) send(text);
    expect(server.sent.slice(2)).toEqual(texts);
    server.tell(answer('0'));
    server.events.error(lost);
    expect([log.messages, log.errors]).toEqual([[answer('0')], [lost]]);
    server.onSend = () => Promise.reject(lost);
    expect(await rejectionOf(send(request('5')))).toBe(lost);
    transport.pause();
    transport.resume();
    expect(server.calls).toEqual(['start', 'pause', 'resume']);
    server.heardAt = 7;
    expect(transport.heardAt).toBe(7);
  });

  it('a second initialize is refused', async () => {
    const { send, server, answers } = await openInitialized();
    send(request('1', 'initialize'));
    expect([server.sent.length, answers()]).toEqual([2, [[1, 'invalid_request']]]);
  });

  it.each([
    ['2024-11-05', 'tasks/list', 'method_not_found'],
    ['2025-06-18', 'tasks/get', 'method_not_found'],
    ['2025-11-25', 'tasks/get', undefined],
    ['2025-11-25', 'tasks/update', 'method_not_found'],
    ['2025-11-25', 'server/discover', 'method_not_found'],
    ['2025-11-25', 'subscriptions/listen', 'method_not_found'],
    ['2024-11-05', 'completion/complete', undefined],
    ['x', 'server/discover', undefined],
    ['', 'server/discover', 'method_not_found'],
  ])('on %s, %s is answered here with %s', async (version, method, reason) => {
    const { send, server, answers } = await openInitialized(version);
    send(request('1', method));
    expect(answers()).toEqual(reason === undefined ? [] : [[1, reason]]);
    expect(server.sent).toHaveLength(reason === undefined ? 3 : 2);
  });
});

it('the methods of each revision are those of its schema', () => {
  expect(methodsAfter('2025-11-25')).toEqual(['server/discover', 'subscriptions/listen', 'tasks/update']);
  expect(methodsAfter('2024-11-05')).toHaveLength(7);
  expect(methodsAfter('2026-07-28')).toEqual([]);
});
