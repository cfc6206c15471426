import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBlackHole } from '../parts/black-hole.ts';
import { until } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { type OpenPipe, openPipe, processesWith } from '../parts/processes.ts';
import { type CliProcess, startCli } from '../parts/run-cli.ts';
import { answers, callTool, expectOnlyMessages, INITIALIZE, INITIALIZED, reasonOf } from '../parts/stdio-messages.ts';

/** A launcher between us and the bridge, as npx and cmd are; we hold the stdin of its child open whatever happens to it. */
const LAUNCHER = ['sh', '-c', '"$@" <"$STDIN_PIPE" & wait', 'sh'];
/** The watch looks every 2 s; then what is in flight has 2 s. */
const END_MS = 9000;

describe('a bridge whose launcher is killed, with stdin still open', () => {
  let upstream: TestMcpServer;
  let stdin: OpenPipe;
  beforeEach(async () => {
    upstream = await startMcpServer();
    stdin = openPipe();
  });
  afterEach(() => {
    stdin.close();
    return upstream.kill();
  });

  const launch = (url: string): CliProcess => startCli([url], { through: LAUNCHER, env: { STDIN_PIPE: stdin.path } });

  async function shakeHands(bridge: CliProcess): Promise<void> {
    stdin.writeLine(INITIALIZE);
    await bridge.line('initialize is answered', answers('1'));
    stdin.writeLine(INITIALIZED);
  }

  it.each(['sse', 'http'] as const)('answers what is in flight, ends its %s session, and exits', async (kind) => {
    const url = kind === 'sse' ? upstream.sseUrl : upstream.httpUrl;
    const bridge = launch(url);
    await shakeHands(bridge);
    stdin.writeLine(callTool('2', 'slow', { ms: 60_000 }));
    stdin.writeLine(callTool('3', 'echo', { text: 'here' }));
    await bridge.line('the call after it is answered', answers('3'));
    const killedAt = performance.now();
    bridge.child.kill('SIGKILL');
    // Its outputs end only when the last process that has them has ended.
    expect(await bridge.exited(END_MS)).toMatchObject({ signal: 'SIGKILL' });
    expect(performance.now() - killedAt, 'what is in flight has its time').toBeGreaterThan(1900);
    expect(processesWith(url)).toEqual([]);
    expect(reasonOf(await bridge.line('the call is answered', answers('2')))).toBe('shutting_down');
    expectOnlyMessages(bridge.stdout);
    await until('the session is over', () => upstream.sessionCount() === 0);
    expect(upstream.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(kind === 'http' ? 1 : 0);
    expect(bridge.stderr).toContain('the process that started the bridge is gone');
  });

  it.each(['/sse', '/mcp'])('exits while it connects to a server that never answers: %s', async (path) => {
    const hole = await startBlackHole();
    try {
      const bridge = launch(hole.url(path));
      stdin.writeLine(INITIALIZE);
      await hole.asked();
      bridge.child.kill('SIGKILL');
      await bridge.exited(END_MS);
      expect(processesWith(hole.url(path))).toEqual([]);
      expect(reasonOf(bridge.stdout)).toBe('shutting_down');
    } finally {
      await hole.close();
    }
  });

  it('stays while its launcher does', async () => {
    const bridge = launch(upstream.httpUrl);
    await shakeHands(bridge);
    // More than one look at the launcher.
    stdin.writeLine(callTool('2', 'slow', { ms: 4500 }));
    expect(await bridge.line('the call is answered', answers('2'))).toContain('done');
    bridge.child.kill('SIGKILL');
    await bridge.exited(END_MS);
  });
});
