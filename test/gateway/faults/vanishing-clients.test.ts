/** Clients that go without a word, do not read, or come back: R11, R12. Counters are exact, and nothing is left open. */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { until } from '../../parts/deadline.ts';
import type { Cut } from '../../parts/fault-proxy.ts';
import { describePairings, type FaultStage, PAIRINGS } from './pairings.ts';

/** In all pairings and both ways of going together a thousand. */
const REPEATS = 125;
const AT_ONCE = 25;
const FLOOD_MB = 40;

const openSockets = (): number => readdirSync('/proc/self/fd').length;

/** Descriptors of this process, in which all parts run, once they do not change any more. */
async function settledSockets(stage: FaultStage): Promise<number> {
  await until('the server has no connection in use', () => stage.upstream.sessionCount === 0);
  // Idle connections upstream are kept for 4 s.
  await until('no connection is left', () => stage.link.connectionCount === 0, 12_000);
  return openSockets();
}

describePairings('a client that vanishes in the middle of a call', (stage) => {
  it.each<Cut>(['fin', 'rst'])(`(%s), ${REPEATS} times over`, async (how) => {
    const limits = { maxSessions: REPEATS + 2, maxSessionsPerPrincipal: REPEATS + 2, maxConcurrentCalls: AT_ONCE };
    await stage.restartGateway({ ...limits, maxStreamsPerAddress: AT_ONCE, limitCalls: 1e6, limitRequests: 1e6 });
    const first = await stage.open();
    await first.close();
    const before = await settledSockets(stage);
    for (let count = 0; count < REPEATS; count += AT_ONCE) {
      const calls = stage.upstream.calls.length;
      const clients = await Promise.all(Array.from({ length: AT_ONCE }, () => stage.open()));
      for (const client of clients) client.call('1');
      await stage.upstream.call(calls + AT_ONCE - 1);
      for (const client of clients) client.vanish(how);
      if (stage.down === 'sse') {
        await until('every session is gone', () => stage.gateway.gateway.sessionCount === 0);
        await until('and is so at the server', () => stage.upstream.sessionCount === 0);
      } else {
        // The session stays for a client that comes back, and the call is under way until the server answers.
        for (const { answer } of stage.upstream.calls.slice(calls)) answer();
        expect(stage.gateway.gateway.sessionCount).toBe(count + AT_ONCE);
      }
    }
    // Every place is free again: as many calls as are let at once.
    const client = await stage.open();
    const calls = stage.upstream.calls.length;
    for (let id = 0; id < AT_ONCE; id++) client.call(String(id + 1));
    await stage.upstream.call(calls + AT_ONCE - 1);
    for (const { answer } of stage.upstream.calls.slice(calls)) answer();
    for (let id = 0; id < AT_ONCE; id++) expect(await client.answer(String(id + 1))).toContain('done');
    await client.close();
    if (stage.down === 'http') await stage.restartGateway({});
    expect(await settledSockets(stage)).toBeLessThanOrEqual(before + 2);
  }, 60_000);
});

describePairings('a client that does not read', (stage) => {
  it('is cut after the stall timeout, whatever it still sends; its server is held back, and its neighbour is answered', async () => {
    await stage.restartGateway({ stallTimeoutMs: 300, limitCalls: 1e6, limitRequests: 1e6 });
    const neighbour = await stage.open();
    const client = await stage.open();
    if (stage.up === 'sse') await client.listen();
    client.call('1');
    const call = await stage.upstream.call(0);
    call.say('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"first"}}');
    await until('the first message', () => client.messages.some((text) => text.includes('first')));
    const openCount = (): number => stage.gateway.connectionCount();
    const open = openCount();
    client.stall();
    const data = 'x'.repeat(1024 * 1024);
    for (let count = 0; count < FLOOD_MB; count++)
      call.say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${data}"}}`);
    const stalledAt = performance.now();
    let id = 10;
    const callNeighbour = async (): Promise<void> => {
      const index = stage.upstream.calls.length;
      neighbour.call(String(++id));
      (await stage.upstream.call(index)).answer();
      await neighbour.answer(String(id));
    };
    // Over SSE the session goes with its stream; over Streamable HTTP the response alone is cut.
    const isCut = (): boolean => (stage.down === 'sse' ? stage.gateway.gateway.sessionCount === 1 : openCount() < open);
    while (!isCut() && performance.now() - stalledAt < 10_000) await callNeighbour();
    expect(isCut()).toBe(true);
    await callNeighbour();
    if (stage.down === 'sse') await until('the server is left', () => stage.upstream.sessionCount === 1);
  });
});

describePairings('a client that cancels', (stage) => {
  it('and gets no answer, as the SDK’s servers have it, holds no place for it', async () => {
    await stage.restartGateway({ maxConcurrentCalls: 3 });
    const client = await stage.open();
    for (let id = 1; id <= 9; id++) {
      client.call(String(id));
      await stage.upstream.call(id - 1);
      await client.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`);
    }
    client.call('10');
    (await stage.upstream.call(9)).answer();
    expect(await client.answer('10')).toContain('done');
  });
});

describePairings(
  'a client whose GET stream is lost',
  (stage) => {
    it.each<Cut>([
      'fin',
      'rst',
    ])('(%s) listens again in the same session, and is told what came meanwhile', async () => {
      const client = await stage.open();
      await client.listen();
      client.call('1');
      const call = await stage.upstream.call(0);
      call.answer();
      expect(await client.answer('1')).toContain('done');
      await client.listen();
      client.call('2');
      (await stage.upstream.call(1)).answer();
      expect(await client.answer('2')).toContain('done');
      expect(stage.gateway.gateway.sessionCount).toBe(1);
    });
  },
  PAIRINGS.filter(({ down }) => down === 'http'),
);
