/** The bridge process with --ssh: the built command line, the system's ssh, a real sshd, an MCP server of the SDK. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectRefusal } from '../parts/bad-input.ts';
import { startBlackHole } from '../parts/black-hole.ts';
import { until } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { type CliProcess, runCli, startCli } from '../parts/run-cli.ts';
import { answers, callTool, expectOnlyMessages, handshake, INITIALIZE } from '../parts/stdio-messages.ts';
import { findFreePort } from './free-port.mjs';
import { findAlive, type SshClient, type Sshd, startSshd } from './sshd.mjs';

const IPV6_FIRST = fileURLToPath(new URL('../parts/localhost-is-ipv6.cjs', import.meta.url));
let sshd: Sshd;
let ssh: SshClient;
let server: TestMcpServer;

beforeAll(async () => {
  sshd = await startSshd();
  ssh = await sshd.makeClient();
});
afterAll(() => sshd.stop());
beforeEach(async () => {
  server = await startMcpServer();
});
afterEach(() => server.kill());

interface TunnelledOptions {
  readonly destination?: string;
  readonly keyFile?: string;
  readonly nodeArgs?: readonly string[];
}

/** The URL is for localhost whatever it says; its `ssh` is that of the test. */
function startTunnelled(url: string, options: TunnelledOptions = {}): CliProcess {
  const there = [
    '--initialize-timeout',
    '5',
    '--ssh',
    options.destination ?? sshd.destination,
    '--ssh-key',
    options.keyFile ?? sshd.keyFile,
  ];
  return startCli([url.replace('127.0.0.1', 'localhost'), ...there], {
    env: { PATH: `${ssh.bin}:${process.env['PATH']}` },
    nodeArgs: options.nodeArgs ?? [],
  });
}

interface Answer {
  readonly result?: { readonly instructions?: string; readonly content?: readonly { readonly text: string }[] };
  readonly error?: { readonly message: string; readonly data?: { readonly reason?: string; readonly hint?: string } };
}

async function answerTo(bridge: CliProcess, id: string, ms = 30_000): Promise<Answer> {
  return JSON.parse(await bridge.line(`${id} is answered`, answers(id), ms)) as Answer;
}

/** What the client is told in place of the server's answer to initialize. */
async function answerWithoutServer(bridge: CliProcess): Promise<string> {
  return (await answerTo(bridge, '1')).result?.instructions ?? '';
}

async function echo(bridge: CliProcess, id: string): Promise<Answer> {
  bridge.writeLine(callTool(id, 'echo', { text: `text ${id}` }));
  return answerTo(bridge, id);
}

/** The processes of the tunnel, of which there must be two: ssh, and what ends it should the bridge be killed. */
async function tunnelPids(): Promise<number[]> {
  const { clients, guards } = await ssh.pids();
  expect([clients.length, guards.length]).toEqual([1, 1]);
  return [...clients, ...guards];
}

