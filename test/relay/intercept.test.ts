import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { type Interceptor, type InterceptorLink, intercept } from '../../src/relay/intercept.ts';
import type { Transport } from '../../src/relay/transport.ts';
import { lost } from '../parts/joined-relay.ts';
import { EventLog, MemoryTransport, messageOf, rejectionOf, request } from '../parts/memory-transport.ts';

interface Parts {
  readonly inner: MemoryTransport;
  readonly outer: Transport;
  readonly log: EventLog;
  readonly link: InterceptorLink;
}

async function intercepted(interceptor: Interceptor): Promise<Parts> {
  const inner = new MemoryTransport();
  let link: InterceptorLink | undefined;
  const outer = intercept(inner, (given) => {
    link = given;
    return interceptor;
  });
  const log = new EventLog();
  await outer.start(log);
  return { inner, outer, log, link: link! };
}

describe('an interceptor', () => {
  it('that does nothing changes nothing', async () => {
    const { inner, outer, log } = await intercepted({});
    outer.send(messageOf(request('1')), { eventId: '1' });
    inner.tell('{"method":"x"}', { relatedTo: '1' });
    inner.events.error(lost);
    expect([inner.sent, inner.routes]).toEqual([[request('1')], [{ eventId: '1' }]]);
    expect([log.messages, log.routes, log.errors]).toEqual([['{"method":"x"}'], [{ relatedTo: '1' }], [lost]]);
    outer.pause();
    outer.resume();
    inner.events.end(lost);
    await outer.close();
    expect(inner.calls).toEqual(['start', 'pause', 'resume', 'close']);
    expect(log.ends).toEqual([lost]);
  });

  it('passes another message on, or none', async () => {
    const replaced = messageOf('{"method":"replaced"}');
    const swap: Interceptor['up'] = (message) => (message.method === 'stopped' ? undefined : replaced);
    const { inner, outer, log } = await intercepted({ up: swap, down: swap });
    expect(outer.send(messageOf('{"method":"stopped"}'))).toBeUndefined();
    outer.send(messageOf('{"method":"x"}'));
    inner.tell('{"method":"stopped"}');
    inner.tell('{"method":"x"}');
    expect([inner.sent, log.messages]).toEqual([['{"method":"replaced"}'], ['{"method":"replaced"}']]);
  });

  it('is told of what could not be sent, and so is the sender', async () => {
    const unsent: (string | undefined)[] = [];
    const { inner, outer } = await intercepted({ unsent: ({ id }) => unsent.push(id) });
    inner.onSend = () => Promise.reject(lost);
    expect(await rejectionOf(outer.send(messageOf(request('1'))))).toBe(lost);
    inner.onSend = () => {
      throw lost;
    };
    expect(() => outer.send(messageOf(request('2')))).toThrow(lost);
    expect(unsent).toEqual(['1', '2']);
  });

  it('can send by itself, and a failure of that is told to nobody', async () => {
    const { inner, link, log } = await intercepted({});
    link.sendDown(messageOf('{"method":"a"}'), { relatedTo: '1' });
    inner.onSend = () => Promise.reject(lost);
    link.sendUp(messageOf('{"method":"b"}'));
    inner.onSend = () => {
      throw lost;
    };
    link.sendUp(messageOf('{"method":"c"}'));
    expect([log.messages, log.routes]).toEqual([['{"method":"a"}'], [{ relatedTo: '1' }]]);
    expect(inner.sent).toEqual(['{"method":"b"}', '{"method":"c"}']);
  });

  it('knows whether the client is behind', async () => {
    const { outer, link } = await intercepted({});
    const seen = [link.isPaused];
    outer.pause();
    seen.push(link.isPaused);
    outer.resume();
    expect([...seen, link.isPaused]).toEqual([false, true, false]);
  });

  it.each([
    ['closed', ({ outer }: Parts) => outer.close()],
    ['ended by the server', ({ inner }: Parts) => inner.events.end(lost)],
  ])('is told once when the connection is %s, and does nothing any more', async (_how, end) => {
    let ends = 0;
    const passed: string[] = [];
    const pass: Interceptor['up'] = (message) => {
      passed.push(message.method ?? '');
      return message;
    };
    const parts = await intercepted({ up: pass, down: pass, end: () => ends++ });
    await end(parts);
    await parts.outer.close();
    parts.link.sendDown(messageOf('{"method":"a"}'));
    parts.link.sendUp(messageOf('{"method":"b"}'));
    parts.inner.tell('{"method":"c"}');
    parts.inner.onSend = () => Promise.reject(lost);
    expect(await rejectionOf(parts.outer.send(messageOf('{"method":"d"}')))).toBe(lost);
    expect([ends, passed, parts.log.messages]).toEqual([1, [], []]);
  });

  it('that was put on last is the nearest to the client', async () => {
    const seen: string[] = [];
    const note = (name: string) => (): Interceptor => {
      const pass = (way: string) => (message: Message) => {
        seen.push(`${name} ${way}`);
        return message;
      };
      return { up: pass('up'), down: pass('down') };
    };
    const inner = new MemoryTransport();
    const outer = intercept(intercept(inner, note('first')), note('last'));
    await outer.start(new EventLog());
    outer.send(messageOf(request('1')));
    inner.tell('{"method":"x"}');
    expect(seen).toEqual(['last up', 'first up', 'first down', 'last down']);
  });
});
