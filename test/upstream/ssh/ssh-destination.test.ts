import { describe, expect, it } from 'vitest';
import { parseSshDestination, sshCommandLine, sshName } from '../../../src/upstream/ssh/ssh-destination.ts';

function errorOf(text: string): { code: string; message: string; why: string } {
  try {
    parseSshDestination(text);
  } catch (thrown) {
    return thrown as { code: string; message: string; why: string };
  }
  throw new Error(`${JSON.stringify(text)} was taken`);
}

describe('an SSH destination', () => {
  it.each([
    ['me@db.example', { user: 'me', host: 'db.example', port: undefined }],
    ['me@db.example:2222', { user: 'me', host: 'db.example', port: 2222 }],
    ['db', { user: undefined, host: 'db', port: undefined }],
    ['my_host-1:22', { user: undefined, host: 'my_host-1', port: 22 }],
    ['me@192.0.2.7:65535', { user: 'me', host: '192.0.2.7', port: 65_535 }],
    ['me@[2001:db8::7]', { user: 'me', host: '2001:db8::7', port: undefined }],
    ['me@[::1]:2222', { user: 'me', host: '::1', port: 2222 }],
    ['me@[fe80::1%eth0]:22', { user: 'me', host: 'fe80::1%eth0', port: 22 }],
    ['[::1]', { user: undefined, host: '::1', port: undefined }],
    ['me@corp.example@db', { user: 'me@corp.example', host: 'db', port: undefined }],
    ['CORP\\me@db', { user: 'CORP\\me', host: 'db', port: undefined }],
  ])('may be %s', (text, expected) => expect(parseSshDestination(text)).toEqual(expected));

  it.each([
    ['', /empty/],
    ['-oProxyCommand=touch$IFS/x', /option/],
    ['-oProxyCommand=x@db', /option/],
    ['me@-oProxyCommand=x', /option/],
    ['me@-F/etc/passwd', /option/],
    ['me@db -oProxyCommand=x', /space/],
    ['me@db\n-oProxyCommand=x', /space or a control/],
    ['me@db\u0000', /control/],
    ['me@db\u001b[2J', /control/],
    ['me@db\u00a0x', /space/],
    ['me@$(id)', /neither a name/],
    ['me@`id`', /neither a name/],
    ['me@db;id', /neither a name/],
    ['me@db|id', /neither a name/],
    ['me@%h', /neither a name/],
    ["me'@db", /user name/],
    ['$(id)@db', /user name/],
    ['me\\@db', /backslash/],
    ['@db', /user name/],
    ['me@', /host is missing/],
    ['me@:22', /host is missing/],
    ['me@::1', /in brackets/],
    ['me@2001:db8::7', /in brackets/],
    ['me@[db]', /no IPv6 address/],
    ['me@[::1', /beside them/],
    ['me@[::1%$(id)]', /no IPv6 address/],
    ['me@[::1]22', /beside them/],
    ['me@[db', /beside them/],
    ['me@db:', /port/],
    ['me@db:0', /port/],
    ['me@db:65536', /port/],
    ['me@db:22x', /port/],
    ['me@db:+22', /port/],
    ['ssh://me@db', /colon before the @/],
    [`${'u'.repeat(300)}@db`, /user name/],
    [`me@${'h'.repeat(300)}`, /neither/],
  ])('may not be %j', (text, why) => {
    const error = errorOf(text);
    expect(error).toMatchObject({ code: 'config', message: expect.stringContaining('the SSH destination ') });
    expect(error.why).toMatch(why);
  });

  it('that holds a password is refused without showing it', () => {
    for (const text of ['me:hunter2@db', 'ssh://me:hunter2@db:22', 'me:hunt@er2@db']) {
      const { message, why } = errorOf(text);
      expect(message + why).not.toMatch(/hunt|er2/);
      expect(why).toMatch(/no password/);
    }
  });

  it('is given to ssh and to its user as ssh takes it', () => {
    expect(sshName(parseSshDestination('me@[::1]:2222'))).toBe('me@::1');
    expect(sshCommandLine(parseSshDestination('me@[::1]:2222'))).toBe('ssh -p 2222 me@::1');
    expect(sshCommandLine(parseSshDestination('db'))).toBe('ssh db');
  });
});
