import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ReplayBudget } from '../../src/downstream/replay-store.ts';
import { StreamableHttpDownstream } from '../../src/downstream/streamable-http.ts';
import { DrawbridgeError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import type { TransportEvents } from '../../src/relay/transport.ts';
import { until, within } from '../parts/deadline.ts';
import { answer, EventLog, messageOf, rejectionOf, request } from '../parts/memory-transport.ts';
import { type OpenResponse, type ResponseServer, startResponseServer } from '../parts/response-server.ts';

let server: ResponseServer;

beforeEach(async () => {
  server = await startResponseServer();
});
afterEach(() => server.close());

const NOTE = '{"jsonrpc":"2.0","method":"notifications/message"}';
const eventOf = (text: string, id: string): string => `id: ${id}\nevent: message\ndata: ${text}\n\n`;

async function start(
  options: { events?: Partial<TransportEvents>; stallTimeoutMs?: number } = {},
): Promise<{ http: StreamableHttpDownstream; log: EventLog }> {
  const { events, stallTimeoutMs = 10_000 } = options;
  const http = new StreamableHttpDownstream({
    sessionId: 's1',
    stallTimeoutMs,
    logger: silentLogger,
    replayBudget: new ReplayBudget(),
  });
  const log = new EventLog();
  await http.start({ message: (message) => log.message(message), error: () => {}, end: () => {}, ...events });
  return { http, log };
}

async function post(http: StreamableHttpDownstream, id: string): Promise<OpenResponse> {
  const open = await server.request();
  await http.receiveRequest(messageOf(request(id)), open.response, ['X-A', 'b']);
  return open;
}

async function listen(http: StreamableHttpDownstream): Promise<OpenResponse> {
  const open = await server.request();
  http.listen(open.response, ['X-A', 'b']);
  await until('the head', () => open.reader.status === 200);
  return open;
}

describe('an answer', () => {
  it('that comes alone is JSON, byte for byte', async () => {
    const { http, log } = await start();
    const { reader } = await post(http, '9007199254740993');
    expect(log.messages).toEqual([request('9007199254740993')]);
    http.send(messageOf('{\n"id":9007199254740993,"result":1.10}'));
    await reader.completed();
    expect([reader.status, reader.body]).toEqual([200, '{\n"id":9007199254740993,"result":1.10}']);
    expect(Object.fromEntries(reader.headers)).toMatchObject({
      'content-type': 'application/json',
      'content-length': '38',
      'mcp-session-id': 's1',
      'x-a': 'b',
    });
  });

  it('after other messages ends the event stream that they opened', async () => {
    const { http } = await start();
    const { reader } = await post(http, '1');
    http.send(messageOf(NOTE), { relatedTo: '1', eventId: '7' });
    await reader.bodyIs(eventOf(NOTE, '1-1'));
    expect(Object.fromEntries(reader.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'mcp-session-id': 's1',
    });
    http.send(messageOf(answer('1')), { relatedTo: '1', eventId: '8' });
    await reader.completed();
    expect(reader.body).toBe(eventOf(NOTE, '1-1') + eventOf(answer('1'), '1-2'));
  });

  it('that its server lets clients come back for is an event even when it comes alone, under an id of ours', async () => {
    const { http } = await start();
    const { reader } = await post(http, '1');
    http.send(messageOf(answer('1')), { relatedTo: '1', eventId: '8' });
    expect((await reader.completed()).body).toBe(eventOf(answer('1'), '1-1'));
  });

  it('goes to its own request, however it is spelled', async () => {
    const { http } = await start();
    const opens = [await post(http, '1e2'), await post(http, '"100"'), await post(http, '"\\u0061"')];
    for (const id of ['"a"', '100', '"100"']) http.send(messageOf(answer(id)));
    for (const { reader } of opens) await reader.completed();
    expect(opens.map(({ reader }) => reader.body)).toEqual([answer('100'), answer('"100"'), answer('"a"')]);
  });

  it('to nothing that is open goes nowhere', async () => {
    const { http } = await start();
    const [{ reader }, get] = [await post(http, '1'), await listen(http)];
    http.send(messageOf(answer('2')));
    http.send(messageOf(answer('1')));
    http.send(messageOf(answer('1', '"again"')));
    await reader.completed();
    expect([reader.body, get.reader.body]).toEqual([answer('1'), '']);
  });

  it('after the client has closed its request goes nowhere, and the id is free again', async () => {
    const { http } = await start();
    const { reader, response } = await post(http, '1');
    expect(http.isInUse).toBe(true);
    const closed = new Promise((fulfil) => response.once('close', fulfil));
    reader.socket.destroy();
    await closed;
    expect(http.isInUse).toBe(false);
    expect(http.send(messageOf(answer('1')))).toBeUndefined();
    const again = await post(http, '1');
    http.send(messageOf(answer('1')));
    expect((await again.reader.completed()).body).toBe(answer('1'));
  });
});

describe('a request', () => {
  it('that cannot be passed on rejects with nothing written, and is forgotten', async () => {
    const error = new DrawbridgeError('too_many_pending', 'too many');
    const { http } = await start({
      events: {
        message: () => {
          throw error;
        },
      },
    });
    const { response } = await server.request();
    expect(await rejectionOf(http.receiveRequest(messageOf(request('1')), response, []))).toBe(error);
    expect([response.headersSent, http.isInUse]).toEqual([false, false]);
  });

  it('whose id is open does not take the place of the one that has it', async () => {
    const error = new DrawbridgeError('duplicate_id', 'open');
    let isFirst = true;
    const message = (): void => {
      if (!isFirst) throw error;
      isFirst = false;
    };
    const { http } = await start({ events: { message } });
    const { reader } = await post(http, '1');
    const second = await server.request();
    expect(await rejectionOf(http.receiveRequest(messageOf(request('1')), second.response, []))).toBe(error);
    http.send(messageOf(answer('1')));
    expect((await reader.completed()).body).toBe(answer('1'));
  });

  it('to a session that has ended rejects, and does not hang', async () => {
    const { http } = await start();
    await http.close();
    const { response } = await server.request();
    expect(await rejectionOf(http.receiveRequest(messageOf(request('1')), response, []))).toMatchObject({
      code: 'session_unknown',
    });
    expect(await rejectionOf((async () => http.receive(messageOf(NOTE)))())).toMatchObject({ code: 'session_unknown' });
    expect(() => http.listen(response, [])).toThrow(expect.objectContaining({ code: 'session_unknown' }));
    expect([http.isInUse, response.headersSent]).toEqual([false, false]);
  });
});

describe('the stream of the server’s own messages', () => {
  it('brings what is related to no open request', async () => {
    const { http } = await start();
    const get = await listen(http);
    expect(Object.fromEntries(get.reader.headers)).toMatchObject({ 'mcp-session-id': 's1', 'x-a': 'b' });
    http.send(messageOf(NOTE));
    http.send(messageOf(request('1', 'roots/list')), { relatedTo: '99', eventId: '3' });
    await get.reader.bodyIs(eventOf(NOTE, '0-1') + eventOf(request('1', 'roots/list'), '0-2'));
  });

  it('brings first what came before it was opened, of which the oldest give way', async () => {
    const { http } = await start();
    for (let count = 1; count <= 258; count++) http.send(messageOf(`{"method":"${count}"}`));
    const { reader } = await listen(http);
    const expected = Array.from({ length: 256 }, (_, index) =>
      eventOf(`{"method":"${index + 3}"}`, `0-${index + 3}`),
    ).join('');
    await reader.bodyIs(expected);
  });

  it('is replaced by a newer one', async () => {
    const { http } = await start();
    const [first, second] = [await listen(http), await listen(http)];
    await first.reader.completed();
    http.send(messageOf(NOTE));
    await second.reader.bodyIs(eventOf(NOTE, '0-1'));
    expect(first.reader.body).toBe('');
  });

  it('that the client closed lets messages wait for the next', async () => {
    const { http } = await start();
    const first = await listen(http);
    const closed = new Promise((fulfil) => first.response.once('close', fulfil));
    first.reader.socket.destroy();
    await closed;
    expect(http.isInUse).toBe(false);
    http.send(messageOf(NOTE));
    await (await listen(http)).reader.bodyIs(eventOf(NOTE, '0-1'));
  });
});

describe('a heartbeat', () => {
  afterEach(() => void vi.useRealTimers());

  it('keeps the listening stream alive, and gives a request that takes long its head', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { http } = await start();
    const [slow, get] = [await post(http, '1'), await listen(http)];
    http.beat(1000);
    expect(slow.response.headersSent).toBe(false);
    vi.advanceTimersByTime(1000);
    const quick = await post(http, '2');
    http.beat(1000);
    await get.reader.bodyIs(': ping\n\n');
    await slow.reader.bodyIs(': ping\n\n');
    expect(quick.response.headersSent).toBe(false);
    http.send(messageOf(answer('1')));
    await slow.reader.completed();
    expect(slow.reader.body).toBe(`: ping\n\n${eventOf(answer('1'), '1-1')}`);
  });
});

