import { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventStream } from '../../src/downstream/event-stream.ts';
import { until, within } from '../parts/deadline.ts';
import { messageOf } from '../parts/memory-transport.ts';
import { type OpenResponse, type ResponseServer, startResponseServer } from '../parts/response-server.ts';

let server: ResponseServer;

beforeEach(async () => {
  server = await startResponseServer();
});
afterEach(() => server.close());

async function open(
  options: { stallTimeoutMs?: number; headers?: string[] } = {},
): Promise<OpenResponse & { stream: EventStream }> {
  const { response, reader } = await server.request();
  return { response, reader, stream: new EventStream(response, { stallTimeoutMs: 10_000, headers: [], ...options }) };
}

const SMALL = messageOf('{"method":"a"}');
const SMALL_EVENT = 'event: message\ndata: {"method":"a"}\n\n';
/** More than the kernel takes for a reader that does not read. */
const BIG = messageOf(`{"method":"${'x'.repeat(20_000_000)}"}`);
const BIG_BYTES = BIG.bytes.length + 'event: message\ndata: \n\n'.length;

/** Sends until the stream says that it is full. */
function fill(stream: EventStream): Promise<void> {
  for (let count = 0; count < 10; count++) {
    const stalled = stream.sendMessage(BIG);
    if (stalled !== undefined) return stalled;
  }
  throw new Error('the stream took everything');
}

describe('an event stream', () => {
  it('is opened by the first thing sent, with headers that keep proxies from buffering it', async () => {
    const { stream, reader } = await open({ headers: ['X-Content-Type-Options', 'nosniff'] });
    expect(stream.isOpened).toBe(false);
    stream.sendMessage(SMALL, '7');
    await reader.bodyIs(`id: 7\n${SMALL_EVENT}`);
    expect([stream.isOpened, reader.status]).toEqual([true, 200]);
    expect(Object.fromEntries(reader.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'transfer-encoding': 'chunked',
    });
  });

  it('can be opened before there is anything to send', async () => {
    const { stream, reader } = await open();
    stream.open();
    stream.open();
    await until('the head', () => reader.status === 200);
    expect(reader.body).toBe('');
  });

  it('brings messages, named events and heartbeats in the order they were sent', async () => {
    const { stream, reader } = await open();
    stream.sendNamed('endpoint', '/m');
    stream.sendMessage(SMALL);
    stream.beat(0);
    stream.sendMessage(SMALL, '1');
    stream.sendNamed('x', 'y');
    stream.end();
    await reader.completed();
    expect(reader.body).toBe(
      `event: endpoint\ndata: /m\n\n${SMALL_EVENT}: ping\n\nid: 1\n${SMALL_EVENT}event: x\ndata: y\n\n`,
    );
  });

  it('ends once, and takes nothing afterwards', async () => {
    const { stream, reader } = await open();
    stream.sendMessage(SMALL);
    stream.end();
    stream.end();
    expect([stream.isClosed, stream.sendMessage(SMALL), stream.sendNamed('x', 'y')]).toEqual([
      true,
      undefined,
      undefined,
    ]);
    stream.beat(0);
    stream.open();
    await reader.completed();
    expect(reader.body).toBe(SMALL_EVENT);
  });

  it('leaves its connection to the next response, and writes nothing into it', async () => {
    const { stream, reader, response } = await open();
    stream.sendMessage(SMALL);
    stream.end();
    await reader.completed();
    const next = new Promise((fulfil) => response.req.socket.once('data', fulfil));
    reader.socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
    await within(2000, 'the next request', next);
    stream.sendMessage(SMALL);
    stream.beat(0);
    expect(reader.body).toBe(SMALL_EVENT);
  });

  it('whose reader has gone is closed, and sending to it does nothing', async () => {
    const { stream, reader, response } = await open();
    stream.open();
    reader.socket.destroy();
    await new Promise((fulfil) => response.once('close', fulfil));
    expect([stream.isClosed, stream.sendMessage(SMALL)]).toEqual([true, undefined]);
  });

  it('goes through middleware that has put itself before the response', async () => {
    const { response, reader } = await server.request();
    const written: string[] = [];
    const write = response.write.bind(response) as (chunk: Buffer) => boolean;
    Object.assign(response, { write: (chunk: Buffer) => written.push(chunk.toString()) > 0 && write(chunk) });
    const stream = new EventStream(response, { stallTimeoutMs: 1000, headers: [] });
    stream.sendMessage(SMALL);
    await reader.bodyIs(SMALL_EVENT);
    expect(written).toEqual([SMALL_EVENT]);
    expect(Object.getPrototypeOf(response)).toBe(ServerResponse.prototype);
  });
});

