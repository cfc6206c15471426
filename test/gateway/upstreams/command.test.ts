/** MCP servers that the gateway starts itself: a process for each session. */
import { describe, expect, it } from 'vitest';
import { useCommandGateway } from '../../parts/command-gateway.ts';
import { until } from '../../parts/deadline.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';
import { faultyServer, keepLog } from '../../parts/stdio-servers.ts';

const stage = useCommandGateway();
const { serve, connect } = stage;

const post = (body: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> =>
  send(stage.gateway.origin, {
    method: 'POST',
    path: '/mcp',
    headers: { ...JSON_HEADERS, ...stage.gateway.alice, ...headers },
    body,
  });

const reasonOf = ({ body }: RawAnswer): unknown =>
  (JSON.parse(body) as { error: { data: { reason: string } } }).error.data.reason;

describe.each(['sse', 'http'] as const)('a %s client in front of a command', (kind) => {
  it('calls tools, sees progress, is asked, cancels, and gets 10 MB', async () => {
    await serve();
    const alice = await connect(kind);
    expect((await alice.client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(await alice.callText('echo', { text: 'ünï\u2028 "quoted" 🏰' })).toBe('ünï\u2028 "quoted" 🏰');
    const seen: number[] = [];
    await alice.client.callTool({ name: 'progress', arguments: {} }, undefined, {
      onprogress: ({ progress }) => void seen.push(progress),
    });
    expect(seen).toEqual([1, 2, 3]);
    expect(JSON.parse(await alice.callText('ask'))).toMatchObject({ form: { colour: 'red' } });
    const cancel = new AbortController();
    const slow = alice.client.callTool({ name: 'slow', arguments: { ms: 60_000 } }, undefined, {
      signal: cancel.signal,
    });
    cancel.abort('enough');
    await expect(slow).rejects.toThrow('enough');
    expect((await alice.callText('big', { bytes: 10_000_000 })).length).toBe(10_000_000);
    const texts = Array.from({ length: 100 }, (_value, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => alice.callText('echo', { text })))).toEqual(texts);
    await alice.callText('announce');
    await until('the log notification', () => alice.logs.length === 1);
  });

  it('has a process of its own, which ends with it', async () => {
    await serve();
    const [alice, other, bob] = [await connect(kind), await connect(kind), await connect(kind, stage.gateway.bob)];
    const ids = await Promise.all([alice, other, bob].map((client) => client.callText('pid')));
    expect(new Set(ids).size).toBe(3);
    expect(stage.pids.alive().length).toBe(3);
    await other.close();
    await until('its process has ended', () => stage.pids.alive().length === 2);
    expect(await alice.callText('pid')).toBe(ids[0]);
  });

  it('has an environment for its principal, and nothing of the gateway’s', async () => {
    await serve({
      environment: { DATABASE_URI: 'postgresql://common@127.0.0.1/db', LEVEL: 'all' },
      principalEnvironment: { alice: { DATABASE_URI: 'postgresql://alice@127.0.0.1/db' } },
    });
    const [alice, bob] = [await connect(kind), await connect(kind, stage.gateway.bob)];
    expect(await alice.callText('variable', { name: 'DATABASE_URI' })).toBe('postgresql://alice@127.0.0.1/db');
    expect(await bob.callText('variable', { name: 'DATABASE_URI' })).toBe('postgresql://common@127.0.0.1/db');
    expect(await alice.callText('variables')).toBe('DATABASE_URI LEVEL PATH PIDS');
  });

  it('is answered within a second when its process is killed, and its session is over', async () => {
    await serve();
    const alice = await connect(kind);
    const bob = await connect(kind, stage.gateway.bob);
    const pid = Number(await alice.callText('pid'));
    const failures = Promise.all(
      [1, 2, 3].map(() =>
        alice.callText('slow', { ms: 60_000 }).then(
          () => 'answered',
          (error: Error) => error.message,
        ),
      ),
    );
    await alice.callText('echo', { text: 'they are open' });
    const killedAt = performance.now();
    process.kill(pid, 'SIGKILL');
    for (const failure of await failures)
      expect(failure).toContain('the connection to the MCP server behind this gateway was lost');
    expect(performance.now() - killedAt).toBeLessThan(1000);
    await until('the session is over', () => stage.gateway.gateway.sessionCount === 1);
    expect(await bob.callText('echo', { text: 'untouched' })).toBe('untouched');
  });
});

describe('a command that cannot serve', () => {
  it('is 404 for a session whose process was killed', async () => {
    await serve();
    const id = String((await post(INITIALIZE)).headers['mcp-session-id']);
    process.kill(stage.pids.all()[0]!, 'SIGKILL');
    await until('the session is over', () => stage.gateway.gateway.sessionCount === 0);
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    expect((await post(ping, { 'mcp-session-id': id })).status).toBe(404);
  });

  it('and is not there is 502 without its name, and not ready', async () => {
    await serve({ command: ['/nowhere/mcp-server'] });
    const answer = await post(INITIALIZE);
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toMatchObject({ id: 0, error: { data: { reason: 'upstream_unreachable' } } });
    expect(answer.body).not.toContain('nowhere');
    expect((await send(stage.gateway.origin, { path: '/ready' })).status).toBe(503);
    expect(stage.gateway.gateway.sessionCount).toBe(0);
  });

  it('and dies at once is not started as often as it is asked for; others are not held up', async () => {
    const { logger, lines } = keepLog();
    await serve({ command: faultyServer('dies-at-once'), logger });
    expect((await send(stage.gateway.origin, { path: '/ready' })).status).toBe(200);
    const startedAt = performance.now();
    const answers: RawAnswer[] = [];
    for (let count = 0; count < 30; count++) answers.push(await post(INITIALIZE));
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(answers.map(reasonOf)).toEqual(answers.map(() => 'upstream_lost'));
    // What is refused because of the start before it, is refused at once, and says when to try again.
    expect(answers.filter(({ status }) => status === 502).length).toBeGreaterThan(20);
    const started = lines.filter((line) => line.startsWith('info command started'));
    expect(started.length).toBeGreaterThan(0);
    expect(started.length).toBeLessThan(8);
    expect(lines.some((line) => line.includes('exit code 3; its last line'))).toBe(true);
    expect(reasonOf(await post(INITIALIZE, stage.gateway.bob))).toBe('upstream_lost');
    expect(lines.filter((line) => line.includes('"principal":"bob"') && line.includes('started')).length).toBe(1);
    expect((await send(stage.gateway.origin, { path: '/ready' })).status).toBe(503);
  });

  it('and never answers is given up, and its client told', async () => {
    await serve({ command: faultyServer('never-answers'), commandStartTimeoutMs: 300 });
    expect(reasonOf(await post(INITIALIZE))).toBe('upstream_timeout');
  });

  it('is 503 where as many run as may, until one has ended', async () => {
    await serve({ maxCommands: 1 });
    const first = await openSse(stage.gateway.origin, '/sse', stage.gateway.alice);
    await first.initialize();
    const refused = await post(INITIALIZE, stage.gateway.bob);
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body)).toMatchObject({ error: { data: { reason: 'too_many_sessions' } } });
    first.close();
    await until('there is room again', async () => (await post(INITIALIZE, stage.gateway.bob)).status === 200);
  });

  it('after a reload goes on for open sessions, and is another for new ones', async () => {
    await serve();
    const alice = await connect('http');
    stage.gateway.gateway.reload({ keyFile: stage.gateway.keyFile, command: faultyServer('dies-at-once') });
    expect(reasonOf(await post(INITIALIZE))).toBe('upstream_lost');
    expect(await alice.callText('echo', { text: 'still here' })).toBe('still here');
  });
});
