import { describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { join } from '../../src/relay/relay.ts';
import { within } from '../parts/deadline.ts';
import { errorFor, joined, lost, turn, unstarted } from '../parts/joined-relay.ts';
import { answer, MemoryTransport, rejectionOf, request, settleable } from '../parts/memory-transport.ts';

describe('the end', () => {
  it('of the upstream answers every open request with its own id, byte for byte', async () => {
    const { down, up, ends, relay } = await joined();
    const ids = ['9007199254740993', '"1"', '1', '1e2', '"\\u0061"', 'null'];
    for (const id of ids) await down.tell(request(id));
    up.events.end(lost);
    expect(down.sent).toEqual(ids.map((id) => errorFor(id)));
    expect(ends).toEqual([['upstream', 'upstream_lost']]);
    expect(relay.pendingCount).toBe(0);
    await turn();
    await relay.close();
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

describe('a request that the upstream refuses as it ends', () => {
  it('is answered before the downstream is closed', async () => {
    const down = new MemoryTransport();
    const up = new MemoryTransport();
    const { relay } = unstarted({ down, up });
    const started = settleable();
    const send = settleable();
    up.onStart = () => started.promise;
    up.onSend = () => send.promise;
    await turn();
    // As a downstream does: what is rejected is answered, unless the downstream is closed by then.
    Promise.resolve(down.tell(request('1'))).catch(() => down.calls.push('answered'));
    send.reject(lost);
    started.reject(lost);
    expect(await rejectionOf(relay.ready)).toBe(lost);
    expect([down.calls, down.sent]).toEqual([['start', 'answered', 'close'], []]);
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
