import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBlackHole } from '../parts/black-hole.ts';
import { until } from '../parts/deadline.ts';
import { startMcpServer } from '../parts/mcp-server.ts';
import { type InstalledPackage, installPackage } from '../parts/package.ts';
import { type OpenPipe, openPipe, processesWith } from '../parts/processes.ts';
import { answers, callTool, INITIALIZE, INITIALIZED } from '../parts/stdio-messages.ts';

/** The watch of the bridge looks every 2 s, and what is in flight has 2 s more. */
const END_MS = 10_000;

let installed: InstalledPackage;
beforeAll(async () => {
  installed = await installPackage();
}, 120_000);
afterAll(() => installed.remove());

interface Npx {
  readonly child: ChildProcess;
  readonly stdin: OpenPipe;
  /** Whether the request with this id was answered. */
  hasAnswered(id: string): boolean;
}

/** Its stdin stays open whatever is killed: the client that has started it may still be there. */
function startNpx(url: string): Npx {
  const stdin = openPipe();
  const child = spawn('npx', ['--no-install', 'mcp-drawbridge', url], {
    cwd: installed.folder,
    stdio: [stdin.fd, 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return { child, stdin, hasAnswered: (id) => text.split('\n').some(answers(id)) };
}

describe('a bridge whose npx gets SIGTERM, with stdin still open', () => {
  it('leaves no process behind with a call in flight', async () => {
    const upstream = await startMcpServer();
    const url = upstream.httpUrl;
    const npx = startNpx(url);
    try {
      npx.stdin.writeLine(INITIALIZE);
      await until('initialize is answered', () => npx.hasAnswered('1'), 15_000);
      npx.stdin.writeLine(INITIALIZED);
      npx.stdin.writeLine(callTool('2', 'slow', { ms: 60_000 }));
      npx.stdin.writeLine(callTool('3', 'echo', { text: 'here' }));
      await until('the call after it is answered', () => npx.hasAnswered('3'), 10_000);
      expect(processesWith(url).length).toBeGreaterThan(0);
      npx.child.kill('SIGTERM');
      await until(`nothing is left: ${processesWith(url).join(', ')}`, () => processesWith(url).length === 0, END_MS);
      await until('the session is over', () => upstream.sessionCount() === 0);
    } finally {
      end(npx, url);
      await upstream.kill();
    }
  });

  it('leaves no process behind while it connects to a server that never answers', async () => {
    const hole = await startBlackHole();
    const url = hole.url('/sse');
    const npx = startNpx(url);
    try {
      npx.stdin.writeLine(INITIALIZE);
      await hole.asked();
      expect(processesWith(url).length).toBeGreaterThan(0);
      npx.child.kill('SIGTERM');
      await until(`nothing is left: ${processesWith(url).join(', ')}`, () => processesWith(url).length === 0, END_MS);
    } finally {
      end(npx, url);
      await hole.close();
    }
  });
});

/** Nothing, unless the test has failed. */
function end({ child, stdin }: Npx, url: string): void {
  child.kill('SIGKILL');
  for (const line of processesWith(url)) process.kill(Number.parseInt(line, 10), 'SIGKILL');
  stdin.close();
}
