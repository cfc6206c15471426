import { describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { type Logger, silentLogger } from '../../src/log.ts';
import { join, type Relay } from '../../src/relay/relay.ts';
import { within } from '../parts/deadline.ts';
import { answer, MemoryTransport, rejectionOf, request, settleable } from '../parts/memory-transport.ts';

interface Joined {
  readonly down: MemoryTransport;
  readonly up: MemoryTransport;
  readonly relay: Relay;
  readonly ends: [by: string, code: string | undefined][];
  readonly warnings: string[];
}

async function joined(options: { maxPending?: number } = {}): Promise<Joined> {
  const parts = unstarted(options);
  await parts.relay.ready;
  return parts;
}

function unstarted(options: { maxPending?: number; down?: MemoryTransport; up?: MemoryTransport } = {}): Joined {
  const { down = new MemoryTransport(), up = new MemoryTransport(), ...rest } = options;
  const ends: Joined['ends'] = [];
  const warnings: string[] = [];
  const warn = (first: unknown, second?: string): void => void warnings.push(second ?? String(first));
  const logger: Logger = { ...silentLogger, warn };
  const relay = join(down, up, { ...rest, logger, onEnd: (by, error) => ends.push([by, error?.code]) });
  return { down, up, relay, ends, warnings };
}

const lost = new DrawbridgeError('upstream_lost', 'the server went away');
const errorFor = (id: string, code = 'upstream_lost', message = 'the server went away'): string => {
  const hint = { upstream_lost: 'Did the MCP server restart? Its log may say.', shutting_down: 'Connect again.' }[code];
  return `{"jsonrpc":"2.0","id":${id},"error":{"code":-32603,"message":"${message}","data":{"reason":"${code}","hint":"${hint}"}}}`;
};
/** Lets everything run that waits for nothing but promises. */
const turn = (): Promise<void> => new Promise((fulfil) => setImmediate(fulfil));

describe('a relay', () => {
  it('passes messages on as the same bytes, both ways', async () => {
    const { down, up } = await joined();
    const asked = '{ "id":9007199254740993 ,"method":"tools/call","params":{"n":12345678901234567890.123456}}';
    await down.tell(asked);
    down.tell('{"method":"notifications/x","params":{"s":"\\ud800"}}');
    up.tell('{"result":{"n":1.10},\n"id":9007199254740993}');
    up.tell('{"method":"notifications/message"}');
    expect(up.sent).toEqual([asked, '{"method":"notifications/x","params":{"s":"\\ud800"}}']);
    expect(down.sent).toEqual(['{"result":{"n":1.10},\n"id":9007199254740993}', '{"method":"notifications/message"}']);
  });

  it('passes the route on with the message', async () => {
    const { down, up } = await joined();
    up.tell('{"method":"notifications/progress"}', { relatedTo: '1', eventId: '7' });
    expect(down.routes).toEqual([{ relatedTo: '1', eventId: '7' }]);
  });

  it('lets a request of the server be answered once', async () => {
    const { down, up, warnings } = await joined();
    up.tell(request('1', 'sampling/createMessage'));
    await down.tell(answer('1'));
    await down.tell(answer('1'));
    await down.tell(answer('2'));
    expect(up.sent).toEqual([answer('1')]);
    expect(warnings).toEqual(Array(2).fill('dropped a message that answers no open request of the server'));
  });

  it('keeps the ids of the two directions apart', async () => {
    const { down, up } = await joined();
    await down.tell(request('1'));
    up.tell(request('1', 'roots/list'));
    up.tell(answer('1', '"of the server"'));
    await down.tell(answer('1', '"of the client"'));
    expect(down.sent).toEqual([request('1', 'roots/list'), answer('1', '"of the server"')]);
    expect(up.sent).toEqual([request('1'), answer('1', '"of the client"')]);
  });
});

describe('an answer', () => {
  it('is delivered once, however often the server sends it', async () => {
    const { down, up, warnings } = await joined();
    await down.tell(request('1'));
    up.tell(answer('1', '"first"'));
    up.tell(answer('1', '"second"'));
    expect(down.sent).toEqual([answer('1', '"first"')]);
    expect(warnings).toEqual(['dropped a message that answers no open request of the client']);
  });

  it.each(['2', '"1"', '9007199254740992'])('with the id %s, which nobody asked with, is dropped', async (id) => {
    const { down, up, relay } = await joined();
    await down.tell(request('1'));
    await down.tell(request('9007199254740993'));
    up.tell(answer(id));
    expect(down.sent).toEqual([]);
    expect(relay.pendingCount).toBe(2);
  });

  it.each([
    ['1e2', '100'],
    ['-0', '0'],
    ['"\\u00e9"', '"é"'],
    ['"a/b"', '"a\\/b"'],
  ])('to %s is recognised when the server spells it %s', async (asked, answered) => {
    const { down, up, relay } = await joined();
    await down.tell(request(asked));
    up.tell(answer(answered));
    expect(down.sent).toEqual([answer(answered)]);
    expect(relay.pendingCount).toBe(0);
  });

  it('with a null id goes to the only open request, with its id', async () => {
    const { down, up } = await joined();
    await down.tell(request('9007199254740993'));
    up.tell('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}');
    const reply = JSON.parse(down.sent[0]!) as { error: { message: string; data: { reason: string } } };
    expect(down.sent[0]).toContain('"id":9007199254740993,');
    expect(reply.error.message).toMatch(/^the MCP server answered without an id: \{"jsonrpc".*Parse error/);
    expect(reply.error.data.reason).toBe('upstream_error');
    up.tell(answer('9007199254740993'));
    expect(down.sent).toHaveLength(1);
  });

  it('with a null id is dropped when it could mean any of two requests', async () => {
    const { down, up, relay } = await joined();
    await down.tell(request('1'));
    await down.tell(request('2'));
    up.tell('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}');
    expect(down.sent).toEqual([]);
    expect(relay.pendingCount).toBe(2);
  });

  it.each(['nope', '[]', '{"a":1}'])('that is no message, such as %s, is dropped', async (text) => {
    const { down, up, warnings } = await joined();
    up.tell(text);
    expect(down.sent).toEqual([]);
    expect(warnings).toEqual(['dropped a message that is no JSON-RPC message']);
  });
});

describe('a request', () => {
  it('whose id is open is refused to whoever brought it, and not sent', async () => {
    const { down, up } = await joined();
    await down.tell(request('1e2'));
    expect(() => down.tell(request('100'))).toThrow(expect.objectContaining({ code: 'duplicate_id' }));
    expect(up.sent).toHaveLength(1);
  });

  it('that is one too many is refused, and one fits again after an answer', async () => {
    const { down, up } = await joined({ maxPending: 2 });
    await down.tell(request('1'));
    await down.tell(request('2'));
    expect(() => down.tell(request('3'))).toThrow(expect.objectContaining({ code: 'too_many_pending' }));
    up.tell(answer('1'));
    await down.tell(request('3'));
    expect(up.sent).toHaveLength(3);
  });

  it('that was cancelled makes room for another when there is none', async () => {
    const { down } = await joined({ maxPending: 1 });
    await down.tell(request('1'));
    down.tell('{"method":"notifications/cancelled","params":{"requestId":1}}');
    await down.tell(request('2'));
  });

  it('may have its id used again after its answer', async () => {
    const { down, up } = await joined();
    for (const round of ['"a"', '"b"']) {
      await down.tell(request('1'));
      up.tell(answer('1', round));
    }
    expect(down.sent).toEqual([answer('1', '"a"'), answer('1', '"b"')]);
  });

  it('that could not be sent is told to whoever brought it, and its late answer dropped', async () => {
    const { down, up, relay } = await joined();
    up.onSend = () => Promise.reject(lost);
    expect(await rejectionOf(down.tell(request('1')))).toBe(lost);
    expect(relay.pendingCount).toBe(0);
    up.tell(answer('1'));
    expect(down.sent).toEqual([]);
  });

  it('whose sending fails at once is told too, and not kept as open', async () => {
    const { down, up, relay } = await joined();
    up.onSend = () => {
      throw lost;
    };
    expect(await rejectionOf((async () => down.tell(request('1')))())).toBe(lost);
    expect(relay.pendingCount).toBe(0);
  });

  it('whose answer overtakes a failed send is not answered twice', async () => {
    const { down, up } = await joined();
    const send = settleable();
    up.onSend = () => send.promise;
    const told = down.tell(request('1'));
    up.tell(answer('1'));
    send.reject(lost);
    await told;
    expect(down.sent).toEqual([answer('1')]);
  });

  it('whose sending fails after the loss of the upstream has answered it is not answered twice', async () => {
    const { down, up } = await joined();
    const send = settleable();
    up.onSend = () => send.promise;
    const told = down.tell(request('1'));
    up.events.end(lost);
    send.reject(lost);
    await told;
    expect(down.sent).toEqual([errorFor('1')]);
  });

  it('of the server whose id is open is dropped', async () => {
    const { down, up, warnings } = await joined();
    up.tell(request('1', 'roots/list'));
    up.tell(request('1', 'roots/list'));
    expect(down.sent).toHaveLength(1);
    expect(warnings).toEqual([
      'dropped a message that is one open request of the server too many, or uses an id again',
    ]);
  });
});

describe('the end', () => {
  it('of the upstream answers every open request with its own id, byte for byte', async () => {
    const { down, up, ends, relay } = await joined();
    const ids = ['9007199254740993', '"1"', '1', '1e2', '"\\u0061"', 'null'];
    for (const id of ids) await down.tell(request(id));
    up.events.end(lost);
    expect(down.sent).toEqual(ids.map((id) => errorFor(id)));
    expect(ends).toEqual([['upstream', 'upstream_lost']]);
    expect(relay.pendingCount).toBe(0);
    expect(down.calls).toContain('close');
    expect(up.calls).toContain('close');
  });

  it('is told once, whoever ends it afterwards', async () => {
    const { down, up, ends, relay } = await joined();
    await down.tell(request('1'));
    up.events.end(lost);
    up.events.end(lost);
    down.events.end();
    await relay.close();
    await relay.close(lost);
    expect(ends).toEqual([['upstream', 'upstream_lost']]);
    expect(down.sent).toHaveLength(1);
  });

  it('of the downstream closes the upstream', async () => {
    const { down, up, ends } = await joined();
    down.events.end();
    expect(ends).toEqual([['downstream', undefined]]);
    expect(up.calls).toContain('close');
  });

  it('by us answers what is open with the reason given, then closes both sides', async () => {
    const { down, up, ends, relay } = await joined();
    await down.tell(request('"a"'));
    await relay.close(new DrawbridgeError('shutting_down', 'bye'));
    expect(down.sent).toEqual([errorFor('"a"', 'shutting_down', 'bye')]);
    expect(ends).toEqual([['us', 'shutting_down']]);
    expect([down.calls, up.calls]).toEqual([
      ['start', 'close'],
      ['start', 'close'],
    ]);
  });

  it('is told when every open request has been answered, and before the sides are closed', async () => {
    const down = new MemoryTransport();
    const seen: unknown[] = [];
    const up = new MemoryTransport();
    const onEnd = (): void => void seen.push([down.sent.length, down.calls.includes('close')]);
    const relay = join(down, up, { logger: silentLogger, onEnd });
    await relay.ready;
    await down.tell(request('1'));
    await relay.close();
    expect(seen).toEqual([[1, false]]);
  });

  it('leaves nothing to be delivered or sent after it', async () => {
    const { down, up, relay } = await joined();
    await relay.close();
    up.tell(answer('1'));
    expect(down.sent).toEqual([]);
    expect(() => down.tell(request('1'))).toThrow(expect.objectContaining({ code: 'upstream_lost' }));
    expect(up.sent).toEqual([]);
  });
});

describe('starting', () => {
  it('begins with the downstream, so that its end is seen while the upstream is still being reached', async () => {
    const { down, up, relay, ends } = unstarted();
    const started = settleable();
    up.onStart = () => started.promise;
    await turn();
    expect([down.calls, up.calls]).toEqual([['start'], ['start']]);
    down.events.end();
    expect(ends).toEqual([['downstream', undefined]]);
    expect(up.calls).toEqual(['start', 'close']);
    started.reject(lost);
    expect(await rejectionOf(relay.ready)).toBe(lost);
  });

  it('answers what was asked meanwhile when the upstream cannot be reached', async () => {
    const { down, up, relay, ends } = unstarted();
    const started = settleable();
    up.onStart = () => started.promise;
    await turn();
    const told = down.tell(request('1', 'initialize'));
    started.reject(lost);
    expect(await rejectionOf(relay.ready)).toBe(lost);
    await told;
    expect(down.sent).toEqual([errorFor('1')]);
    expect(ends).toEqual([['us', 'upstream_lost']]);
    expect(down.calls).toEqual(['start', 'close']);
  });

  it('does not reach for the upstream when the downstream has ended already', async () => {
    const down = new MemoryTransport();
    down.onStart = (events) => {
      events.end();
      return Promise.resolve();
    };
    const { up, relay } = unstarted({ down });
    expect(await rejectionOf(within(1000, 'the relay to settle', relay.ready))).toMatchObject({
      code: 'shutting_down',
    });
    expect(up.calls).not.toContain('start');
  });

  it('wraps whatever else a transport rejects with', async () => {
    const up = new MemoryTransport();
    up.onStart = () => Promise.reject(new TypeError('oops'));
    const { relay } = unstarted({ up });
    expect(await rejectionOf(relay.ready)).toMatchObject({ code: 'internal', message: 'oops' });
  });
});

describe('a downstream that takes no more', () => {
  it('pauses the upstream until everything was taken', async () => {
    const { down, up } = await joined();
    const [first, second] = [settleable(), settleable()];
    const stalls = [first.promise, second.promise];
    down.onSend = () => stalls.shift();
    up.tell('{"method":"a"}');
    up.tell('{"method":"b"}');
    expect(up.calls).toEqual(['start', 'pause']);
    first.fulfil();
    await turn();
    expect(up.calls).toEqual(['start', 'pause']);
    second.fulfil();
    await turn();
    expect(up.calls).toEqual(['start', 'pause', 'resume']);
    up.tell('{"method":"c"}');
    expect(down.sent).toEqual(['{"method":"a"}', '{"method":"b"}', '{"method":"c"}']);
  });

  it('and fails does not leave the upstream paused', async () => {
    const { down, up } = await joined();
    down.onSend = () => Promise.reject(lost);
    up.tell('{"method":"a"}');
    await turn();
    expect(up.calls).toEqual(['start', 'pause', 'resume']);
  });

  it('does not make a closed upstream resume', async () => {
    const { down, up, relay } = await joined();
    const stall = settleable();
    down.onSend = () => stall.promise;
    up.tell('{"method":"a"}');
    await relay.close();
    stall.fulfil();
    await turn();
    expect(up.calls).toEqual(['start', 'pause', 'close']);
  });
});

describe('waiting until nothing is open', () => {
  it('is over at once when nothing is', async () => {
    const { relay } = await joined();
    await within(1000, 'idle', relay.whenIdle());
  });

  it.each([
    ['its answer', (up: MemoryTransport) => up.tell(answer('1'))],
    ['the loss of the upstream', (up: MemoryTransport) => up.events.end(lost)],
  ])('is over with %s', async (_what, settle) => {
    const { down, up, relay } = await joined();
    await down.tell(request('1'));
    let isIdle = false;
    const idle = relay.whenIdle().then(() => (isIdle = true));
    await turn();
    expect(isIdle).toBe(false);
    settle(up);
    await within(1000, 'idle', idle);
  });

  it('is over when the last request could not be sent', async () => {
    const { down, up, relay } = await joined();
    const send = settleable();
    up.onSend = () => send.promise;
    const told = rejectionOf(down.tell(request('1')));
    const idle = relay.whenIdle();
    send.reject(lost);
    await within(1000, 'idle', idle);
    expect(await told).toBe(lost);
  });
});
