import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBlackHole } from '../parts/black-hole.ts';
import { until } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { BIN, runCli, startCli } from '../parts/run-cli.ts';
import {
  answers,
  callTool,
  expectOnlyMessages,
  handshake,
  INITIALIZE,
  reasonOf,
  request,
} from '../parts/stdio-messages.ts';

const SIGNALS = [
  { signal: 'SIGHUP', code: 129 },
  { signal: 'SIGINT', code: 130 },
  { signal: 'SIGTERM', code: 143 },
] as const;
/** Each is given back to the letter. */
const IDS = ['7', '"seven"', '"s\\u0065ven \\u00fc"', '80e-1'];

describe.each(['sse', 'http'] as const)('the bridge process with a %s server', (kind) => {
  let upstream: TestMcpServer;
  let url: string;

  beforeEach(async () => {
    upstream = await startMcpServer({ transports: [kind] });
    url = kind === 'sse' ? upstream.sseUrl : upstream.httpUrl;
  });
  afterEach(() => upstream.kill());

  it('ends with 0 when stdin ends, and leaves no session behind', async () => {
    const bridge = startCli([url]);
    await handshake(bridge);
    expect(upstream.sessionCount()).toBe(1);
    bridge.child.stdin.end();
    expect(await bridge.exited()).toMatchObject({ code: 0 });
    await until('the session is over', () => upstream.sessionCount() === 0);
    expect(upstream.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(kind === 'http' ? 1 : 0);
    expectOnlyMessages(bridge.stdout);
    expect(bridge.stderr).not.toMatch(/^error/m);
  });

  it('brings the answer to a call that is open when stdin ends', async () => {
    const bridge = startCli([url]);
    await handshake(bridge);
    bridge.writeLine(callTool('2', 'slow', { ms: 300 }));
    bridge.child.stdin.end();
    const { code, stdout } = await bridge.exited();
    expect(code).toBe(0);
    expect(stdout).toContain('"done"');
    expectOnlyMessages(stdout);
  });

  it('answers a call with an error when it takes too long after stdin has ended', async () => {
    const bridge = startCli([url]);
    await handshake(bridge);
    bridge.writeLine(callTool('2', 'slow', { ms: 60_000 }));
    bridge.child.stdin.end();
    expect(reasonOf(await bridge.line('the call is answered', answers('2')))).toBe('shutting_down');
    expect(await bridge.exited(1500)).toMatchObject({ code: 0 });
    await until('the session is over', () => upstream.sessionCount() === 0);
  });

  it.each(SIGNALS)('on $signal answers what is open, ends the session, and exits with $code', async ({
    signal,
    code,
  }) => {
    const bridge = startCli([url]);
    await handshake(bridge);
    bridge.writeLine(callTool('2', 'slow', { ms: 60_000 }));
    bridge.writeLine(callTool('3', 'echo', { text: 'here' }));
    await bridge.line('the call after it is answered', answers('3'));
    bridge.child.kill(signal);
    expect(await bridge.exited(2000)).toMatchObject({ code, signal: null });
    expect(reasonOf(await bridge.line('the call is answered', answers('2')))).toBe('shutting_down');
    expectOnlyMessages(bridge.stdout);
    await until('the session is over', () => upstream.sessionCount() === 0);
  });

  it('answers each call within a second of the loss of the server, with the same bytes for its id', async () => {
    const bridge = startCli([url]);
    await handshake(bridge);
    for (const id of IDS) bridge.writeLine(callTool(id, 'slow', { ms: 60_000 }));
    bridge.writeLine(callTool('"last"', 'echo', { text: 'here' }));
    await bridge.line('the last call is answered', answers('"last"'));
    const killedAt = performance.now();
    await upstream.kill();
    const lines = await Promise.all(IDS.map((id) => bridge.line(`${id} is answered`, answers(id), 2000)));
    expect(performance.now() - killedAt).toBeLessThan(1000);
    expect(lines.map(reasonOf)).toEqual(IDS.map(() => 'upstream_lost'));
    expectOnlyMessages(bridge.stdout);
  });

  it('works on when nobody reads its log any more', async () => {
    const bridge = startCli([url, '--log-level', 'debug']);
    bridge.child.stderr.destroy();
    await handshake(bridge);
    bridge.writeLine(callTool('2', 'echo', { text: 'still here' }));
    expect(await bridge.line('the call is answered', answers('2'))).toContain('still here');
    bridge.child.stdin.end();
    expect(await bridge.exited()).toMatchObject({ code: 0 });
  });

  it('ends within two seconds when nobody reads stdout any more, and says nothing of it', async () => {
    const bridge = startCli([url]);
    await handshake(bridge);
    bridge.child.stdout.destroy();
    bridge.writeLine(request('2', 'tools/list'));
    const { code, stderr } = await bridge.exited(2000);
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|^\s+at /m);
    await until('the session is over', () => upstream.sessionCount() === 0);
  });

  it('loads its own file and built-in modules, and no TLS for an http URL', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drawbridge-loads-'));
    const record = join(folder, 'loads.json');
    const recorder = fileURLToPath(new URL('../parts/record-loads.cjs', import.meta.url));
    const bridge = startCli([url], { nodeArgs: ['--require', recorder], env: { RECORD_LOADS_TO: record } });
    await handshake(bridge);
    bridge.writeLine(callTool('2', 'echo', { text: 'here' }));
    await bridge.line('the call is answered', answers('2'));
    bridge.child.stdin.end();
    await bridge.exited();
    const { files, builtIn } = JSON.parse(readFileSync(record, 'utf8')) as { files: string[]; builtIn: string[] };
    rmSync(folder, { recursive: true });
    expect(files).toEqual([BIN, BIN.replace('bin/mcp-drawbridge.cjs', 'dist/cli/main.cjs')]);
    expect(builtIn).toContain('net');
    for (const name of ['tls', '_tls_wrap', 'https', 'http2', 'crypto', 'worker_threads', 'child_process', 'zlib']) {
      expect(builtIn, `node:${name}`).not.toContain(name);
    }
  });
});

