/** What is said of an SSH tunnel that cannot be had, with the system's ssh and a real sshd. */
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { rejectionOf } from '../parts/memory-transport.ts';
import { findFreePort } from './free-port.mjs';
import { startSshd } from './sshd.mjs';
import { stageTunnels } from './tunnel-stage.ts';

const stage = stageTunnels();
const { log, createTunnel, askThrough } = stage;

describe('an SSH tunnel that cannot be had is named', () => {
  const refused = (): object => ({
    code: 'upstream_refused',
    message: `the SSH server refused to log in ${stage.sshd.user}@127.0.0.1`,
  });

  it('where the key is not accepted', async () => {
    const error = await rejectionOf(createTunnel({ keyFile: stage.sshd.strangerKeyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: 'Permission denied (publickey)' });
    expect(error.hint).toMatch(/--ssh-key.*ssh-add.*no password.*ssh -p \d+ \S+@127\.0\.0\.1/);
    expect(log.some((line) => /^info {2}ssh: .*Permission denied/.test(line))).toBe(true);
  });

  it('where the key has a passphrase', async () => {
    const error = await rejectionOf(createTunnel({ keyFile: stage.sshd.lockedKeyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: expect.stringContaining('has a passphrase') });
    expect(error.hint).toContain('ssh-add');
  });

  it('where others can read the key', async () => {
    const keyFile = join(stage.sshd.folder, 'open-key');
    copyFileSync(stage.sshd.keyFile, keyFile);
    chmodSync(keyFile, 0o644);
    const error = await rejectionOf(createTunnel({ keyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: `Permissions 0644 for '${keyFile}' are too open` });
    expect(error.hint).toContain('chmod 600');
  });

  it('where the key file holds no private key', async () => {
    const keyFile = join(stage.sshd.folder, 'no-key');
    writeFileSync(keyFile, 'no key\n', { mode: 0o600 });
    const error = await rejectionOf(createTunnel({ keyFile }).address());
    expect(error).toMatchObject({ ...refused(), why: expect.stringMatching(/^Load key ".*no-key": /) });
  });

  it('where there is no key file', async () => {
    const keyFile = join(stage.sshd.folder, 'nowhere');
    const error = await rejectionOf(createTunnel({ keyFile }).address());
    expect(error).toMatchObject({
      ...refused(),
      why: `the key file ${keyFile} cannot be read: No such file or directory`,
    });
  });

  it('where the host key is not known', async () => {
    const { command } = await stage.sshd.makeClient({ knownHostKey: '' });
    expect(await rejectionOf(createTunnel({ command }).address())).toMatchObject({
      code: 'upstream_untrusted',
      message: 'the host key of the SSH server 127.0.0.1 is not known on this machine',
      why: expect.stringContaining('cannot ask'),
      hint: expect.stringContaining(
        `Run once in a terminal and check the fingerprint: ssh -p ${stage.sshd.port} ${stage.sshd.user}@`,
      ),
    });
  });

  it('where the host key is another than before', async () => {
    const { command } = await stage.sshd.makeClient({ knownHostKey: stage.sshd.strangerKeyFile });
    expect(await rejectionOf(createTunnel({ command }).address())).toMatchObject({
      code: 'upstream_untrusted',
      message: 'the SSH server 127.0.0.1 has another host key than before',
      hint: `If it was set up anew: ssh-keygen -R "[127.0.0.1]:${stage.sshd.port}"`,
    });
  });

  it('where nothing listens', async () => {
    const port = await findFreePort();
    expect(
      await rejectionOf(createTunnel({ destination: `${stage.sshd.user}@127.0.0.1:${port}` }).address()),
    ).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach the SSH server 127.0.0.1:${port}`,
      why: 'Connection refused',
      hint: 'Is sshd running there, and is this its port?',
    });
  });

  it('where what listens is no SSH server', async () => {
    const error = await rejectionOf(
      createTunnel({ destination: `${stage.sshd.user}@127.0.0.1:${stage.server.port}` }).address(),
    );
    expect(error.code).toBe('upstream_unreachable');
    expect(error.message).toBe(`the SSH server of ${stage.sshd.user}@127.0.0.1 closed the connection`);
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
    const { command } = await stage.sshd.makeClient({ config: ['NoSuchOption yes'] });
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
        message: `the SSH server 127.0.0.1 forbids the tunnel to 127.0.0.1:${stage.server.port}`,
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
