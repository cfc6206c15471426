import { afterEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { until } from '../parts/deadline.ts';
import { type MemoryTransport, rejectionOf, settleable } from '../parts/memory-transport.ts';
import {
  answer,
  answerPings,
  INITIALIZE,
  INITIALIZED,
  lostError,
  ownRequestTo,
  RecoveringSession,
  request,
  sentTo,
  sessionLostError,
  unreachableError,
  WELCOME,
  WHERE,
} from '../parts/recovering-session.ts';

const sessions: RecoveringSession[] = [];
afterEach(async () => {
  await Promise.all(sessions.splice(0).map(({ upstream }) => upstream.close()));
});

function create(...options: ConstructorParameters<typeof RecoveringSession>): RecoveringSession {
  const session = new RecoveringSession(...options);
  sessions.push(session);
  return session;
}

interface ErrorReply {
  readonly id: unknown;
  readonly error: { readonly message: string; readonly data: { readonly reason: string; readonly hint: string } };
}

/** The error replies among the messages that came down. */
const repliesOf = (session: RecoveringSession): ErrorReply[] =>
  session.log.messages.map((text) => JSON.parse(text) as ErrorReply).filter(({ error }) => error !== undefined);

const callOf = (id: string): string => request(id, 'tools/call');

describe('the first connection', () => {
  it('is made before the client says anything, and takes its messages as they are', async () => {
    const session = create();
    const connection = await session.shakeHands();
    session.send(callOf('9007199254740993'));
    connection.tell(answer('9007199254740993'));
    expect(connection.sent).toEqual([INITIALIZE, INITIALIZED, callOf('9007199254740993')]);
    expect(session.log.messages).toEqual([answer('9007199254740993')]);
    expect(session.connections).toHaveLength(1);
  });

  it('is tried again until there is one, and only then is initialize answered, by the server', async () => {
    const session = create();
    session.onConnect = (connection, number) => {
      if (number < 4) connection.onSend = () => Promise.reject(unreachableError());
    };
    await session.upstream.start(session.log);
    session.send(INITIALIZE);
    const connection = await session.connection(4);
    await sentTo(connection, INITIALIZE);
    connection.tell(answer('0', WELCOME));
    expect(session.log.messages).toEqual([answer('0', WELCOME)]);
    expect(session.log.ends).toEqual([]);
  });

  it('ends the session when the server refuses us, with initialize answered', async () => {
    const session = create();
    session.onConnect = (connection) => {
      connection.onSend = () =>
        Promise.reject(new DrawbridgeError('upstream_refused', 'refused', { upstreamStatus: 401 }));
    };
    await session.upstream.start(session.log);
    const rejected = rejectionOf(session.send(INITIALIZE));
    expect(await session.log.ended()).toMatchObject({ code: 'upstream_refused' });
    expect(await rejected).toMatchObject({ code: 'upstream_refused' });
  });
});

describe('a connection in trouble before the handshake is over', () => {
  it('is replaced: initialize is never sent twice on one, and its answer goes to the client', async () => {
    const session = create();
    await session.upstream.start(session.log);
    const first = await session.connection(1);
    session.send(INITIALIZE);
    await sentTo(first, INITIALIZE);
    await Promise.resolve();
    first.onSend = () => Promise.reject(lostError({ upstreamStatus: 503, mayHaveRun: true }));
    session.send('{"jsonrpc":"2.0","method":"notifications/early"}');
    const second = await session.connection(2);
    await sentTo(second, INITIALIZE);
    second.tell(answer('0', WELCOME));
    expect(first.sent.filter((text) => text === INITIALIZE)).toHaveLength(1);
    expect(session.log.messages).toEqual([answer('0', WELCOME)]);
  });
});

describe('a connection that is lost', () => {
  it('answers what was taken with an error at once, and gives what is safe to the next', async () => {
    const session = create();
    const first = await session.shakeHands();
    for (const text of [callOf('1'), request('"two"', 'tools/list'), request('3', 'ping'), callOf('4')])
      session.send(text);
    await until('all are taken', () => first.sent.length === 6);
    await Promise.resolve();
    first.events.end(lostError());
    expect(repliesOf(session).map(({ id }) => id)).toEqual([1, 4]);
    for (const { error } of repliesOf(session)) {
      expect(error.message).toBe(`${WHERE} was lost before it answered: ${WHERE} ended its event stream`);
      expect(error.data.reason).toBe('upstream_lost');
    }
    const second = await session.shakeHandsAgain(2);
    await sentTo(second, request('3', 'ping'));
    expect(second.sent).toEqual([INITIALIZE, INITIALIZED, request('"two"', 'tools/list'), request('3', 'ping')]);
    second.tell(answer('"two"'));
    expect(session.log.messages.at(-1)).toBe(answer('"two"'));
  });

  it('lets calls wait for the next, in their order, behind the handshake and what had been set', async () => {
    const session = create();
    const first = await session.shakeHands();
    session.send('{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}');
    first.tell(answer('1'));
    for (const uri of ['a', 'b']) {
      session.send(`{"jsonrpc":"2.0","id":"${uri}","method":"resources/subscribe","params":{"uri":"x:${uri}"}}`);
      first.tell(answer(`"${uri}"`));
    }
    session.send('{"jsonrpc":"2.0","id":4,"method":"resources/unsubscribe","params":{"uri":"x:a"}}');
    first.tell(answer('4'));
    first.events.end(lostError());
    for (const id of ['11', '12', '13']) session.send(callOf(id));
    const second = await session.shakeHandsAgain(2);
    await sentTo(second, callOf('13'));
    const methods = second.sent.map((text) => (JSON.parse(text) as { method: string }).method);
    expect(methods).toEqual([
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'resources/subscribe',
      'tools/call',
      'tools/call',
      'tools/call',
    ]);
    expect(second.sent[2]).toContain('"level":"debug"');
    expect(second.sent[3]).toContain('"uri":"x:b"');
    expect(second.sent.slice(4)).toEqual(['11', '12', '13'].map(callOf));
    expect(session.log.messages.filter((text) => text.includes('mcp-drawbridge-'))).toEqual([]);
  });

  it('answers a call that waits too long with an error that says who is away, why, and that it is still tried', async () => {
    const session = create({ holdMs: 200 });
    const first = await session.shakeHands();
    session.onConnect = (connection) => {
      connection.onStart = () => Promise.reject(unreachableError());
    };
    first.events.end(lostError());
    const error = await rejectionOf(session.send(callOf('1')));
    expect(error).toMatchObject({ code: 'upstream_unreachable', message: `cannot reach ${WHERE}` });
    expect(error.why).toMatch(/^ECONNREFUSED 10\.0\.0\.1:8000 \(IPv4\); tried \d+ times in 0 s, still trying$/);
  });

  it('waits as long as it may where a proxy answers for the server, and no longer where the server refuses us', async () => {
    const session = create({ holdMs: 6000 });
    const first = await session.shakeHands();
    let answer = new DrawbridgeError('upstream_invalid', 'a page of HTML', { upstreamStatus: 200 });
    session.onConnect = (connection) => {
      connection.onStart = () => Promise.reject(answer);
    };
    first.events.end(lostError());
    const startedAt = performance.now();
    expect(await rejectionOf(session.send(callOf('1')))).toMatchObject({ message: 'a page of HTML' });
    expect(performance.now() - startedAt).toBeGreaterThan(5900);
    answer = new DrawbridgeError('upstream_refused', 'the key was revoked', { upstreamStatus: 401 });
    const refusedAt = performance.now();
    expect(await rejectionOf(session.send(callOf('2')))).toMatchObject({ message: 'the key was revoked' });
    expect(performance.now() - refusedAt).toBeLessThan(3000);
    expect(session.log.ends).toEqual([]);
  });

  it('is made again after the server has refused the handshake once', async () => {
    const session = create();
    const first = await session.shakeHands();
    first.events.end(lostError());
    const second = await session.connection(2);
    await sentTo(second, INITIALIZE);
    second.tell('{"jsonrpc":"2.0","id":0,"error":{"code":-32603,"message":"not yet"}}');
    session.send(callOf('1'));
    const third = await session.shakeHandsAgain(3);
    await sentTo(third, callOf('1'));
    expect(second.sent).not.toContain(callOf('1'));
    expect(second.calls).toContain('close');
    expect(session.log.messages).toEqual([]);
  });

  it('never gets an answer that belongs to the one before', async () => {
    const session = create();
    const first = await session.shakeHands();
    first.tell(request('0', 'roots/list'));
    first.events.end(lostError());
    expect(session.log.messages.at(-1)).toContain('"method":"notifications/cancelled","params":{"requestId":0');
    const second = await session.shakeHandsAgain(2);
    await session.send(answer('0'));
    expect(second.sent).not.toContain(answer('0'));
    second.tell(request('0', 'roots/list'));
    await session.send(answer('0', '{"roots":[]}'));
    expect(second.sent.at(-1)).toBe(answer('0', '{"roots":[]}'));
  });

  it('tells a cancelled call that waits, and never sends it', async () => {
    const session = create();
    const first = await session.shakeHands();
    first.events.end(lostError());
    const call = rejectionOf(session.send(callOf('1')));
    await session.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    expect(await call).toMatchObject({ code: 'cancelled' });
    const second = await session.shakeHandsAgain(2);
    session.send(callOf('2'));
    await sentTo(second, callOf('2'));
    expect(second.sent).toEqual([INITIALIZE, INITIALIZED, callOf('2')]);
  });

  it('does not hold more than its bound', async () => {
    const session = create();
    const first = await session.shakeHands();
    session.onConnect = (connection) => {
      connection.onStart = () => Promise.reject(unreachableError());
    };
    first.events.end(lostError());
    for (let id = 0; id < 2048; id++) session.send(callOf(`${id}`));
    expect(await rejectionOf(session.send(callOf('"more"')))).toMatchObject({ code: 'too_many_pending' });
  });
});

describe('a session that the server has forgotten', () => {
  /** Refuses every message of this connection with the error, once the handshake is done. */
  function forget(connection: MemoryTransport, error = sessionLostError()): void {
    connection.onSend = () => Promise.reject(error);
  }

  it('is initialized once for all calls that meet it, and each of them is made once', async () => {
    const session = create();
    const first = await session.shakeHands();
    forget(first);
    const calls = Array.from({ length: 10 }, (_, id) => callOf(String(id)));
    for (const call of calls) session.send(call);
    const second = await session.shakeHandsAgain(2);
    await sentTo(second, calls.at(-1)!);
    expect(second.sent).toEqual([INITIALIZE, INITIALIZED, ...calls]);
    expect(session.connections).toHaveLength(2);
    expect(repliesOf(session)).toEqual([]);
  });

  it('gives a call that learns of it late to the next connection at once, though that is there already', async () => {
    const session = create();
    const first = await session.shakeHands();
    const refusals = [settleable(), settleable()];
    let count = 0;
    first.onSend = () => refusals[count++]!.promise;
    session.send(callOf('1'));
    session.send(callOf('2'));
    refusals[0]!.reject(sessionLostError());
    const second = await session.shakeHandsAgain(2);
    await sentTo(second, callOf('1'));
    refusals[1]!.reject(sessionLostError());
    await sentTo(second, callOf('2'));
    expect(session.connections).toHaveLength(2);
  });

  it('still brings the answers of calls that it had taken', async () => {
    const session = create();
    const first = await session.shakeHands();
    session.send(callOf('1'));
    await Promise.resolve();
    forget(first);
    session.send(callOf('2'));
    const second = await session.shakeHandsAgain(2);
    await sentTo(second, callOf('2'));
    expect(first.calls).not.toContain('close');
    first.tell(answer('1'));
    expect(session.log.messages).toEqual([answer('1')]);
    await until('the old connection is closed', () => first.calls.includes('close'));
    expect(second.sent).not.toContain(callOf('1'));
  });

  it('forgotten again and again is told to the call after three tries', async () => {
    const session = create();
    const first = await session.shakeHands();
    forget(first);
    session.onConnect = (connection) => {
      connection.onSend = (text) => {
        if (text === INITIALIZE) queueMicrotask(() => connection.tell(answer('0', WELCOME)));
        else if (text !== INITIALIZED) return Promise.reject(sessionLostError());
      };
    };
    expect(await rejectionOf(session.send(callOf('1')))).toMatchObject({ code: 'session_lost' });
    const tries = session.connections.flatMap(({ sent }) => sent.filter((text) => text === callOf('1')));
    expect(tries).toHaveLength(3);
  });
});

describe('a server that does not take a message', () => {
  it('that surely did not arrive: it waits, and leaves when a ping is answered, on the same connection', async () => {
    const session = create();
    const connection = await session.shakeHands();
    connection.onSend = () => Promise.reject(unreachableError());
    session.send(callOf('1'));
    await ownRequestTo(connection, 'ping');
    answerPings(connection);
    await until('the call leaves again', () => connection.sent.filter((text) => text === callOf('1')).length === 2);
    expect(session.connections).toHaveLength(1);
  });

  it('that may have run: a call is answered with the error, a list is asked for again', async () => {
    const session = create();
    const connection = await session.shakeHands();
    const busy = lostError({ mayHaveRun: true });
    connection.onSend = () => Promise.reject(busy);
    const list = request('2', 'tools/list');
    session.send(list);
    expect(await rejectionOf(session.send(callOf('1')))).toMatchObject({ code: 'upstream_lost' });
    answerPings(connection);
    await until('the list is asked for again', () => connection.sent.filter((text) => text === list).length === 2);
    expect(connection.sent.filter((text) => text === callOf('1'))).toHaveLength(1);
  });

  it('for a fault of the message itself: only its sender is told', async () => {
    const session = create();
    const connection = await session.shakeHands();
    connection.onSend = () =>
      Promise.reject(new DrawbridgeError('upstream_error', 'too large', { upstreamStatus: 413, mayHaveRun: true }));
    expect(await rejectionOf(session.send(callOf('1')))).toMatchObject({ upstreamStatus: 413 });
    connection.onSend = () => {};
    session.send(callOf('2'));
    expect(connection.sent.at(-1)).toBe(callOf('2'));
    expect(session.connections).toHaveLength(1);
  });
});

describe('an initialize that the server does not answer in time', () => {
  it('is answered with what is the matter, and the session begins when the server is there', async () => {
    const session = create({ initializeTimeoutMs: 150 });
    session.onConnect = (connection) => {
      connection.onStart = () => Promise.reject(unreachableError());
    };
    await session.upstream.start(session.log);
    session.send(INITIALIZE);
    const [text] = await session.log.messageCount(1);
    const { id, result } = JSON.parse(text!) as { id: unknown; result: Record<string, unknown> };
    expect(id).toBe(0);
    expect(result).toMatchObject({ protocolVersion: '2025-06-18', serverInfo: { name: 'mcp-drawbridge' } });
    expect(result['instructions']).toMatch(
      /cannot reach db\.example:8000: ECONNREFUSED 10\.0\.0\.1:8000 \(IPv4\); tried \d+ times/,
    );
    session.send(INITIALIZED);
    session.onConnect = () => {};
    session.send(request('1', 'tools/list'));
    const number = session.connections.length + 1;
    const connection = await session.shakeHandsAgain(number);
    await sentTo(connection, request('1', 'tools/list'));
    const ours = await ownRequestTo(connection, 'tools/list');
    connection.tell(answer(ours.id, '{"tools":[]}'));
    expect(await session.log.messageCount(2)).toContain(
      '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
    );
    expect(connection.sent.filter((sent) => sent === INITIALIZED)).toHaveLength(1);
    expect(connection.sent.join()).not.toContain('prompts/list');
  });

  it('counts when it comes late: it is the first half of a silent handshake', async () => {
    const session = create({ initializeTimeoutMs: 100 });
    await session.upstream.start(session.log);
    const connection = await session.connection(1);
    session.send(INITIALIZE);
    const [text] = await session.log.messageCount(1);
    expect(text).toContain('has not answered initialize within 0.1 s');
    connection.tell(answer('0', WELCOME));
    await sentTo(connection, INITIALIZED);
    session.send(callOf('1'));
    await sentTo(connection, callOf('1'));
    expect(session.connections).toHaveLength(1);
    expect(session.log.messages).toHaveLength(1);
  });
});

describe('closing', () => {
  it('ends every connection, and tells whoever still sends', async () => {
    const session = create();
    const first = await session.shakeHands();
    await session.upstream.close();
    await session.upstream.close();
    expect(first.calls).toEqual(['start', 'close']);
    expect(await rejectionOf(session.send(callOf('1')))).toMatchObject({ code: 'upstream_lost' });
  });

  it('stops trying at once', async () => {
    const session = create();
    session.onConnect = (connection) => {
      connection.onStart = () => Promise.reject(unreachableError());
    };
    await session.upstream.start(session.log);
    await session.connection(2);
    await session.upstream.close();
    const { length } = session.connections;
    await until('a turn', () => true);
    expect(session.connections).toHaveLength(length);
  });
});
