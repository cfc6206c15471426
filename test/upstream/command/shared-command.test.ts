import { describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/log.ts';
import { SharedCommand } from '../../../src/upstream/command/shared-command.ts';
import { SharedSession } from '../../../src/upstream/command/shared-session.ts';
import { until } from '../../parts/deadline.ts';
import { EventLog, MemoryTransport, messageOf, rejectionOf } from '../../parts/memory-transport.ts';

const initialize = (id: string, capabilities = '{}'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"initialize","params":{"capabilities":${capabilities}}}`;
const call = (id: string, meta = ''): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"${meta}}}`;
const WELCOME = '"result":{"serverInfo":{"big":12345678901234567890}}';
const REFUSED = '"error":{"code":-32601,"message":"No client is there that can answer this"}';

interface Parts {
  readonly up: MemoryTransport;
  readonly command: SharedCommand;
  readonly overs: number[];
  /** A session that has started. */
  join(): Promise<{ session: SharedSession; events: EventLog; send(text: string): void }>;
}

function share(idleMs = 60_000): Parts {
  const up = new MemoryTransport();
  const overs: number[] = [];
  const command = new SharedCommand({ transport: up, logger: silentLogger, idleMs, onOver: () => overs.push(1) });
  return {
    up,
    command,
    overs,
    join: async () => {
      const session = new SharedSession(() => command);
      const events = new EventLog();
      await session.start(events);
      return { session, events, send: (text) => void session.send(messageOf(text)) };
    },
  };
}

describe('a command that two sessions share', () => {
  it('is initialized once; the second session gets the same answer under its own id', async () => {
    const { up, join } = share();
    const [one, other] = [await join(), await join()];
    one.send(initialize('"first"'));
    other.send(initialize('9007199254740993'));
    expect(up.sent).toEqual([initialize('1')]);
    up.tell(`{"jsonrpc":"2.0",${WELCOME},"id":1}`);
    expect(one.events.messages).toEqual([`{"jsonrpc":"2.0",${WELCOME},"id":"first"}`]);
    expect(other.events.messages).toEqual([`{"jsonrpc":"2.0",${WELCOME},"id":9007199254740993}`]);
    const third = await join();
    third.send(initialize('3'));
    expect(third.events.messages).toEqual([`{"jsonrpc":"2.0",${WELCOME},"id":3}`]);
    const initialized = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
    other.send(initialized);
    one.send(initialized);
    expect(up.sent).toEqual([initialize('1'), initialized]);
  });

  it('is asked again for what it refused', async () => {
    const { up, join } = share();
    const one = await join();
    one.send(initialize('1'));
    up.tell('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}');
    expect(one.events.messages).toEqual(['{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}']);
    one.send(initialize('2'));
    expect(up.sent[1]).toBe(initialize('2'));
  });

  it('is initialized by a session that has left since, for those that came after it', async () => {
    const { up, join } = share();
    const [one, other] = [await join(), await join()];
    one.send(initialize('1'));
    await one.session.close();
    other.send(initialize('7'));
    up.tell(`{"jsonrpc":"2.0","id":1,${WELCOME}}`);
    expect(one.events.messages).toEqual([]);
    expect(other.events.messages).toEqual([`{"jsonrpc":"2.0","id":7,${WELCOME}}`]);
  });

  it('gets ids and tokens of ours in the place of theirs, and every other byte as it was', async () => {
    const { up, join } = share();
    const [one, other] = [await join(), await join()];
    one.send(call('"same"', ',"_meta":{"progressToken" : "t","x":1.0e2}'));
    other.send(call('"same"', ',"_meta":{"progressToken" : "t"}'));
    expect(up.sent).toEqual([
      call('1', ',"_meta":{"progressToken" : 1,"x":1.0e2}'),
      call('2', ',"_meta":{"progressToken" : 2}'),
    ]);
    up.tell('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.0,"progressToken":2}}', {
      relatedTo: '2',
    });
    expect(other.events.messages).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.0,"progressToken":"t"}}',
    ]);
    expect(other.events.routes).toEqual([{ relatedTo: '"same"' }]);
    up.tell('{"jsonrpc":"2.0","id":2,"result":{}}');
    up.tell('{"jsonrpc":"2.0","id":1,"result":{}}');
    up.tell('{"jsonrpc":"2.0","id":1,"result":{"again":1}}');
    expect(one.events.messages).toEqual(['{"jsonrpc":"2.0","id":"same","result":{}}']);
    expect(other.events.messages[1]).toBe('{"jsonrpc":"2.0","id":"same","result":{}}');
  });

  it('hears of a cancelled call by our number, and of no other session’s', async () => {
    const { up, join } = share();
    const [one, other] = [await join(), await join()];
    one.send(call('5'));
    const cancel = (id: string): string =>
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`;
    other.send(cancel('5'));
    other.send(cancel('1'));
    one.send(cancel('5'));
    expect(up.sent).toEqual([call('1'), cancel('1')]);
  });

  it('hears that the calls of a session that left are cancelled, and its answers reach nobody', async () => {
    const { up, join } = share();
    const [one, other] = [await join(), await join()];
    one.send(call('5'));
    await one.session.close();
    expect(up.sent[1]).toContain('"method":"notifications/cancelled","params":{"requestId":1,');
    up.tell('{"jsonrpc":"2.0","id":1,"result":{}}');
    expect([one.events.messages, other.events.messages]).toEqual([[], []]);
  });

  it('asks the session that has called something and can answer, and takes the answer of that one alone', async () => {
    const { up, join } = share();
    const [able, unable] = [await join(), await join()];
    able.send(initialize('0', '{"sampling":{}}'));
    up.tell(`{"jsonrpc":"2.0","id":1,${WELCOME}}`);
    unable.send(initialize('0'));
    able.send(call('5'));
    unable.send(call('5'));
    const ask = '{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{}}';
    up.tell(ask);
    expect(able.events.messages[1]).toBe(ask);
    expect(able.events.routes[1]).toEqual({ relatedTo: '5' });
    expect(unable.events.messages.length).toBe(1);
    const before = up.sent.length;
    unable.send('{"jsonrpc":"2.0","id":"q","result":{"stolen":true}}');
    expect(up.sent.length).toBe(before);
    able.send('{"jsonrpc":"2.0","id":"q","result":{}}');
    expect(up.sent[before]).toBe('{"jsonrpc":"2.0","id":"q","result":{}}');
  });

  it('is refused what nobody can answer, and answered itself when it asks for a sign of life', async () => {
    const { up, join } = share();
    const [one] = [await join(), await join()];
    up.tell('{"jsonrpc":"2.0","id":1,"method":"roots/list"}');
    up.tell('{"jsonrpc":"2.0","id":2,"method":"ping"}');
    one.send(call('1'));
    up.tell('{"jsonrpc":"2.0","id":3,"method":"elicitation/create","params":{}}');
    expect(up.sent.filter((text) => !text.includes('tools/call'))).toEqual([
      `{"jsonrpc":"2.0","id":1,${REFUSED}}`,
      '{"jsonrpc":"2.0","id":2,"result":{}}',
      `{"jsonrpc":"2.0","id":3,${REFUSED}}`,
    ]);
  });

  it('is refused what it had asked a session that has left', async () => {
    const { up, join } = share();
    const [one] = [await join(), await join()];
    one.send(initialize('0', '{"roots":{}}'));
    one.send(call('1'));
    up.tell('{"jsonrpc":"2.0","id":"r","method":"roots/list"}');
    await one.session.close();
    expect(up.sent.at(-1)).toBe(`{"jsonrpc":"2.0","id":"r",${REFUSED}}`);
  });

  it('keeps what another has subscribed to', async () => {
    const { up, join } = share();
    const [one, other] = [await join(), await join()];
    const unsubscribe = (id: string): string =>
      `{"jsonrpc":"2.0","id":${id},"method":"resources/unsubscribe","params":{"uri":"a:b"}}`;
    one.send(unsubscribe('4'));
    expect([up.sent, one.events.messages]).toEqual([[], ['{"jsonrpc":"2.0","id":4,"result":{}}']]);
    await other.session.close();
    one.send(unsubscribe('5'));
    expect(up.sent).toEqual([unsubscribe('1')]);
  });

  it('is read on while one session is behind, until much is held for that one', async () => {
    const { up, join } = share();
    const [slow, quick] = [await join(), await join()];
    slow.session.pause();
    const tell = (size: number): string =>
      `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'x'.repeat(size)}"}}`;
    up.tell(tell(1000));
    expect([slow.events.messages.length, quick.events.messages.length]).toEqual([0, 1]);
    expect(up.calls.at(-1)).toBe('resume');
    up.tell(tell(1_100_000));
    expect(up.calls.at(-1)).toBe('pause');
    slow.session.resume();
    expect(slow.events.messages).toEqual(quick.events.messages);
    expect(up.calls.at(-1)).toBe('resume');
  });

  it('ends all its sessions when it ends, what was held for them first', async () => {
    const { up, join, overs, command } = share();
    const [one, other] = [await join(), await join()];
    one.session.pause();
    up.tell('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
    up.events.end(new DrawbridgeError('upstream_lost', 'it died'));
    expect(one.events.messages.length).toBe(1);
    expect([one.events.ends[0]?.code, other.events.ends[0]?.code, overs.length]).toEqual([
      'upstream_lost',
      'upstream_lost',
      1,
    ]);
    expect((await rejectionOf(one.session.send(messageOf(call('1'))))).code).toBe('upstream_lost');
    await command.close();
  });

  it('that cannot start ends nobody but those who wanted it, with why', async () => {
    const up = new MemoryTransport();
    up.onStart = () => Promise.reject(new DrawbridgeError('upstream_unreachable', 'not found'));
    const overs: number[] = [];
    const command = new SharedCommand({ transport: up, logger: silentLogger, idleMs: 1, onOver: () => overs.push(1) });
    const session = new SharedSession(() => command);
    expect((await rejectionOf(session.start(new EventLog()))).code).toBe('upstream_unreachable');
    expect(overs).toEqual([1]);
  });

  it('retires at once without sessions, and with its last one', async () => {
    const { up, command, join, overs } = share();
    const one = await join();
    await command.retire();
    expect(overs).toEqual([]);
    await one.session.close();
    await until('the command is over', () => overs.length > 0);
    expect([overs, up.calls.at(-1)]).toEqual([[1], 'close']);
  });
});
