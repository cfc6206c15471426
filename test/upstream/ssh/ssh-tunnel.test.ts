/** The life of the ssh process, with a program in its place; with the real one: test/real/ssh-tunnel.test.ts. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { createLineLogger, silentLogger } from '../../../src/log.ts';
import { SshTunnel, type SshTunnelOptions } from '../../../src/upstream/ssh/ssh-tunnel.ts';
import { until, within } from '../../parts/deadline.ts';
import { type FakeSsh, makeFakeSsh } from '../../parts/fake-ssh.ts';
import { rejectionOf } from '../../parts/memory-transport.ts';
import { isAlive } from '../../parts/processes.ts';

const tunnels: SshTunnel[] = [];
afterEach(async () => {
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
});

function createTunnel(ssh: FakeSsh | string, options: Partial<SshTunnelOptions> = {}): SshTunnel {
  const tunnel = new SshTunnel({
    destination: 'me@db.example:2222',
    target: { host: 'localhost', port: 8000 },
    logger: silentLogger,
    command: typeof ssh === 'string' ? ssh : ssh.command,
    ...options,
  });
  tunnels.push(tunnel);
  return tunnel;
}

const lost = (): DrawbridgeError => new DrawbridgeError('upstream_lost', 'it closed', { mayHaveRun: true });

describe('an SSH tunnel', () => {
  it('is made with these arguments and no others', async () => {
    const ssh = makeFakeSsh('up()');
    const { host, port } = await createTunnel(ssh, { keyFile: 'C:\\Users\\me\\.ssh\\id' }).address();
    expect(host).toBe('127.0.0.1');
    expect(ssh.starts()[0]?.args).toEqual([
      '-N',
      '-L',
      `127.0.0.1:${port}:127.0.0.1:8000`,
      '-o',
      'ExitOnForwardFailure=yes',
      '-o',
      'ClearAllForwardings=no',
      '-o',
      'BatchMode=yes',
      '-o',
      'ConnectTimeout=10',
      '-o',
      'ServerAliveInterval=15',
      '-o',
      'ServerAliveCountMax=3',
      '-o',
      'ControlPath=none',
      '-o',
      'LogLevel=DEBUG1',
      '-p',
      '2222',
      '-i',
      'C:\\Users\\me\\.ssh\\id',
      '-o',
      'IdentitiesOnly=yes',
      '--',
      'me@db.example',
    ]);
  });

  it.each([
    ['localhost', '4', '127.0.0.1:8000'],
    ['LOCALHOST', 'any', '127.0.0.1:8000'],
    ['db.localhost', '4', '127.0.0.1:8000'],
    ['localhost', '6', '[::1]:8000'],
    ['[::1]', '4', '[::1]:8000'],
    ['127.0.0.2', '6', '127.0.0.2:8000'],
    ['mcp-server.internal', '4', 'mcp-server.internal:8000'],
  ] as const)('to %s with family %s ends at %s', async (host, family, target) => {
    const ssh = makeFakeSsh('up()');
    const tunnel = createTunnel(ssh, { target: { host, port: 8000 }, family });
    const { port } = await tunnel.address();
    expect(ssh.starts()[0]?.args[2]).toBe(`127.0.0.1:${port}:${target}`);
  });

  it.each([
    ['a destination', { destination: '-oProxyCommand=x' }, /could be taken for an option/],
    ['a key file with a line break', { keyFile: 'id\n-oProxyCommand=x' }, /control character/],
    ['an empty key file', { keyFile: '' }, /empty/],
    ['a target', { target: { host: '$HOME', port: 1 } }, /plain host name/],
    ['a target that is a path', { target: { host: '/run/docker.sock', port: 1 } }, /plain host name/],
  ])('is refused at once for %s that cannot be meant', (_name, options, why) => {
    expect(() => createTunnel('ssh', options)).toThrowError(
      expect.objectContaining({ code: 'config', why: expect.stringMatching(why) }) as Error,
    );
  });

  it('is one for all who ask, and is not there before somebody asks', async () => {
    const ssh = makeFakeSsh('up()');
    const tunnel = createTunnel(ssh);
    expect(ssh.starts()).toHaveLength(0);
    const ports = (await Promise.all([tunnel.address(), tunnel.address(), tunnel.address()])).map(({ port }) => port);
    expect(new Set(ports).size).toBe(1);
    expect((await tunnel.address()).port).toBe(ports[0]);
    expect(ssh.starts()).toHaveLength(1);
  });

  it('is made anew when ssh has died', async () => {
    const ssh = makeFakeSsh('up()');
    const tunnel = createTunnel(ssh);
    await tunnel.address();
    process.kill(ssh.starts()[0]!.pid, 'SIGKILL');
    await until('another ssh', async () => {
      await tunnel.address();
      return ssh.starts().length === 2;
    });
    const socket = connect((await tunnel.address()).port, '127.0.0.1');
    await within(2000, 'the new tunnel accepts', once(socket, 'connect'));
    socket.destroy();
  });

  it('is tried anew by the next who asks when ssh ended before it was open', async () => {
    const ssh = makeFakeSsh(`if (start === 1) { say('ssh: not today\\n'); process.exit(255); } up();`);
    const tunnel = createTunnel(ssh);
    expect(await rejectionOf(tunnel.address())).toMatchObject({
      code: 'upstream_unreachable',
      message: 'the SSH tunnel to me@db.example ended before it was open',
      why: 'ssh: not today (exit code 255)',
    });
    await tunnel.address();
    expect(ssh.starts()).toHaveLength(2);
  });

  it('takes another port when the one chosen was taken, at most three', async () => {
    const taken = `
      say('bind [127.0.0.1]:' + port + ': Address already in use\\n');
      say('channel_setup_fwd_listener_tcpip: cannot listen to port: ' + port + '\\n');
      say('Could not request local forwarding.\\n');
      process.exit(255);`;
    const twice = makeFakeSsh(`if (start < 3) { ${taken} } up();`);
    await createTunnel(twice).address();
    expect(twice.starts()).toHaveLength(3);
    const ever = makeFakeSsh(taken);
    expect(await rejectionOf(createTunnel(ever).address())).toMatchObject({
      code: 'upstream_unreachable',
      why: expect.stringMatching(/^bind \[127\.0\.0\.1\]:\d+: Address already in use$/),
    });
    expect(ever.starts()).toHaveLength(3);
  });

  it('does not try again for a port that the configuration of ssh wants', async () => {
    const ssh = makeFakeSsh(`say('bind [127.0.0.1]:1: Address already in use\\n'); process.exit(255);`);
    const error = await rejectionOf(createTunnel(ssh).address());
    expect(error.hint).toMatch(/LocalForward/);
    expect(ssh.starts()).toHaveLength(1);
  });

  it('is given up when it is not open in time, and ssh is ended', async () => {
    const ssh = makeFakeSsh(`say('still thinking\\n'); setInterval(() => {}, 1000);`);
    const error = await rejectionOf(createTunnel(ssh, { openTimeoutMs: 500 }).address());
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: 'no SSH tunnel to me@db.example within 0.5 s',
      why: 'still thinking',
    });
    expect(ssh.starts().map(({ pid }) => isAlive(pid))).toEqual([false]);
  });

  it('says what to install where there is no ssh', async () => {
    expect(await rejectionOf(createTunnel('/nowhere/ssh').address())).toMatchObject({
      code: 'config',
      message: 'ssh is not installed, or not on the PATH',
      why: 'ENOENT starting /nowhere/ssh',
      hint: expect.stringContaining('Optional features, OpenSSH Client'),
    });
  });

  it('is not open because a banner says so that has more on its line', async () => {
    const ssh = makeFakeSsh(`say('** debug1: Entering interactive session.\\n'); process.exit(255);`);
    expect((await rejectionOf(createTunnel(ssh).address())).code).toBe('upstream_unreachable');
  });
});

describe('the end of an SSH tunnel', () => {
  it('ends an ssh that listens to no SIGTERM, within two seconds', async () => {
    const ssh = makeFakeSsh(`process.on('SIGTERM', () => {}); up();`);
    const tunnel = createTunnel(ssh);
    await tunnel.address();
    const { pid } = ssh.starts()[0]!;
    await within(2000, 'the tunnel is closed', tunnel.close());
    expect(isAlive(pid)).toBe(false);
  });

  it('ends an ssh that is not yet up; whoever waits is told, and nobody gets another', async () => {
    const ssh = makeFakeSsh('setInterval(() => {}, 1000);');
    const tunnel = createTunnel(ssh);
    const waiting = rejectionOf(tunnel.address());
    await until('ssh has started', () => ssh.starts().length === 1);
    await within(2000, 'the tunnel is closed', Promise.all([tunnel.close(), tunnel.close()]));
    const message = 'the SSH tunnel to me@db.example is closed';
    expect(await waiting).toMatchObject({ code: 'upstream_lost', message });
    expect(await rejectionOf(tunnel.address())).toMatchObject({ code: 'upstream_lost', message });
    expect(ssh.starts().map(({ pid }) => isAlive(pid))).toEqual([false]);
  });

  it('may come at once, and before ssh is there', async () => {
    const ssh = makeFakeSsh('up()');
    const tunnel = createTunnel(ssh);
    const waiting = rejectionOf(tunnel.address());
    await within(2000, 'the tunnel is closed', tunnel.close());
    expect((await waiting).code).toBe('upstream_lost');
    expect(ssh.starts().some(({ pid }) => isAlive(pid))).toBe(false);
    await createTunnel(ssh).close();
  });

  it('is not held up by a process that keeps the stderr of ssh', async () => {
    const ssh = makeFakeSsh(
      `require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 3000)'],
        { stdio: ['ignore', 'ignore', 'inherit'], detached: true }).unref();
      process.on('SIGTERM', () => process.exit(0)); up();`,
    );
    const tunnel = createTunnel(ssh);
    await tunnel.address();
    await within(1500, 'the tunnel is closed', tunnel.close());
  });
});

describe('what ssh says', () => {
  it('goes to the log line by line, cleaned, bounded, and without its debugging', async () => {
    const lines: string[] = [];
    const logger = createLineLogger({ level: 'info', write: (line) => lines.push(line) });
    const ssh = makeFakeSsh(
      `say('debug1: a detail\\nWelcome\\u001b[2J to db\\r\\n' + 'x'.repeat(5000) + '\\n' + 'more\\n'.repeat(1000)); up();`,
    );
    await createTunnel(ssh, { logger }).address();
    expect(lines[0]).toBe('info  ssh: Welcome\\u001b[2J to db\n');
    expect(lines[1]).toBe('info  ssh: more\n');
    expect(lines.length).toBeLessThan(110);
    expect(lines.at(-2)).toBe('info  ssh says more than is logged\n');
    expect(lines.at(-1)).toBe('info  the SSH tunnel to me@db.example is open\n');
  });
});

describe('why a connection through the tunnel failed', () => {
  const REFUSED = 'channel 2: open failed: connect failed: Connection refused';

  it('is the end of ssh where that came first', async () => {
    const ssh = makeFakeSsh(
      `up(() => { say('Connection to db.example closed by remote host.\\n'); process.exit(255); });`,
    );
    const { port, explain } = await createTunnel(ssh).address();
    await within(2000, 'the connection is cut', closed(port));
    expect(await explain!(lost())).toMatchObject({
      code: 'upstream_lost',
      message: 'the SSH connection to me@db.example was lost',
      why: 'Connection to db.example closed by remote host',
      mayHaveRun: true,
    });
  });

  it('is what the SSH server said of the target', async () => {
    const ssh = makeFakeSsh(`up((socket) => { say('${REFUSED}\\n'); socket.destroy(); });`);
    const { port, explain } = await createTunnel(ssh).address();
    await within(2000, 'the connection is cut', closed(port));
    expect(await explain!(lost())).toMatchObject({
      code: 'upstream_unreachable',
      message: 'the SSH server db.example reaches no MCP server on 127.0.0.1:8000',
      why: 'connect failed: Connection refused',
      hint: expect.stringContaining('localhost is the machine of the SSH server'),
      mayHaveRun: true,
    });
  });

  it('is no refusal that came before the connection was asked for', async () => {
    const ssh = makeFakeSsh(`up((socket) => { say('${REFUSED}\\n'); socket.destroy(); });`);
    const tunnel = createTunnel(ssh);
    const first = await tunnel.address();
    await within(2000, 'the connection is cut', closed(first.port));
    expect((await first.explain!(lost())).message).toMatch(/reaches no MCP server/);
    const error = lost();
    expect(await (await tunnel.address()).explain!(error)).toBe(error);
  });

  it('is left as it is where the tunnel has nothing to do with it', async () => {
    const { explain } = await createTunnel(makeFakeSsh('up()')).address();
    for (const error of [lost(), new DrawbridgeError('upstream_timeout', 'late'), new DrawbridgeError('config', 'x')]) {
      expect(await explain!(error)).toBe(error);
    }
  });
});

async function closed(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'close');
}
