import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { BIN, runCli } from '../parts/run-cli.ts';

/** A terminal, a shell and a bridge, each started anew, on a busy machine. */
const PATIENCE_MS = 20_000;
const SECRET = 'hunter2-hunter2';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

interface Terminal {
  readonly output: () => string;
  type(text: string): void;
  exitCode(): Promise<number | null>;
}

/** Runs it with a terminal of its own for all three streams: util-linux's script makes one. */
function startInTerminal(args: readonly string[]): Terminal {
  const command = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null']);
  afterAll(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk.replaceAll('\r\n', '\n');
  });
  const exit = new Promise<number | null>((fulfil, reject) => child.on('close', fulfil).on('error', reject));
  return {
    output: () => text,
    type: (keys) => child.stdin.write(keys),
    exitCode: () => within(PATIENCE_MS, 'the terminal is left', exit),
  };
}

describe('a bridge that is started by hand', { timeout: 3 * PATIENCE_MS }, () => {
  let upstream: TestMcpServer;
  beforeAll(async () => {
    upstream = await startMcpServer();
  });
  afterAll(() => upstream.kill());

  it('says at once what it is for, shows the entry of a client, and ends on Ctrl-C', async () => {
    const terminal = startInTerminal([upstream.httpUrl, '--header', `X-Key: ${SECRET}`]);
    await until('it says how to end it', () => terminal.output().includes('Ctrl-C ends it'), PATIENCE_MS);
    const [entry = ''] = /^\{$.*?^\}$/ms.exec(terminal.output()) ?? [];
    expect(JSON.parse(entry)).toEqual({
      mcpServers: {
        'my-server': { command: process.execPath, args: [BIN, upstream.httpUrl, '--header', 'X-Key: ***'] },
      },
    });
    expect(terminal.output()).toContain('DRAWBRIDGE_HEADER');
    expect(terminal.output()).not.toContain(SECRET);
    terminal.type(CTRL_C);
    expect(await terminal.exitCode()).toBe(130);
  });

  it('works on what is typed, and ends on Ctrl-D', async () => {
    const terminal = startInTerminal([upstream.httpUrl]);
    await until('it is ready', () => terminal.output().includes('Ctrl-C ends it'), PATIENCE_MS);
    expect(terminal.output()).not.toContain('***');
    terminal.type('{"jsonrpc":"2.0","id":"typed","method":"ping"}\n');
    const answer = /^\{.*"id":"typed".*"(result|error)"|"error".*"id":"typed"/m;
    await until('it is answered', () => answer.test(terminal.output()), PATIENCE_MS);
    terminal.type(CTRL_D);
    expect(await terminal.exitCode()).toBe(0);
  });

  it('says nothing of it when it is to be silent', async () => {
    const terminal = startInTerminal([upstream.httpUrl, '--silent']);
    terminal.type(CTRL_D);
    expect(await terminal.exitCode()).toBe(0);
    expect(terminal.output().replaceAll(/\^D|[\b]/g, '')).toBe('');
  });

  it('says nothing of it to a client', async () => {
    expect(await runCli([upstream.httpUrl])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});
