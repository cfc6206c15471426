/** SshTunnel with the system's ssh and a real sshd. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SshTunnel } from '../../src/upstream/ssh/ssh-tunnel.ts';
import { until } from '../parts/deadline.ts';
import { makeFakeSsh } from '../parts/fake-ssh.ts';
import { rejectionOf } from '../parts/memory-transport.ts';
import { ResponseRecorder } from '../parts/response-recorder.ts';
import { findFreePort } from './free-port.mjs';
import { findAlive } from './sshd.mjs';
import { stageTunnels } from './tunnel-stage.ts';

const run = promisify(execFile);
const stage = stageTunnels();
const { log, logger, keep, createTunnel, createClient, askThrough } = stage;

async function expectNoneLeft(pids: { clients: number[]; guards: number[] }): Promise<void> {
  await until('no process is left', async () => (await findAlive([...pids.clients, ...pids.guards])).length === 0);
}

describe('an SSH tunnel to a server that listens on 127.0.0.1 alone', () => {
  it('carries requests for localhost, and leaves nothing behind', async () => {
    const tunnel = createTunnel();
    expect((await askThrough(tunnel)).status).toBe(404);
    expect(stage.server.seen.map(({ url }) => url)).toEqual(['/nothing']);
    const pids = await stage.ssh.pids();
    expect([pids.clients.length, pids.guards.length]).toEqual([1, 1]);
    await tunnel.close();
    expect(await findAlive([...pids.clients, ...pids.guards])).toEqual([]);
    await until('the SSH server is alone', async () => (await stage.sshd.connectionPids()).length === 0);
  });

  it('comes back when its connection was cut, with a word in the log', async () => {
    const tunnel = createTunnel();
    await askThrough(tunnel);
    const before = await stage.ssh.pids();
    await stage.sshd.killConnections();
    await expectNoneLeft(before);
    await until('the loss is logged', () => log.some((line) => /^warn .*started again/.test(line)));
    expect((await askThrough(tunnel)).status).toBe(404);
    expect((await stage.ssh.pids()).clients).not.toEqual(before.clients);
    expect(log.filter((line) => line.includes('is open'))).toHaveLength(2);
  });

  it('comes back when ssh itself was killed', async () => {
    const tunnel = createTunnel();
    await askThrough(tunnel);
    for (const pid of (await stage.ssh.pids()).clients) process.kill(pid, 'SIGKILL');
    await until('the loss is logged', () => log.some((line) => /^warn .*SIGKILL/.test(line)));
    expect((await askThrough(tunnel)).status).toBe(404);
  });

  it('names itself in what it says of a request that was under way when its connection was cut', async () => {
    const tunnel = createTunnel();
    const url = new URL(stage.server.sseUrl);
    const client = createClient(tunnel, url);
    const sink = new ResponseRecorder();
    client.request({ method: 'GET', path: '/sse', headers: 'Accept: text/event-stream\r\n', timeoutMs: 0 }, sink);
    await until('the stream is open', () => sink.body.includes('endpoint'));
    await stage.sshd.killConnections();
    await sink.over();
    expect(sink.error).toMatchObject({ code: 'upstream_lost', mayHaveRun: true });
    expect(sink.error?.sentence).toContain(`SSH`);
    expect(sink.error?.sentence).toContain(stage.sshd.user);
  });

  it('stands again when the SSH server was away for a while', async () => {
    const tunnel = createTunnel();
    await askThrough(tunnel);
    await stage.sshd.end();
    await until('the loss is logged', () => log.some((line) => /^warn .*started again/.test(line)));
    expect((await askThrough(tunnel)).error).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach the SSH server 127.0.0.1:${stage.sshd.port}`,
      mayHaveRun: false,
    });
    await stage.sshd.start();
    expect((await askThrough(tunnel)).status).toBe(404);
  });

  it('takes another port when ssh finds the first one taken', async () => {
    const taken = makeFakeSsh(`
      const { spawn } = require('node:child_process');
      const go = () => {
        const child = spawn(${JSON.stringify(stage.ssh.command)}, args, { stdio: ['ignore', 'ignore', 'inherit'] });
        process.on('SIGTERM', () => child.kill());
        child.on('exit', (code) => process.exit(code ?? 1));
      };
      if (start === 1) createServer().listen(port, '127.0.0.1', go);
      else go();`);
    expect((await askThrough(createTunnel({ command: taken.command }))).status).toBe(404);
    expect(taken.starts()).toHaveLength(2);
    expect(log.some((line) => /Address already in use/.test(line))).toBe(true);
  });

  it('needs a port of its own choice, since ssh takes no 0 there', async () => {
    const args = ['-N', '-L', `127.0.0.1:0:127.0.0.1:${stage.server.port}`, '-p', String(stage.sshd.port), '127.0.0.1'];
    await expect(run(stage.ssh.command, args)).rejects.toThrow(/Bad local forwarding specification/);
  });
});

describe('what an SSH tunnel takes from the user’s configuration of ssh', () => {
  it('is a Host by its name, with its address, port, user and key', async () => {
    const client = await stage.sshd.makeClient({
      config: [
        'Host mcp-box',
        '  HostName 127.0.0.1',
        `  Port ${stage.sshd.port}`,
        `  User ${stage.sshd.user}`,
        `  IdentityFile ${stage.sshd.keyFile}`,
      ],
    });
    const target = { host: 'localhost', port: stage.server.port };
    const tunnel = keep(new SshTunnel({ destination: 'mcp-box', target, logger, command: client.command }));
    expect((await askThrough(tunnel)).status).toBe(404);
  });

  it('is the way through another host, of which nothing is left either', async () => {
    const client = await stage.sshd.makeClient({
      config: [
        `IdentityFile ${stage.sshd.keyFile}`,
        `User ${stage.sshd.user}`,
        `Port ${stage.sshd.port}`,
        'Host inner gate',
        '  HostName 127.0.0.1',
        'Host inner',
        '  ProxyJump gate',
      ],
    });
    const { command } = client;
    const tunnel = createTunnel({ command, destination: 'inner' });
    expect((await askThrough(tunnel)).status).toBe(404);
    const pids = await client.pids();
    expect(pids.clients).toHaveLength(2);
    await tunnel.close();
    await expectNoneLeft(pids);
  });

  it.each([
    ['quiet logs', ['LogLevel QUIET']],
    ['cleared forwardings', ['ClearAllForwardings yes']],
    ['a command to run', ['RemoteCommand echo hello', 'RequestTTY force']],
    ['a lenient forwarding', ['ExitOnForwardFailure no', 'BatchMode no', 'GatewayPorts yes']],
  ])('is not %s', async (_name, config) => {
    const client = await stage.sshd.makeClient({ config });
    expect((await askThrough(createTunnel({ command: client.command }))).status).toBe(404);
  });

  it('is not a connection that another ssh shares, which would keep the tunnel when it is closed', async () => {
    const client = await stage.sshd.makeClient({
      config: ['ControlMaster auto', `ControlPath ${stage.sshd.folder}/shared`, 'ControlPersist yes'],
    });
    const there = ['-p', String(stage.sshd.port), '-i', stage.sshd.keyFile, `${stage.sshd.user}@127.0.0.1`];
    // What it leaves in the background must not hold the outputs of what started it.
    await run('sh', ['-c', '"$@" </dev/null >/dev/null 2>&1', 'sh', client.command, ...there, 'true']);
    try {
      expect(existsSync(`${stage.sshd.folder}/shared`)).toBe(true);
      const tunnel = createTunnel({ command: client.command });
      const { port } = await tunnel.address();
      await tunnel.close();
      await expect(findFreePort(port)).resolves.toBe(port);
    } finally {
      await run(client.command, ['-O', 'exit', ...there]);
    }
  });

  it('is a forwarding of its own, which is named when its port is taken', async () => {
    const client = await stage.sshd.makeClient({ config: [`LocalForward 127.0.0.1:${stage.server.port} localhost:1`] });
    const error = await rejectionOf(createTunnel({ command: client.command }).address());
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: 'ssh could not open a forwarding that its configuration has for 127.0.0.1',
    });
    expect(error.why).toContain(`${stage.server.port}: Address already in use`);
    expect(error.hint).toContain('LocalForward');
  });
});