describe('a heartbeat', () => {
  afterEach(() => void vi.useRealTimers());

  it('is a comment, sent only where nothing else was for a while', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { stream, reader } = await open();
    stream.sendMessage(SMALL);
    vi.advanceTimersByTime(999);
    stream.beat(1000);
    vi.advanceTimersByTime(1);
    stream.beat(1000);
    stream.beat(1000);
    stream.sendMessage(SMALL);
    vi.advanceTimersByTime(1000);
    stream.beat(1000);
    await reader.bodyIs(`${SMALL_EVENT}: ping\n\n${SMALL_EVENT}: ping\n\n`);
  });

  it('opens a stream that has waited long enough', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { stream, reader } = await open();
    stream.beat(1000);
    expect(stream.isOpened).toBe(false);
    vi.advanceTimersByTime(1000);
    stream.beat(1000);
    await reader.bodyIs(': ping\n\n');
  });

  it('is not added to what a slow reader has still to take', async () => {
    const { stream, reader } = await open();
    reader.socket.pause();
    const stalled = fill(stream);
    stream.beat(0);
    reader.socket.resume();
    await within(10_000, 'the drain', stalled);
    stream.end();
    await reader.completed();
    expect(reader.bodyBytes % BIG_BYTES).toBe(0);
  });
});

describe('a reader that is slow', () => {
  it('makes sending wait until everything was taken', async () => {
    const { stream, reader } = await open();
    reader.socket.pause();
    const stalled = fill(stream);
    let isTaken = false;
    stalled.then(() => (isTaken = true));
    for (let turn = 0; turn < 50; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect(isTaken).toBe(false);
    reader.socket.resume();
    await within(10_000, 'the drain', stalled);
    expect(stream.sendMessage(SMALL)).toBeUndefined();
  });

  it('and takes nothing is cut after the stall timeout, and what waited goes on', async () => {
    const { stream, reader, response } = await open({ stallTimeoutMs: 100 });
    reader.socket.pause();
    const started = performance.now();
    await within(5000, 'the cut', fill(stream));
    expect(performance.now() - started).toBeGreaterThanOrEqual(95);
    expect([response.destroyed, stream.isClosed, stream.sendMessage(SMALL)]).toEqual([true, true, undefined]);
  });

  it('and takes nothing is cut although it goes on sending', async () => {
    const { stream, reader, response } = await open({ stallTimeoutMs: 200 });
    reader.socket.pause();
    const stalled = fill(stream);
    const sending = setInterval(() => reader.socket.write('\r\n'), 20);
    await within(5000, 'the cut', stalled).finally(() => clearInterval(sending));
    expect(response.destroyed).toBe(true);
  });

  it('is heard again once it has taken everything', async () => {
    const { stream, reader, response } = await open();
    reader.socket.pause();
    const stalled = fill(stream);
    reader.socket.resume();
    await within(10_000, 'the drain', stalled);
    reader.socket.end();
    await until('the end of what it sends is heard', () => response.destroyed);
  });

  it('is cut too when the stream was ended meanwhile', async () => {
    const { stream, reader, response } = await open({ stallTimeoutMs: 100 });
    reader.socket.pause();
    const stalled = fill(stream);
    stream.end();
    await within(5000, 'the cut', stalled);
    expect(response.socket?.destroyed ?? true).toBe(true);
  });

  it('but goes on taking is not cut, however long it takes', async () => {
    const { stream, reader } = await open({ stallTimeoutMs: 250 });
    reader.socket.pause();
    const started = performance.now();
    const stalled = fill(stream);
    stream.end();
    await within(15_000, 'all of it', reader.readSlowly(5));
    await stalled;
    expect(performance.now() - started).toBeGreaterThan(500);
    expect(reader.isComplete).toBe(true);
  });
});
