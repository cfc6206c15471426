import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { StdioDownstream } from '../../src/downstream/stdio.ts';
import { DrawbridgeError } from '../../src/errors.ts';
import type { TransportEvents } from '../../src/relay/transport.ts';
import { until, within } from '../parts/deadline.ts';
import { answer, EventLog, messageOf, request, settleable } from '../parts/memory-transport.ts';
import { bytewise, cutAt } from '../parts/slices.ts';

/** An output whose reader takes a chunk only when the test says so. */
class Output extends Writable {
  readonly taken: string[] = [];
  isReading = true;
  #waiting: (() => void)[] = [];

  constructor(highWaterMark = 16 * 1024) {
    super({ highWaterMark });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const take = (): void => {
      this.taken.push(chunk.toString());
      done();
    };
    if (this.isReading) take();
    else this.#waiting.push(take);
  }

  read(): void {
    this.isReading = true;
    for (const take of this.#waiting.splice(0)) take();
  }

  get text(): string {
    return this.taken.join('');
  }
}

interface Started {
  readonly input: PassThrough;
  readonly output: Output;
  readonly log: EventLog;
  readonly stdio: StdioDownstream;
  readonly inputEnds: () => number;
}

async function start(
  options: { maxLineBytes?: number; events?: TransportEvents; highWaterMark?: number } = {},
): Promise<Started> {
  const { events, highWaterMark, ...rest } = options;
  const input = new PassThrough();
  const output = new Output(highWaterMark);
  const log = new EventLog();
  let inputEnds = 0;
  const stdio = new StdioDownstream({ input, output, ...rest, onInputEnd: () => inputEnds++ });
  await stdio.start(events ?? log);
  return { input, output, log, stdio, inputEnds: () => inputEnds };
}

/** Id, code and reason of each reply on the output. */
async function replies(output: Output, count: number): Promise<[id: unknown, code: number, reason: string][]> {
  const lines = (): string[] => output.text.split('\n').slice(0, -1);
  await until(`${count} replies`, () => lines().length >= count);
  return lines().map((line) => {
    const { id, error } = JSON.parse(line) as { id: unknown; error: { code: number; data: { reason: string } } };
    return [id, error.code, error.data.reason];
  });
}

describe('the input', () => {
  it('brings each line as a message, byte for byte', async () => {
    const { input, log, output } = await start();
    const lines = [
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"a","params":{"n":12345678901234567890.5}}',
      '{"id":"x","method":"b","params":{"s":"\u2028\u2029\\ud800 😀\u0085"}}',
      answer('1'),
    ];
    for (const slice of bytewise(Buffer.from(`\ufeff${lines.join('\r\n')}\r\n`))) input.write(slice);
    expect(await log.messageCount(3)).toEqual(lines);
    expect(output.text).toBe('');
  });

  it('may have blank lines, CRLF and a byte order mark', async () => {
    const { input, log, output } = await start();
    input.write(`\ufeff\r\n\n${request('1')}\r\n\r\n\n${request('2')}\n`);
    expect(await log.messageCount(2)).toEqual([request('1'), request('2')]);
    expect(output.text).toBe('');
  });

  it.each([
    ['{nope', [null, -32700, 'parse_error']],
    ['nonsense', [null, -32700, 'parse_error']],
    ['x'.repeat(1_000_000), [null, -32700, 'parse_error']],
    ['{"a":1}', [null, -32600, 'invalid_request']],
    ['{"jsonrpc":"2.0","id":7,"method":5}', [7, -32600, 'invalid_request']],
    ['null', [null, -32600, 'invalid_request']],
    ['42', [null, -32600, 'invalid_request']],
    ['[]', [null, -32600, 'invalid_request']],
    ['1', [null, -32600, 'invalid_request']],
    ['"x"', [null, -32600, 'invalid_request']],
    ['{}', [null, -32600, 'invalid_request']],
    ['{"jsonrpc":"2.0","id":7,"method":"x","params":{nope}}', [7, -32700, 'parse_error']],
    ['{"jsonrpc":"2.0","id":"a\\u0062","method":"x",}', ['ab', -32700, 'parse_error']],
    ['{"jsonrpc":"2.0","id":1.2.3,"method":"x"}', [null, -32700, 'parse_error']],
    ['{"jsonrpc":"2.0","id":1,"result":nope}', [null, -32700, 'parse_error']],
    ['{"jsonrpc":"2.0","id":7,"method":"x","params":"\u0000"}', [7, -32700, 'parse_error']],
    ['\u0000', [null, -32700, 'parse_error']],
    ['['.repeat(100_000), [null, -32600, 'invalid_request']],
    [`{"id":7,"method":"x","params":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, [7, -32600, 'invalid_request']],
    ['{"id":null,"method":"x"}', [null, -32600, 'invalid_request']],
    ['{"id":true,"method":"x"}', [null, -32600, 'invalid_request']],
    ['{"id":{"a":1},"method":"x"}', [null, -32600, 'invalid_request']],
    ['{"id":7,"id":8,"method":"x"}', [7, -32600, 'invalid_request']],
    ['{"\\u0069d":7,"method":"x"}', [null, -32600, 'invalid_request']],
    ['{"id":7,"method":"x","method":"y"}', [7, -32600, 'invalid_request']],
    ['{"id":7,"method":"x","result":{}}', [null, -32600, 'invalid_request']],
    ['[{"id":1,"method":"x"},', [null, -32700, 'parse_error']],
    [`[${Array(1001).fill('{"method":"x"}')}]`, [null, -32600, 'invalid_request']],
  ])('answers the line %.60s at once, and goes on', async (line, reply) => {
    const { input, log, output } = await start();
    input.write(`${line}\n${request('1')}\n`);
    expect(await replies(output, 1)).toEqual([reply]);
    expect(await log.messageCount(1)).toEqual([request('1')]);
  });

  it('answers a line that is no UTF-8, with the id where that is', async () => {
    const { input, log, output } = await start();
    const line = (id: string): Buffer => Buffer.from(`{"id":${id},"method":"x","params":"\u00ff"}\n`, 'latin1');
    input.write(Buffer.concat([line('7'), line('"\u00ff"'), Buffer.from(`${request('1')}\n`)]));
    expect(await replies(output, 2)).toEqual([
      [7, -32700, 'parse_error'],
      [null, -32700, 'parse_error'],
    ]);
    expect(await log.messageCount(1)).toEqual([request('1')]);
  });

  it('says where a line ceases to be JSON, without quoting it', async () => {
    const { input, output } = await start();
    input.write('{"id":7,"method":"secret",}\n{"id":7,"method":"secret"\n');
    await replies(output, 2);
    const [first = '', second = ''] = output.text.split('\n');
    expect(first).toContain("the line is not JSON: '}' cannot stand at byte 26");
    expect(second).toContain('the line is not JSON: it ends too early, after 25 bytes');
    expect(output.text).not.toContain('secret');
  });

  it('brings the messages of a batch one by one, and answers what is none', async () => {
    const { input, log, output } = await start();
    const call = '{ "id":9007199254740993 ,"method":"a"}';
    input.write(`[${call}, 1,{"method":"b"},{"id":7,"method":5},[${request('2')}], ${answer('3')}]\n${request('4')}\n`);
    expect(await log.messageCount(4)).toEqual([call, '{"method":"b"}', answer('3'), request('4')]);
    expect(await replies(output, 3)).toEqual([
      [null, -32600, 'invalid_request'],
      [7, -32600, 'invalid_request'],
      [null, -32600, 'invalid_request'],
    ]);
  });

  it('names the limit of a batch', async () => {
    const { input, output } = await start();
    input.write(`[${Array(1001).fill('{"method":"x"}')}]\n`);
    await replies(output, 1);
    expect(output.text).toContain('the line is a batch of more than 1000 messages');
  });

  it('answers a line that is too long with its id, where its beginning shows that it is a request', async () => {
    const { input, output } = await start({ maxLineBytes: 100 });
    const long = 'x'.repeat(70_000);
    input.write(`{"id":"a","method":"x","params":"${long}"}\n{"id":1,"result":"${long}"}\n`);
    input.write(`{"params":"${long}","id":1}\n{"id":1.2.3,"params":"${long}\n`);
    const refused = [-32600, 'body_too_large'];
    expect(await replies(output, 4)).toEqual([
      ['a', ...refused],
      [null, ...refused],
      [null, ...refused],
      [null, ...refused],
    ]);
  });

  it('answers a line that is too long once, and goes on after its end', async () => {
    const { input, log, output } = await start({ maxLineBytes: 1000 });
    for (const slice of cutAt(Buffer.from(`{"id":1,${'x'.repeat(5000)}\n${request('2')}\n`), [100, 900, 2000]))
      input.write(slice);
    expect(await replies(output, 1)).toEqual([[1, -32600, 'body_too_large']]);
    expect(await log.messageCount(1)).toEqual([request('2')]);
    expect(output.text).toContain('a line of more than 1000 bytes was passed over');
  });

  it('takes 400 MB without a line end in bounded memory', async () => {
    const { input, log, output } = await start({ maxLineBytes: 1024 * 1024 });
    const before = process.memoryUsage().arrayBuffers;
    let highest = 0;
    for (let sent = 0; sent < 400; sent++) {
      if (!input.write(Buffer.alloc(1024 * 1024, 0x78))) await new Promise((fulfil) => input.once('drain', fulfil));
      if (sent % 20 === 0) highest = Math.max(highest, process.memoryUsage().arrayBuffers - before);
    }
    input.write(`\n${request('1')}\n`);
    expect(await log.messageCount(1)).toEqual([request('1')]);
    expect(await replies(output, 1)).toEqual([[null, -32600, 'body_too_large']]);
    // What the collector has not yet taken counts too.
    expect(highest).toBeLessThan(200 * 1024 * 1024);
  });

  it('tells its end once, after a last line without an end', async () => {
    const { input, log, inputEnds } = await start();
    input.end(request('1'));
    await until('the end of the input', () => inputEnds() > 0);
    expect(log.messages).toEqual([request('1')]);
    input.destroy();
    for (let turn = 0; turn < 10; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect([inputEnds(), log.ends]).toEqual([1, []]);
  });

  it('that breaks is an input that has ended', async () => {
    const { input, inputEnds, log } = await start();
    input.destroy(new Error('EIO'));
    await until('the end of the input', () => inputEnds() > 0);
    expect([inputEnds(), log.ends]).toEqual([1, []]);
  });

  it('brings nothing while the transport is paused', async () => {
    const { input, log, stdio } = await start();
    stdio.pause();
    input.write(`${request('1')}\n`);
    for (let turn = 0; turn < 10; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect(log.messages).toEqual([]);
    stdio.resume();
    await log.messageCount(1);
  });
});

describe('a message that cannot be passed on', () => {
  const error = new DrawbridgeError('duplicate_id', 'the id is open');
  const failing: [string, TransportEvents['message']][] = [
    [
      'thrown',
      () => {
        throw error;
      },
    ],
    ['rejected', () => Promise.reject(error)],
  ];

  it.each(failing)('(%s) is answered when it is a request', async (_how, message) => {
    const { input, output } = await start({ events: { message, error: () => {}, end: () => {} } });
    input.write(`${request('9007199254740993')}\n`);
    expect(await replies(output, 1)).toEqual([[9007199254740992, -32600, 'duplicate_id']]);
    expect(output.text).toContain('"id":9007199254740993,');
  });

  it.each(failing)('(%s) is told as an error when it is none', async (_how, message) => {
    const errors: DrawbridgeError[] = [];
    const { input, output } = await start({ events: { message, error: (told) => errors.push(told), end: () => {} } });
    input.write('{"method":"notifications/x"}\n');
    await until('the error', () => errors.length > 0);
    expect(errors).toEqual([error]);
    expect(output.text).toBe('');
  });
});

describe('the output', () => {
  it('gets each message as one line, and nothing else', async () => {
    const { stdio, output } = await start();
    expect(stdio.send(messageOf('{\n"id":1,\r\n"result":"\u2028"}'))).toBeUndefined();
    stdio.send(messageOf('{"method":"x"}'));
    expect(output.text).toBe('{ "id":1,  "result":"\u2028"}\n{"method":"x"}\n');
  });

  it.each(['', '\r', '\n'])('gets a large message as one line too, with %j between its tokens', async (space) => {
    const { stdio, output } = await start();
    const text = answer('1', `"${'x'.repeat(100_000)}"`);
    await stdio.send(messageOf(`${space}${text}`));
    await stdio.send(messageOf('{"method":"x"}'));
    expect(output.text).toBe(`${space === '' ? '' : ' '}${text}\n{"method":"x"}\n`);
  });

  it('that is full makes sending wait until it has drained', async () => {
    const { stdio, output } = await start({ highWaterMark: 100 });
    output.isReading = false;
    const sent = [1, 2].map((id) => stdio.send(messageOf(answer(String(id), `"${'x'.repeat(200)}"`))));
    let isDrained = false;
    for (const promise of sent) Promise.resolve(promise).then(() => (isDrained = true));
    expect(sent[0]).toBeInstanceOf(Promise);
    await new Promise((fulfil) => setImmediate(fulfil));
    expect(isDrained).toBe(false);
    output.read();
    await within(1000, 'the drain', Promise.all(sent));
    expect(stdio.send(messageOf(answer('3')))).toBeUndefined();
    expect(output.text.split('\n').map((line) => line.length)).toEqual([236, 236, 36, 0]);
  });

  it('whose reader is gone (EPIPE) ends the transport once, and sending to it does nothing', async () => {
    const { stdio, output, log } = await start({ highWaterMark: 10 });
    output.isReading = false;
    const waiting = stdio.send(messageOf(answer('1')));
    output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(await log.ended()).toMatchObject({ code: 'internal', message: 'write EPIPE' });
    await within(1000, 'what waited', Promise.resolve(waiting));
    expect(stdio.send(messageOf(answer('2')))).toBeUndefined();
    expect(log.ends).toHaveLength(1);
    await within(1000, 'the close', stdio.close());
  });

  it('that is closed without an error ends the transport without one', async () => {
    const { output, log } = await start();
    output.destroy();
    expect(await log.ended()).toBeUndefined();
    expect(log.ends).toHaveLength(1);
  });
});

describe('closing', () => {
  it('is over at once when everything was taken', async () => {
    const { stdio, log, output } = await start();
    stdio.send(messageOf(answer('1')));
    await within(1000, 'the close', stdio.close());
    await within(1000, 'the second close', stdio.close());
    expect([log.ends, output.text]).toEqual([[], `${answer('1')}\n`]);
  });

  it.each([
    ['more than the output holds', 10],
    ['less than the output holds', 1000],
  ])('waits until what was sent last has left, %s', async (_what, highWaterMark) => {
    const { stdio, output } = await start({ highWaterMark });
    output.isReading = false;
    stdio.send(messageOf(answer('1')));
    stdio.send(messageOf(answer('2')));
    const closed = settleable();
    stdio.close().then(closed.fulfil);
    await new Promise((fulfil) => setImmediate(fulfil));
    expect(output.text).toBe('');
    output.read();
    await within(1000, 'the close', closed.promise);
    expect(output.text).toBe(`${answer('1')}\n${answer('2')}\n`);
  });

  it('does not wait for a reader that goes away meanwhile', async () => {
    const { stdio, output } = await start();
    output.isReading = false;
    stdio.send(messageOf(answer('1')));
    const closed = stdio.close();
    output.destroy(new Error('EPIPE'));
    await within(1000, 'the close', closed);
  });

  it('lets nothing more in or out', async () => {
    const { stdio, input, output, log } = await start();
    await stdio.close();
    input.write(`${request('1')}\n{nope\n`);
    stdio.send(messageOf(answer('1')));
    for (let turn = 0; turn < 10; turn++) await new Promise((fulfil) => setImmediate(fulfil));
    expect([log.messages, output.text]).toEqual([[], '']);
  });
});
