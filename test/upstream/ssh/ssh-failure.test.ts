/** The texts that no loopback sshd can be brought to say; those that it can stand in test/real/ssh-tunnel-refusals.test.ts. */
import { describe, expect, it } from 'vitest';
import { parseSshDestination } from '../../../src/upstream/ssh/ssh-destination.ts';
import { nameRefusedChannel, nameSshFailure } from '../../../src/upstream/ssh/ssh-failure.ts';

const destination = parseSshDestination('me@db.example:2222');
const failureOf = (...lines: string[]) => nameSshFailure(destination, lines, { how: 'exit code 255', wasUp: false });

describe('the end of an ssh', () => {
  it.each([
    {
      name: 'that a firewall swallowed',
      lines: ['ssh: connect to host db.example port 2222: Connection timed out'],
      expected: { code: 'upstream_unreachable', message: 'cannot reach the SSH server db.example:2222' },
      why: 'Connection timed out',
      hint: /VPN, firewall/,
    },
    {
      name: 'of Windows, for a name that is not there',
      lines: ['ssh: Could not resolve hostname db.example: No such host is known. '],
      expected: { code: 'upstream_unreachable', message: 'cannot reach the SSH server me@db.example' },
      why: 'looking up db.example: No such host is known',
      hint: /host of --ssh/,
    },
    {
      name: 'that offered every key of a full agent',
      lines: ['Received disconnect from 192.0.2.7 port 2222:2: Too many authentication failures'],
      expected: { code: 'upstream_refused', message: 'the SSH server refused to log in me@db.example' },
      why: /Too many/,
      hint: /--ssh-key/,
    },
    {
      name: 'whose server wants a second factor',
      lines: [
        'Authenticated using "publickey" with partial success.',
        'me@db.example: Permission denied (keyboard-interactive).',
      ],
      expected: { code: 'upstream_refused' },
      why: /second factor/,
      hint: /key alone/,
    },
    {
      name: 'whose agent would not sign',
      lines: [
        'sign_and_send_pubkey: signing failed for ED25519 "me" from agent: agent refused operation',
        'me@db.example: Permission denied (publickey).',
      ],
      expected: { code: 'upstream_refused' },
      why: /agent refused operation/,
      hint: /unlock/,
    },
    {
      name: 'of Windows, whose configuration others can write',
      lines: ['Bad owner or permissions on C:\\\\Users\\\\me/.ssh/config'],
      expected: { code: 'config', message: 'ssh does not accept its configuration' },
      why: /Bad owner/,
      hint: /~\/\.ssh\/config/,
    },
    {
      name: 'that has no cipher in common',
      lines: ['Unable to negotiate with 192.0.2.7 port 22: no matching key exchange method found. Their offer: x'],
      expected: { code: 'config' },
      why: /no matching key exchange/,
      hint: /Update/,
    },
    {
      name: 'whose address is banned',
      lines: ['kex_exchange_identification: read: Connection reset by peer', 'Connection reset by 192.0.2.7 port 22'],
      expected: { code: 'upstream_unreachable', message: 'the SSH server of me@db.example closed the connection' },
      why: /kex_exchange_identification/,
      hint: /fail2ban/,
    },
    {
      name: 'that says what nobody expects',
      lines: ['debug1: something', 'ssh: a new sentence', 'Transferred: sent 1, received 2 bytes, in 0.0 seconds'],
      expected: {
        code: 'upstream_unreachable',
        message: 'the SSH tunnel to me@db.example ended before it was open',
      },
      why: 'ssh: a new sentence (exit code 255)',
      hint: /in a terminal\? ssh -p 2222 me@db\.example$/,
    },
    {
      name: 'that says nothing',
      lines: [],
      expected: { code: 'upstream_unreachable' },
      why: 'exit code 255',
      hint: /in a terminal/,
    },
  ])('$name is named', ({ lines, expected, why, hint }) => {
    const error = failureOf(...lines);
    expect(error).toMatchObject(expected);
    if (typeof why === 'string') expect(error.why).toBe(why);
    else expect(error.why).toMatch(why);
    expect(error.hint).toMatch(hint);
  });

  it.each([
    [['Timeout, server db.example not responding.'], /answers no more/],
    [['client_loop: send disconnect: Broken pipe'], /was lost/],
    [['Connection to db.example closed by remote host.'], /was lost/],
    [[], /the SSH tunnel to me@db.example ended$/],
  ])('after the tunnel was open is a loss: %j', (lines, message) => {
    const error = nameSshFailure(destination, lines, { how: 'exit code 255', wasUp: true });
    expect(error.code).toBe('upstream_lost');
    expect(error.message).toMatch(message);
  });
});

describe('a connection that the SSH server did not make', () => {
  it('is told from other lines', () => {
    const target = '127.0.0.1:8000';
    expect(nameRefusedChannel(destination, target, 'debug1: channel 2: new direct-tcpip')).toBeUndefined();
    expect(
      nameRefusedChannel(destination, target, 'channel 2: open failed: connect failed: Connection refused'),
    ).toMatchObject({
      code: 'upstream_unreachable',
      message: 'the SSH server db.example reaches no MCP server on 127.0.0.1:8000',
      why: 'connect failed: Connection refused',
    });
    expect(
      nameRefusedChannel(destination, target, 'channel 2: open failed: administratively prohibited: open failed'),
    ).toMatchObject({ code: 'upstream_refused', why: 'administratively prohibited: open failed' });
  });
});
