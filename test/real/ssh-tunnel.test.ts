/** SshTunnel with the system's ssh and a real sshd. */
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLineLogger } from '../../src/log.ts';
import { HttpClient } from '../../src/upstream/http/http-client.ts';
import { SshTunnel, type SshTunnelOptions } from '../../src/upstream/ssh/ssh-tunnel.ts';
import { httpClientOptions } from '../../src/upstream/upstream-options.ts';
import { until, within } from '../parts/deadline.ts';
import { makeFakeSsh } from '../parts/fake-ssh.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { rejectionOf } from '../parts/memory-transport.ts';
import { ResponseRecorder } from '../parts/response-recorder.ts';
import { findFreePort } from './free-port.mjs';
import { findAlive, type SshClient, type Sshd, startSshd } from './sshd.mjs';

const run = promisify(execFile);
let sshd: Sshd;
let ssh: SshClient;
let server: TestMcpServer;
const log: string[] = [];
const logger = createLineLogger({ level: 'debug', write: (line) => log.push(line) });
const tunnels: SshTunnel[] = [];
const clients: HttpClient[] = [];

beforeAll(async () => {
  sshd = await startSshd();
  ssh = await sshd.makeClient();
});
afterAll(() => sshd.stop());
beforeEach(async () => {
  log.length = 0;
  server = await startMcpServer();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
  await server.kill();
});

function createTunnel(options: Partial<SshTunnelOptions> = {}): SshTunnel {
  const tunnel = new SshTunnel({
    destination: sshd.destination,
    keyFile: sshd.keyFile,
    target: { host: 'localhost', port: server.port },
    logger,
    command: ssh.command,
    ...options,
  });
  tunnels.push(tunnel);
  return tunnel;
}

/** Asks for a page that the server does not have, over a connection of its own. */
async function askThrough(tunnel: SshTunnel, port = server.port): Promise<ResponseRecorder> {
  const url = new URL(`http://localhost:${port}/nothing`);
  const client = new HttpClient(httpClientOptions({ url, logger, dialTo: () => tunnel.address() }));
  clients.push(client);
  const sink = new ResponseRecorder();
  client.request({ method: 'GET', path: url.pathname, headers: '', timeoutMs: 10_000 }, sink);
  await until('the answer or its failure', () => sink.told.some((what) => what !== 'head'), 12_000);
  return sink;
}

async function expectNoneLeft(pids: { clients: number[]; guards: number[] }): Promise<void> {
  await until('no process is left', async () => (await findAlive([...pids.clients, ...pids.guards])).length === 0);
}