describe('the bridge process without a server that answers', () => {
  it.each(['/sse', '/mcp'])('ends with 0 at once when stdin is closed from the start: %s', async (path) => {
    const hole = await startBlackHole();
    try {
      expect(await runCli([hole.url(path)])).toMatchObject({ code: 0, stdout: '' });
    } finally {
      await hole.close();
    }
  });

  it.each(['/sse', '/mcp'])('answers initialize when stdin ends while it connects to %s', async (path) => {
    const hole = await startBlackHole();
    try {
      const bridge = startCli([hole.url(path)]);
      bridge.writeLine(INITIALIZE);
      await hole.asked();
      bridge.child.stdin.end();
      const { code, stdout } = await bridge.exited(5000);
      expect(code).toBe(0);
      expect(stdout.split('\n').filter(answers('1')).map(reasonOf)).toEqual(['shutting_down']);
      expectOnlyMessages(stdout);
    } finally {
      await hole.close();
    }
  });

  it.each(SIGNALS)('exits with $code on $signal while it connects', async ({ signal, code }) => {
    const hole = await startBlackHole();
    try {
      const bridge = startCli([hole.url('/sse')]);
      bridge.writeLine(request('9007199254740993', 'initialize'));
      await hole.asked();
      bridge.child.kill(signal);
      expect(await bridge.exited(2000)).toMatchObject({ code, signal: null });
      expect(reasonOf(bridge.stdout)).toBe('shutting_down');
      expect(bridge.stdout).toContain('"id":9007199254740993');
    } finally {
      await hole.close();
    }
  });

  it.each([
    ...SIGNALS,
    { signal: 'SIGBREAK', code: 149 },
  ])('exits with $code on a $signal that comes as soon as it listens for it', async ({ signal, code }) => {
    const preload = fileURLToPath(new URL('../parts/signal-itself.cjs', import.meta.url));
    const hole = await startBlackHole();
    try {
      const nodeArgs = ['--require', preload];
      const bridge = startCli([hole.url('/sse')], { nodeArgs, env: { SIGNAL_ITSELF: signal } });
      expect(await bridge.exited(5000)).toMatchObject({ code, signal: null, stdout: '' });
    } finally {
      await hole.close();
    }
  });

  it.each(SIGNALS)('ends, by the signal or with $code, on $signal from its first moment', async ({ signal, code }) => {
    const bridge = startCli(['http://127.0.0.1:9/sse']);
    bridge.child.kill(signal);
    const result = await bridge.exited(5000);
    if (result.signal === null) expect(result.code).toBe(code);
    else expect(result.signal).toBe(signal);
    expect(result.stdout).toBe('');
  });
});