describe('a reader that takes nothing', () => {
  const big = (id: string): string => answer(id, `"${'x'.repeat(30_000_000)}"`);

  it.each([
    ['of JSON', false],
    ['of an event stream', true],
  ])('%s makes sending wait, and is cut after the stall timeout', async (_of, isStream) => {
    const { http } = await start({ stallTimeoutMs: 100 });
    const { reader, response } = await post(http, '1');
    reader.socket.pause();
    if (isStream) http.send(messageOf(NOTE), { relatedTo: '1' });
    const sent = http.send(messageOf(big('1')));
    expect(sent).toBeInstanceOf(Promise);
    await within(5000, 'the cut', Promise.resolve(sent));
    expect([response.destroyed, reader.isComplete]).toEqual([true, false]);
  });

  it('does not hold up its neighbours', async () => {
    const { http } = await start();
    const [slow, quick] = [await post(http, '1'), await post(http, '2')];
    slow.reader.socket.pause();
    http.send(messageOf(big('1')));
    expect(http.send(messageOf(answer('2')))).toBeUndefined();
    expect((await quick.reader.completed()).body).toBe(answer('2'));
  });

  it('but reads on later gets everything', async () => {
    const { http } = await start();
    const { reader } = await post(http, '1');
    reader.socket.pause();
    const sent = http.send(messageOf(big('1')));
    reader.socket.resume();
    await within(10_000, 'the end', Promise.resolve(sent));
    await reader.completed();
    expect(reader.bodyBytes).toBe(big('1').length);
  });
});

describe('closing', () => {
  it('ends streams in order, cuts requests that have no head yet, and passes nothing on afterwards', async () => {
    const { http } = await start();
    const [bare, opened, get] = [await post(http, '1'), await post(http, '2'), await listen(http)];
    http.send(messageOf(NOTE), { relatedTo: '2' });
    await http.close();
    await http.close();
    await opened.reader.completed();
    await get.reader.completed();
    await until('the cut', () => bare.reader.isClosed);
    expect([bare.reader.isComplete, opened.reader.body, http.isInUse]).toEqual([false, eventOf(NOTE, '1-1'), false]);
  });
});