describe.each(['sse', 'http'] as const)('a bridge to a %s server through --ssh', (kind) => {
  const url = (): string => (kind === 'sse' ? server.sseUrl : server.httpUrl);

  it('carries a session, and ends it and ssh with its stdin', async () => {
    const bridge = startTunnelled(url());
    await handshake(bridge);
    expect((await echo(bridge, '2')).result?.content).toEqual([{ type: 'text', text: 'text 2' }]);
    bridge.writeLine(callTool('3', 'big', { bytes: 3_000_000 }));
    expect((await answerTo(bridge, '3')).result?.content?.[0]?.text).toHaveLength(3_000_000);
    const pids = await tunnelPids();
    bridge.child.stdin.end();
    expect(await bridge.exited()).toMatchObject({ code: 0 });
    expect(await findAlive(pids)).toEqual([]);
    await until('the session is over', () => server.sessionCount() === 0);
    expectOnlyMessages(bridge.stdout);
  });

  it('reaches a server on 127.0.0.1 where localhost is ::1 first', async () => {
    const bridge = startTunnelled(url(), { nodeArgs: ['--require', IPV6_FIRST] });
    await handshake(bridge);
    expect((await echo(bridge, '2')).result?.content).toEqual([{ type: 'text', text: 'text 2' }]);
    bridge.child.stdin.end();
    expect(await bridge.exited()).toMatchObject({ code: 0 });
  });

  it('works again after its connection to the SSH server was cut', async () => {
    const bridge = startTunnelled(url());
    await handshake(bridge);
    await echo(bridge, '2');
    const before = await ssh.pids();
    await sshd.killConnections();
    await until('ssh has ended', async () => (await findAlive(before.clients)).length === 0);
    expect((await echo(bridge, '3')).result?.content).toEqual([{ type: 'text', text: 'text 3' }]);
    bridge.child.stdin.end();
    expect(await bridge.exited()).toMatchObject({ code: 0 });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const)('leaves no ssh behind on %s', async (signal) => {
    const bridge = startTunnelled(url());
    await handshake(bridge);
    const pids = await tunnelPids();
    bridge.child.kill(signal);
    await bridge.exited();
    await until('no ssh is left', async () => (await findAlive(pids)).length === 0);
    if (signal !== 'SIGKILL') await until('the session is over', () => server.sessionCount() === 0);
  });
});

describe('a bridge whose tunnel is not open yet', () => {
  it.each(['SIGTERM', 'SIGKILL', 'the end of stdin'] as const)('leaves no ssh behind on %s', async (what) => {
    const hole = await startBlackHole();
    const destination = `me@${new URL(hole.url('/')).host}`;
    const bridge = startTunnelled(server.sseUrl, { destination });
    try {
      bridge.writeLine(INITIALIZE);
      await hole.asked();
      const pids = await tunnelPids();
      if (what === 'the end of stdin') bridge.child.stdin.end();
      else bridge.child.kill(what);
      await bridge.exited(5000);
      await until('no ssh is left', async () => (await findAlive(pids)).length === 0);
    } finally {
      await hole.close();
    }
  });

  it('leaves no ssh behind where a second signal ends it at once', async () => {
    const bridge = startTunnelled(server.sseUrl);
    await handshake(bridge);
    const pids = await tunnelPids();
    bridge.writeLine(callTool('2', 'slow', { ms: 60_000 }));
    bridge.child.kill('SIGTERM');
    bridge.child.kill('SIGINT');
    await bridge.exited();
    await until('no ssh is left', async () => (await findAlive(pids)).length === 0);
  });
});

describe('a bridge whose tunnel cannot be had', () => {
  it('tells the client in the answer to initialize why, and what to try', async () => {
    const bridge = startTunnelled(server.sseUrl, { keyFile: sshd.strangerKeyFile });
    bridge.writeLine(INITIALIZE);
    const { error } = await answerTo(bridge, '1');
    expect(error?.message).toContain(`the SSH server refused to log in ${sshd.user}@127.0.0.1`);
    expect(error?.data?.reason).toBe('upstream_refused');
    bridge.child.stdin.end();
    await bridge.exited();
  });

  it('tells that nothing listens behind the SSH server', async () => {
    await server.kill();
    const bridge = startTunnelled(server.sseUrl);
    bridge.writeLine(INITIALIZE);
    expect(await answerWithoutServer(bridge)).toContain(
      `the SSH server 127.0.0.1 reaches no MCP server on 127.0.0.1:${server.port}`,
    );
    bridge.child.stdin.end();
    await bridge.exited();
  });

  it.each([
    '-oProxyCommand=touch MARK',
    '-oProxyCommand=touch$IFS$9MARK',
    'me@-oProxyCommand=touch MARK',
    'me@127.0.0.1 -oProxyCommand=touch MARK',
    'me@127.0.0.1\n-oProxyCommand=touch MARK',
    '$(touch MARK)@127.0.0.1',
    'me@`touch MARK`',
    'me@127.0.0.1;touch MARK',
  ])('runs nothing for the destination %j', async (destination) => {
    const mark = join(sshd.folder, 'mark');
    const bad = {
      name: destination,
      args: [server.sseUrl, `--ssh=${destination.replace('MARK', mark)}`],
      env: { PATH: `${ssh.bin}:${process.env['PATH']}` },
      error: /^the SSH destination .* cannot be used$/,
      why: /option|space|user name|neither/,
      tryThis: /user@host:port/,
    };
    await expectRefusal(bad, sshd.folder);
    expect(existsSync(mark)).toBe(false);
    expect((await ssh.pids()).clients).toEqual([]);
  });

  it('says what to install where there is no ssh', async () => {
    const { stderr } = await runCli([server.sseUrl, '--ssh', sshd.destination], {
      env: { PATH: '/nowhere' },
      input: `${INITIALIZE}\n`,
    });
    expect(stderr).toContain('ssh is not installed, or not on the PATH');
  });
});

describe('a tunnel that somebody else has started', () => {
  /** Starts `ssh -L` as people do by hand, and settles when it listens. */
  async function startTunnelByHand(targetPort: number): Promise<{ port: number; end(): Promise<void> }> {
    const port = await findFreePort();
    const forward = `${port}:127.0.0.1:${targetPort}`;
    const there = ['-i', sshd.keyFile, '-p', String(sshd.port), `${sshd.user}@127.0.0.1`];
    const child = spawn(ssh.command, ['-v', '-N', '-L', forward, ...there], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise<void>((fulfil) => {
      child.once('close', () => fulfil());
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until('the tunnel is open', () => said.includes('Entering interactive session'), 10_000);
    return {
      port,
      end: () => {
        child.kill();
        return ended;
      },
    };
  }

  async function initializeAt(url: string): Promise<string> {
    const bridge = startCli([url, '--initialize-timeout', '2']);
    bridge.writeLine(INITIALIZE);
    const said = await answerWithoutServer(bridge);
    bridge.child.stdin.end();
    await bridge.exited();
    return said;
  }

  it.each(['/sse', '/mcp'])('is named when nothing listens at its far end: %s', async (path) => {
    await server.kill();
    const tunnel = await startTunnelByHand(server.port);
    try {
      expect(await initializeAt(`http://localhost:${tunnel.port}${path}`)).toMatch(/tunnel/i);
    } finally {
      await tunnel.end();
    }
  });

  it.each(['/sse', '/mcp'])('is named when its ssh has ended: %s', async (path) => {
    const tunnel = await startTunnelByHand(server.port);
    await tunnel.end();
    expect(await initializeAt(`http://localhost:${tunnel.port}${path}`)).toMatch(/tunnel/i);
  });
});

describe('the preload that puts ::1 first', () => {
  it('breaks whoever asks for localhost', async () => {
    const code = `require('node:net').connect({ host: 'localhost', port: ${server.port}, autoSelectFamily: false })
      .on('error', (error) => console.log(error.address)).on('connect', () => console.log('connected'));`;
    const child = spawn(process.execPath, ['--require', IPV6_FIRST, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await new Promise((fulfil) => child.once('close', fulfil));
    expect(said).toBe('::1\n');
  });
});
