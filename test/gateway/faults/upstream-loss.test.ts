/** Servers that are not there, die, hang, are slow to start, and come back: R01, R02, R05, R08. */
import { expect, it } from 'vitest';
import { until, within } from '../../parts/deadline.ts';
import type { Cut } from '../../parts/fault-proxy.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../../parts/raw-http.ts';
import { describePairings } from './pairings.ts';

const IDS = ['9007199254740993', '"1"', '1', '1e2', '"\\u0061"'];
/** What may pass from the loss to the answer. */
const ANSWER_MS = 1000;

describePairings('a server that is not there', (stage) => {
  it('is waited for by a stream, and 502 within a second to a message; once it is there, clients are served', async () => {
    stage.link.refuse();
    const { gateway, origin, alice } = stage.gateway;
    if (stage.down === 'sse') {
      const opening = stage.open();
      await until('the stream waits', () => gateway.sessionCount === 1);
      await stage.link.accept();
      await expectServed(await within(3000, 'the stream opens', opening));
      return;
    }
    const startedAt = performance.now();
    const headers = { ...JSON_HEADERS, ...alice };
    expectUnreachable(await send(origin, { method: 'POST', path: '/mcp', body: INITIALIZE, headers }), 0);
    expect(performance.now() - startedAt).toBeLessThan(ANSWER_MS);
    await until('no session is left', () => gateway.sessionCount === 0);
    await stage.link.accept();
    await expectServed(await stage.open());
  });

  async function expectServed(client: Awaited<ReturnType<typeof stage.open>>): Promise<void> {
    client.call('1');
    (await stage.upstream.call(0)).answer();
    await client.answer('1');
  }

  function expectUnreachable({ status, body }: RawAnswer, id: number): void {
    expect(status).toBe(502);
    expect(JSON.parse(body)).toMatchObject({ id, error: { code: -32603, data: { reason: 'upstream_unreachable' } } });
    expect(body).not.toContain(String(stage.link.port));
  }
});

describePairings('a server that is lost with calls in flight', (stage) => {
  it.each<Cut>(['fin', 'rst'])('(%s) has each answered once, within a second, under its very id', async (how) => {
    const client = await stage.open();
    const replies = IDS.map((id) => client.call(id));
    await stage.upstream.call(IDS.length - 1);
    const lostAt = performance.now();
    stage.link.refuse();
    stage.link.cut(how);
    for (const id of IDS) {
      const answer = await client.answer(id, ANSWER_MS);
      expect(JSON.parse(answer)).toMatchObject({ error: { code: -32603, data: { reason: 'upstream_lost' } } });
    }
    expect(performance.now() - lostAt).toBeLessThan(ANSWER_MS);
    await Promise.all(replies);
    for (const id of IDS) expect(client.answers(id)).toHaveLength(1);
    expect(client.messages.join()).not.toContain(String(stage.link.port));
  });

  it('has calls that come later answered too, until the session is gone', async () => {
    const client = await stage.open();
    stage.link.refuse();
    stage.link.cut('rst');
    const reply = await client.call('7');
    // Over SSE the stream may have ended first; then the POST says that there is no such session.
    await client.answer('7', ANSWER_MS);
    expect(client.answers('7')).toHaveLength(1);
    if (stage.down === 'sse' && stage.up === 'sse') expect([404, 502]).toContain(reply?.status);
  });
});

describePairings('a server that was restarted', (stage) => {
  it('serves new sessions, and old ones are 404 or an error under the id, once', async () => {
    const client = await stage.open();
    await stage.restartUpstream();
    client.call('5');
    await client.answer('5', 2000);
    expect(client.answers('5')).toHaveLength(1);
    expect(JSON.parse(client.answers('5')[0]!)).toHaveProperty('error.data.reason');
    const next = await stage.open();
    next.call('6');
    (await stage.upstream.call(0)).answer('from the new one');
    expect(await next.answer('6')).toContain('from the new one');
    // What the old session had asked for was not done by the new server.
    expect(stage.upstream.calls).toHaveLength(1);
  });

  it('is not asked twice for what it may have done', async () => {
    const client = await stage.open();
    const reply = client.call('1');
    await stage.upstream.call(0);
    await stage.restartUpstream();
    await client.answer('1', ANSWER_MS);
    await reply;
    await stage.open();
    expect(stage.upstream.posts.filter((body) => body.includes('tools/call'))).toEqual([]);
  });
});

describePairings('a server that is slow to start', (stage) => {
  it('is waited for', async () => {
    stage.link.faults.latencyMs = 250;
    const client = await within(10_000, 'a session', stage.open());
    client.call('1');
    (await stage.upstream.call(0)).answer();
    await client.answer('1');
  });
});

describePairings('a server that hangs', (stage) => {
  it('is 504 at the deadline, under the id, and its connections are closed', async () => {
    await stage.restartGateway({ upstreamReadTimeoutMs: 300, upstreamSendTimeoutMs: 300 });
    const client = await stage.open();
    stage.upstream.instead = () => true;
    const startedAt = performance.now();
    const reply = await client.call('"x"');
    expect(reply?.status).toBe(504);
    expect(performance.now() - startedAt).toBeLessThan(300 + ANSWER_MS);
    await client.answer('"x"');
    expect(JSON.parse(client.answers('"x"')[0]!)).toMatchObject({ error: { data: { reason: 'upstream_timeout' } } });
    expect(client.answers('"x"')).toHaveLength(1);
  });
});

describePairings(
  'a stream that dies after the POST was accepted',
  (stage) => {
    it('has the call answered on the stream of a client that is there, whose session is over', async () => {
      const client = await stage.open();
      expect((await client.call('3'))?.status).toBe(202);
      (await stage.upstream.call(0)).end();
      await client.answer('3', ANSWER_MS);
      await until('the stream ends', () => client.isEnded);
      expect((await client.call('4'))?.status).toBe(404);
      expect(client.answers('3')).toHaveLength(1);
      expect(stage.gateway.gateway.sessionCount).toBe(0);
    });
  },
  [{ down: 'sse', up: 'sse' }],
);
