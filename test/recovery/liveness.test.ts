import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { rejectionOf } from '../parts/memory-transport.ts';
import {
  answer,
  INITIALIZE,
  ownRequestTo,
  RecoveringSession,
  request,
  sentTo,
  unreachableError,
  WHERE,
} from '../parts/recovering-session.ts';

const CALL = request('1', 'tools/call');
const sessions: RecoveringSession[] = [];
afterEach(async () => {
  await Promise.all(sessions.splice(0).map(({ upstream }) => upstream.close()));
});

function create(options: ConstructorParameters<typeof RecoveringSession>[0]): RecoveringSession {
  const session = new RecoveringSession(options);
  sessions.push(session);
  return session;
}

describe('a server that is silent', () => {
  it('is pinged, and left alone when it answers', async () => {
    const session = create({ pingIntervalMs: 200 });
    const connection = await session.shakeHands();
    const { id } = await ownRequestTo(connection, 'ping');
    connection.heardAt = performance.now();
    connection.tell(answer(id));
    await ownRequestTo(connection, 'ping', 1);
    expect(session.connections).toHaveLength(1);
    expect(session.log.messages).toEqual([]);
  });

  it('has lost the connection when it takes a ping and says nothing for as long as it may', async () => {
    const session = create({ pingIntervalMs: 200, pongTimeoutMs: 150 });
    const first = await session.shakeHands();
    session.send(CALL);
    await ownRequestTo(first, 'ping');
    const second = await session.connection(2);
    await sentTo(second, INITIALIZE);
    expect(first.calls).toContain('close');
    const [reply] = await session.log.messageCount(1);
    expect(reply).toContain(`${WHERE} was lost before it answered: ${WHERE} did not answer ping within 0.15 s`);
  });

  it('is given more time where it takes nothing and has calls under way: it may be busy', async () => {
    const session = create({ pingIntervalMs: 200, pongTimeoutMs: 100 });
    const connection = await session.shakeHands();
    session.send(CALL);
    // Neither taken nor refused.
    connection.onSend = () => new Promise(() => {});
    await ownRequestTo(connection, 'ping', 2);
    expect(session.connections).toHaveLength(1);
    await session.connection(2);
  });

  it('is alive where anything was heard since, though no pong', async () => {
    const session = create({ pingIntervalMs: 200, pongTimeoutMs: 100 });
    const connection = await session.shakeHands();
    for (let ping = 0; ping < 3; ping++) {
      await ownRequestTo(connection, 'ping', ping);
      connection.heardAt = performance.now();
    }
    expect(session.connections).toHaveLength(1);
  });

  it('has lost the connection when it cannot be reached for as long as a busy one is given', async () => {
    const session = create({ pingIntervalMs: 200, pongTimeoutMs: 100 });
    const first = await session.shakeHands();
    session.send(CALL);
    await Promise.resolve();
    // The way is cut: nothing more leaves, and nobody says that the call is lost.
    first.onSend = () => Promise.reject(unreachableError());
    const cutAt = performance.now();
    const [reply] = await session.log.messageCount(1);
    expect(reply).toContain(`${WHERE} was lost before it answered: cannot reach ${WHERE}`);
    expect(performance.now() - cutAt).toBeGreaterThan(300);
    await session.connection(2);
  });

  it('is not judged while nobody reads what it says', async () => {
    const session = create({ pingIntervalMs: 150, pongTimeoutMs: 50 });
    const connection = await session.shakeHands();
    session.upstream.pause();
    const pausedAt = performance.now();
    await until('several ping intervals', () => performance.now() - pausedAt > 600);
    expect(connection.sent.join()).not.toContain('"ping"');
    session.upstream.resume();
    await ownRequestTo(connection, 'ping');
  });
});

describe('a wall clock that jumps, as after sleep', () => {
  it('has the server pinged at once, long before it would be', async () => {
    let offsetMs = 0;
    const session = create({ pingIntervalMs: 2000, pongTimeoutMs: 10_000, now: () => Date.now() + offsetMs });
    const connection = await session.shakeHands();
    connection.heardAt = performance.now();
    offsetMs = 3_600_000;
    const jumpedAt = performance.now();
    await ownRequestTo(connection, 'ping');
    expect(performance.now() - jumpedAt).toBeLessThan(1500);
  });

  it('has the next try made at once', async () => {
    let offsetMs = 0;
    const session = create({ pingIntervalMs: 400, now: () => Date.now() + offsetMs });
    const first = await session.shakeHands();
    session.onConnect = (connection) => {
      connection.onStart = () => Promise.reject(unreachableError());
    };
    first.events.end(unreachableError());
    await until('the tries have slowed down', () => session.connections.length >= 6);
    session.onConnect = () => {};
    const { length } = session.connections;
    offsetMs = 3_600_000;
    const jumpedAt = performance.now();
    await session.connection(length + 1);
    expect(performance.now() - jumpedAt).toBeLessThan(600);
  });
});

describe('a server without pings', () => {
  it('is never asked, and a call waits as long as it takes', async () => {
    const session = create({ pingIntervalMs: 0 });
    const connection = await session.shakeHands();
    const call = session.send(CALL);
    await call;
    expect(connection.sent.join()).not.toContain('"ping"');
    await session.upstream.close();
    expect(await rejectionOf(session.send(CALL))).toMatchObject({ code: 'upstream_lost' });
  });
});
