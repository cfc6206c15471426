/** One command for all sessions of a principal, and never for two principals. */
import { describe, expect, it } from 'vitest';
import { useCommandGateway } from '../../parts/command-gateway.ts';
import { until } from '../../parts/deadline.ts';
import type { TestClient } from '../../parts/mcp-client.ts';
import { openSse } from '../../parts/raw-sse-session.ts';
import { keepLog, STDIO_SERVER } from '../../parts/stdio-servers.ts';

const stage = useCommandGateway({ commandScope: 'principal' });
const { serve, connect } = stage;

const call = (id: number, name: string, args: object): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });

describe('sessions of one principal', () => {
  it('share a process, and two principals never do', async () => {
    await serve({ principalEnvironment: { alice: { DATABASE_URI: 'alice' }, bob: { DATABASE_URI: 'bob' } } });
    const alices = [await connect('sse'), await connect('http'), await connect('sse')];
    const bobs = [await connect('http', stage.gateway.bob), await connect('sse', stage.gateway.bob)];
    const ids = (of: TestClient[]): Promise<string[]> => Promise.all(of.map((client) => client.callText('pid')));
    const [aliceIds, bobIds] = [new Set(await ids(alices)), new Set(await ids(bobs))];
    expect([aliceIds.size, bobIds.size]).toEqual([1, 1]);
    expect([...aliceIds]).not.toEqual([...bobIds]);
    expect(stage.pids.all().length).toBe(2);
    for (const client of alices) expect(await client.callText('variable', { name: 'DATABASE_URI' })).toBe('alice');
    for (const client of bobs) expect(await client.callText('variable', { name: 'DATABASE_URI' })).toBe('bob');
    await alices[0]!.callText('announce');
    await until('all of alice’s sessions hear of it', () => alices.every(({ logs }) => logs.length === 1));
    expect(bobs.map(({ logs }) => logs)).toEqual([[], []]);
  });

  it('get each its own answers, where both use the same ids', async () => {
    await serve();
    const [one, other] = [
      await openSse(stage.gateway.origin, '/sse', stage.gateway.alice),
      await openSse(stage.gateway.origin, '/sse', stage.gateway.alice),
    ];
    await one.initialize();
    await other.initialize();
    for (let id = 1; id <= 20; id++) {
      await one.post(call(id, 'echo', { text: `one ${id}` }));
      await other.post(call(id, 'echo', { text: `other ${id}` }));
    }
    await one.arrival('one 20');
    await other.arrival('other 20');
    for (const [session, own, others] of [
      [one, 'one', 'other'],
      [other, 'other', 'one'],
    ] as const) {
      for (let id = 1; id <= 20; id++)
        expect(session.text()).toMatch(new RegExp(`"text":"${own} ${id}"[^\\n]*"id":${id}[,}]`));
      expect(session.text()).not.toContain(`"${others} `);
    }
    one.close();
    other.close();
  });

  it('see each its own progress, under the token that each has chosen', async () => {
    await serve();
    const sessions = [
      await openSse(stage.gateway.origin, '/sse', stage.gateway.alice),
      await openSse(stage.gateway.origin, '/sse', stage.gateway.alice),
    ];
    for (const session of sessions) await session.initialize();
    for (const [index, session] of sessions.entries()) {
      const params = { name: 'progress', arguments: {}, _meta: { progressToken: index === 0 ? 'same' : 1 } };
      await session.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
    }
    for (const [index, session] of sessions.entries()) {
      await session.arrival('"done"');
      const told = session.text().match(/"progressToken":[^,]+,"progress":\d/g);
      const token = index === 0 ? '"same"' : '1';
      expect(told).toEqual([1, 2, 3].map((progress) => `"progressToken":${token},"progress":${progress}`));
      session.close();
    }
  });

  it('cancel each its own call', async () => {
    await serve();
    const [one, other] = [await connect('sse'), await connect('http')];
    const cancel = new AbortController();
    const cancelled = one.client.callTool({ name: 'slow', arguments: { ms: 60_000 } }, undefined, {
      signal: cancel.signal,
    });
    const kept = other.callText('slow', { ms: 300 });
    cancel.abort('enough');
    await expect(cancelled).rejects.toThrow('enough');
    expect(await kept).toBe('done');
  });

  it('are asked what their own call has the server ask', async () => {
    await serve();
    const [one, other] = [await connect('sse'), await connect('http')];
    for (const client of [one, other, one])
      expect(JSON.parse(await client.callText('ask'))).toMatchObject({ form: { colour: 'red' } });
  });

  it('get 10 MB while a neighbour reads nothing', async () => {
    await serve();
    const slow = await openSse(stage.gateway.origin, '/sse', stage.gateway.alice);
    await slow.initialize();
    const quick = await connect('http');
    slow.response.pause();
    for (let id = 1; id <= 3; id++) await slow.post(call(id, 'big', { bytes: 200_000 }));
    expect((await quick.callText('big', { bytes: 10_000_000 })).length).toBe(10_000_000);
    slow.response.resume();
    await slow.arrival('"id":3', 10_000);
    slow.close();
  });

  it('end together when the process is killed, each call answered within a second', async () => {
    await serve();
    const [one, other] = [await connect('sse'), await connect('http')];
    const pid = Number(await one.callText('pid'));
    const failures = [one, other].map((client) =>
      client.callText('slow', { ms: 60_000 }).catch((error: Error) => error.message),
    );
    await one.callText('echo', { text: 'open' });
    await other.callText('echo', { text: 'open' });
    const killedAt = performance.now();
    process.kill(pid, 'SIGKILL');
    for (const failure of await Promise.all(failures)) expect(failure).toContain('was lost');
    expect(performance.now() - killedAt).toBeLessThan(1000);
    await until('the sessions are over', () => stage.gateway.gateway.sessionCount === 0);
    expect(await (await connect('http')).callText('echo', { text: 'again' })).toBe('again');
    expect(stage.pids.all().length).toBe(2);
  });

  it('keep the process when one of them ends, and for a while after the last', async () => {
    const { logger, lines } = keepLog();
    await serve({ commandIdleMs: 400, logger });
    const [one, other] = [await connect('http'), await connect('sse')];
    const pid = await one.callText('pid');
    await one.close();
    expect(await other.callText('pid')).toBe(pid);
    await other.close();
    await until('the last session has ended', () => stage.gateway.gateway.sessionCount === 0);
    const next = await connect('http');
    expect(await next.callText('pid')).toBe(pid);
    await next.close();
    await until('it is ended when nobody comes', () => stage.pids.alive().length === 0, 5000);
    expect(lines.filter((line) => line.startsWith('info command started')).length).toBe(1);
  });

  it('leave no call behind: what a session that ends had open is cancelled', async () => {
    await serve();
    const stays = await connect('http');
    const leaves = await openSse(stage.gateway.origin, '/sse', stage.gateway.alice);
    await leaves.initialize();
    await leaves.post(call(1, 'slow', { ms: 60_000 }));
    leaves.close();
    await until('it is over', () => stage.gateway.gateway.sessionCount === 1);
    expect(await stays.callText('echo', { text: 'goes on' })).toBe('goes on');
  });

  it('are not cut by a reload, and new ones have a process of their own', async () => {
    await serve();
    const before = await connect('http');
    const pid = await before.callText('pid');
    stage.gateway.gateway.reload({
      keyFile: stage.gateway.keyFile,
      command: STDIO_SERVER,
      commandScope: 'principal',
      environment: { PATH: process.env['PATH'] ?? '', PIDS: stage.pids.PIDS },
    });
    const after = await connect('http');
    expect(await after.callText('pid')).not.toBe(pid);
    expect(await before.callText('pid')).toBe(pid);
    await before.close();
    await until('the former ends with its last session', () => stage.pids.alive().length === 1);
  });
});