describe('an SSH tunnel to a server that listens on 127.0.0.1 alone', () => {
  it('carries requests for localhost, and leaves nothing behind', async () => {
    const tunnel = createTunnel();
    expect((await askThrough(tunnel)).status).toBe(404);
    expect(server.seen.map(({ url }) => url)).toEqual(['/nothing']);
    const pids = await ssh.pids();
    expect([pids.clients.length, pids.guards.length]).toEqual([1, 1]);
    await tunnel.close();
    expect(await findAlive([...pids.clients, ...pids.guards])).toEqual([]);
    await until('the SSH server is alone', async () => (await sshd.connectionPids()).length === 0);
  });

  it('comes back when its connection was cut, with a word in the log', async () => {
    const tunnel = createTunnel();
    await askThrough(tunnel);
    const before = await ssh.pids();
    await sshd.killConnections();
    await expectNoneLeft(before);
    await until('the loss is logged', () => log.some((line) => /^warn .*started again/.test(line)));
    expect((await askThrough(tunnel)).status).toBe(404);
    expect((await ssh.pids()).clients).not.toEqual(before.clients);
    expect(log.filter((line) => line.includes('is open'))).toHaveLength(2);
  });

  it('comes back when ssh itself was killed', async () => {
    const tunnel = createTunnel();
    await askThrough(tunnel);
    for (const pid of (await ssh.pids()).clients) process.kill(pid, 'SIGKILL');
    await until('the loss is logged', () => log.some((line) => /^warn .*SIGKILL/.test(line)));
    expect((await askThrough(tunnel)).status).toBe(404);
  });

  it('names itself in what it says of a request that was under way when its connection was cut', async () => {
    const tunnel = createTunnel();
    const url = new URL(server.sseUrl);
    const client = new HttpClient(httpClientOptions({ url, logger, dialTo: () => tunnel.address() }));
    clients.push(client);
    const sink = new ResponseRecorder();
    client.request({ method: 'GET', path: '/sse', headers: 'Accept: text/event-stream\r\n', timeoutMs: 0 }, sink);
    await until('the stream is open', () => sink.body.includes('endpoint'));
    await sshd.killConnections();
    await sink.over();
    expect(sink.error).toMatchObject({ code: 'upstream_lost', mayHaveRun: true });
    expect(sink.error?.sentence).toContain(`SSH`);
    expect(sink.error?.sentence).toContain(sshd.user);
  });

  it('stands again when the SSH server was away for a while', async () => {
    const tunnel = createTunnel();
    await askThrough(tunnel);
    await sshd.end();
    await until('the loss is logged', () => log.some((line) => /^warn .*started again/.test(line)));
    expect((await askThrough(tunnel)).error).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach the SSH server 127.0.0.1:${sshd.port}`,
      mayHaveRun: false,
    });
    await sshd.start();
    expect((await askThrough(tunnel)).status).toBe(404);
  });

  it('takes another port when ssh finds the first one taken', async () => {
    const taken = makeFakeSsh(`
      const { spawn } = require('node:child_process');
      const go = () => {
        const child = spawn(${JSON.stringify(ssh.command)}, args, { stdio: ['ignore', 'ignore', 'inherit'] });
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
    const args = ['-N', '-L', `127.0.0.1:0:127.0.0.1:${server.port}`, '-p', String(sshd.port), '127.0.0.1'];
    await expect(run(ssh.command, args)).rejects.toThrow(/Bad local forwarding specification/);
  });
});

describe('what an SSH tunnel takes from the user’s configuration of ssh', () => {
  it('is a Host by its name, with its address, port, user and key', async () => {
    const client = await sshd.makeClient({
      config: [
        'Host mcp-box',
        '  HostName 127.0.0.1',
        `  Port ${sshd.port}`,
        `  User ${sshd.user}`,
        `  IdentityFile ${sshd.keyFile}`,
      ],
    });
    const tunnel = new SshTunnel({
      destination: 'mcp-box',
      target: { host: 'localhost', port: server.port },
      logger,
      command: client.command,
    });
    tunnels.push(tunnel);
    expect((await askThrough(tunnel)).status).toBe(404);
  });

  it('is the way through another host, of which nothing is left either', async () => {
    const client = await sshd.makeClient({
      config: [
        `IdentityFile ${sshd.keyFile}`,
        `User ${sshd.user}`,
        `Port ${sshd.port}`,
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
    const client = await sshd.makeClient({ config });
    expect((await askThrough(createTunnel({ command: client.command }))).status).toBe(404);
  });

  it('is not a connection that another ssh shares, which would keep the tunnel when it is closed', async () => {
    const client = await sshd.makeClient({
      config: ['ControlMaster auto', `ControlPath ${sshd.folder}/shared`, 'ControlPersist yes'],
    });
    const there = ['-p', String(sshd.port), '-i', sshd.keyFile, `${sshd.user}@127.0.0.1`];
    // What it leaves in the background must not hold the outputs of what started it.
    await run('sh', ['-c', '"$@" </dev/null >/dev/null 2>&1', 'sh', client.command, ...there, 'true']);
    try {
      expect(existsSync(`${sshd.folder}/shared`)).toBe(true);
      const tunnel = createTunnel({ command: client.command });
      const { port } = await tunnel.address();
      await tunnel.close();
      await expect(findFreePort(port)).resolves.toBe(port);
    } finally {
      await run(client.command, ['-O', 'exit', ...there]);
    }
  });

  it('is a forwarding of its own, which is named when its port is taken', async () => {
    const client = await sshd.makeClient({ config: [`LocalForward 127.0.0.1:${server.port} localhost:1`] });
    const error = await rejectionOf(createTunnel({ command: client.command }).address());
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: 'ssh could not open a forwarding that its configuration has for 127.0.0.1',
    });
    expect(error.why).toContain(`${server.port}: Address already in use`);
    expect(error.hint).toContain('LocalForward');
  });
});

describe('an SSH tunnel that cannot be had is named', () => {
  const refused = (): object => ({
    code: 'upstream_refused',
    message: `the SSH server refused to log in ${sshd.user}@127.0.0.1`,
  });

  it('where the key is not accepted', async () => {
    const error = await rejectionOf(createTunnel({ keyFile: sshd.strangerKeyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: 'Permission denied (publickey)' });
    expect(error.hint).toMatch(/--ssh-key.*ssh-add.*no password.*ssh -p \d+ \S+@127\.0\.0\.1/);
    expect(log.some((line) => /^info {2}ssh: .*Permission denied/.test(line))).toBe(true);
  });

  it('where the key has a passphrase', async () => {
    const error = await rejectionOf(createTunnel({ keyFile: sshd.lockedKeyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: expect.stringContaining('has a passphrase') });
    expect(error.hint).toContain('ssh-add');
  });

  it('where others can read the key', async () => {
    const keyFile = join(sshd.folder, 'open-key');
    copyFileSync(sshd.keyFile, keyFile);
    chmodSync(keyFile, 0o644);
    const error = await rejectionOf(createTunnel({ keyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: `Permissions 0644 for '${keyFile}' are too open` });
    expect(error.hint).toContain('chmod 600');
  });

  it('where the key file holds no private key', async () => {
    const keyFile = join(sshd.folder, 'no-key');
    writeFileSync(keyFile, 'no key\n', { mode: 0o600 });
    const error = await rejectionOf(createTunnel({ keyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: expect.stringMatching(/^Load key ".*no-key": /) });
  });

  it('where there is no key file', async () => {
    const keyFile = join(sshd.folder, 'nowhere');
    const error = await rejectionOf(createTunnel({ keyFile }).address());
    expect(error).toMatchObject({
      ...refused(),
      why: `the key file ${keyFile} cannot be read: No such file or directory`,
    });
  });

  it('where the host key is not known', async () => {
    const { command } = await sshd.makeClient({ knownHostKey: '' });
    expect(await rejectionOf(createTunnel({ command }).address())).toMatchObject({
      code: 'upstream_untrusted',
      message: 'the host key of the SSH server 127.0.0.1 is not known on this machine',
      why: expect.stringContaining('cannot ask'),
      hint: expect.stringContaining(
        `Run once in a terminal and check the fingerprint: ssh -p ${sshd.port} ${sshd.user}@`,
      ),
    });
  });

  it('where the host key is another than before', async () => {
    const { command } = await sshd.makeClient({ knownHostKey: sshd.strangerKeyFile });
    expect(await rejectionOf(createTunnel({ command }).address())).toMatchObject({
      code: 'upstream_untrusted',
      message: 'the SSH server 127.0.0.1 has another host key than before',
      hint: `If it was set up anew: ssh-keygen -R "[127.0.0.1]:${sshd.port}"`,
    });
  });

  it('where nothing listens', async () => {
    const port = await findFreePort();
    expect(await rejectionOf(createTunnel({ destination: `${sshd.user}@127.0.0.1:${port}` }).address())).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach the SSH server 127.0.0.1:${port}`,
      why: 'Connection refused',
      hint: 'Is sshd running there, and is this its port?',
    });
  });

  it('where what listens is no SSH server', async () => {
    const error = await rejectionOf(createTunnel({ destination: `${sshd.user}@127.0.0.1:${server.port}` }).address());
    expect(error.code).toBe('upstream_unreachable');
    expect(error.message).toBe(`the SSH server of ${sshd.user}@127.0.0.1 closed the connection`);
    expect(error.hint).toContain('Is it an SSH server');
  });

  it('where the name is none', async () => {
    const error = await within(
      15_000,
      'the look-up',
      rejectionOf(createTunnel({ destination: 'me@no-such-host.invalid' }).address()),
    );
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: 'cannot reach the SSH server me@no-such-host.invalid',
      why: expect.stringMatching(/^looking up no-such-host\.invalid: /),
    });
  });

  it('where ssh finds a mistake in its configuration', async () => {
    const { command } = await sshd.makeClient({ config: ['NoSuchOption yes'] });
    expect(await rejectionOf(createTunnel({ command }).address())).toMatchObject({
      code: 'config',
      message: 'ssh does not accept its configuration',
      why: expect.stringContaining('Bad configuration option: nosuchoption'),
    });
  });

  it('where the SSH server forbids forwarding', async () => {
    const strict = await startSshd({ settings: ['AllowTcpForwarding no'] });
    try {
      const { command } = await strict.makeClient();
      const { destination, keyFile } = strict;
      const { error } = await askThrough(createTunnel({ command, destination, keyFile }));
      expect(error).toMatchObject({
        code: 'upstream_refused',
        message: `the SSH server 127.0.0.1 forbids the tunnel to 127.0.0.1:${server.port}`,
        why: expect.stringMatching(/^administratively prohibited/),
        hint: expect.stringContaining('AllowTcpForwarding'),
      });
    } finally {
      await strict.stop();
    }
  });

  it('where nothing listens behind the SSH server', async () => {
    const port = await findFreePort();
    const { error } = await askThrough(createTunnel({ target: { host: 'localhost', port } }), port);
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: `the SSH server 127.0.0.1 reaches no MCP server on 127.0.0.1:${port}`,
      why: 'connect failed: Connection refused',
    });
  });
});
