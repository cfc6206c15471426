/**
 * A17: htpasswd files that are not what they should be. What cannot be verified soundly stops the start with a message that
 * names file and line; what can be read in two ways does too; a file without users lets nobody in. No file ever lets in
 * somebody whom it does not name, and a broken new version of a file leaves the old one in force.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/gateway.ts';
import { createLineLogger } from '../../src/log.ts';
import { until } from '../parts/deadline.ts';
import { startGatewayProcess } from '../parts/gateway-process.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { apr1Hash, basic, bcryptHash, shaHash, writeHtpasswd } from '../parts/htpasswd.ts';
import { send } from '../parts/raw-http.ts';

const UPSTREAM = 'http://127.0.0.1:9/sse';
const GOOD = bcryptHash('right');
const removals: (() => void)[] = [];
afterAll(() => {
  for (const remove of removals) remove();
});

function fileWith(text: string): { path: string; write: (text: string) => void } {
  const file = writeHtpasswd(text);
  removals.push(file.remove);
  return file;
}

async function withGateway(
  text: string,
  use: (
    put: (user: string, password: string) => Promise<number>,
    log: () => string,
    gateway: TestGateway,
  ) => Promise<void>,
  more: { readonly allowWeakPasswords?: boolean } = {},
): Promise<void> {
  let log = '';
  const logger = createLineLogger({
    level: 'info',
    write: (line) => {
      log += line;
    },
  });
  const { path } = fileWith(text);
  const gateway = await startGateway({ upstream: UPSTREAM, htpasswdFile: path, logger, ...more });
  try {
    await use(
      async (user, password) =>
        (await send(gateway.origin, { method: 'PUT', path: '/mcp', headers: basic(user, password) })).status,
      () => log,
      gateway,
    );
  } finally {
    await gateway.close();
  }
}

describe('stops the start, naming the file and the line', () => {
  it.each([
    ['plain text', 'carol:secret', /line 2 has a password in plain text, or of an unknown kind/],
    ['marked plain text', 'carol:{PLAIN}secret', /line 2 has a password in plain text/],
    ['DES crypt', 'carol:rqXexS6ZhobKA', /line 2 has a password as DES crypt/],
    ['MD5-crypt of Unix', 'carol:$1$abcdefgh$1234567890123456789012', /line 2 has a password of an unknown kind/],
    ['SHA-512-crypt', 'carol:$6$abc$def', /line 2 .* unknown kind/],
    ['Argon2', 'carol:$argon2id$v=19$m=1,t=1,p=1$abc$def', /line 2 .* unknown kind/],
    ['salted SHA-1', 'carol:{SSHA}abcdefgh', /line 2 .* unknown kind/],
    ['another bcrypt', `carol:${GOOD.replace('$2y$', '$2x$')}`, /line 2 .* unknown kind/],
    ['a bcrypt hash that is cut off', `carol:${GOOD.slice(0, -1)}`, /line 2 .* unknown kind/],
    ['a bcrypt cost without end', `carol:${GOOD.replace('$05$', '$31$')}`, /line 2 has a bcrypt cost of 31/],
    ['a bcrypt cost of nothing', `carol:${GOOD.replace('$05$', '$03$')}`, /line 2 has a bcrypt cost of 3/],
    ['SHA-1 that is cut off', 'carol:{SHA}abc', /line 2 .* unknown kind/],
    ['no password', 'carol:', /line 2 has no password/],
    ['no colon', 'carol', /line 2 has no colon/],
    ['no name', `:${GOOD}`, /line 2 has no usable name of a user/],
    ['a name with an escape in it', `ca\u001brol:${GOOD}`, /line 2 has no usable name of a user/],
    ['a user who occurs twice', `good:${GOOD}`, /line 2 has the user "good" again/],
    ['a file of another kind', '{"keys":[]}', /line 2 /],
  ])('%s', (_what, line, why) => {
    const { path } = fileWith(`good:${GOOD}\n${line}\n`);
    const start = (): unknown => createGateway({ upstream: UPSTREAM, htpasswdFile: path });
    expect(start).toThrow(expect.objectContaining({ code: 'config', why: expect.stringMatching(why) as string }));
    expect(start).toThrow(path);
    expect(start).not.toThrow(/secret|rqXexS/);
  });

  it.each([
    ['DES crypt', 'carol:rqXexS6ZhobKA', /DES crypt/],
    ['an unknown kind', 'carol:$6$abc$def', /unknown kind/],
  ])('%s, even where weak passwords are allowed', (_what, line, why) => {
    const { path } = fileWith(line);
    expect(() => createGateway({ upstream: UPSTREAM, htpasswdFile: path, allowWeakPasswords: true })).toThrow(
      expect.objectContaining({ why: expect.stringMatching(why) as string }),
    );
  });

  it('a file that is not there, and a folder', () => {
    expect(() => createGateway({ upstream: UPSTREAM, htpasswdFile: '/nowhere/htpasswd' })).toThrow(
      expect.objectContaining({ message: 'cannot read the htpasswd file /nowhere/htpasswd', why: 'ENOENT' }),
    );
    expect(() => createGateway({ upstream: UPSTREAM, htpasswdFile: '/' })).toThrow(
      expect.objectContaining({ why: 'EISDIR' }),
    );
  });
});

describe('is read as Apache and nginx read it', () => {
  it.each([
    ['CRLF', `good:${GOOD}\r\nother:${apr1Hash('other')}\r\n`],
    ['a byte order mark', `\uFEFFgood:${GOOD}\nother:${apr1Hash('other')}`],
    ['comments and empty lines', `# good:$2y$\n\n  \ngood:${GOOD}\n#x\nother:${apr1Hash('other')}\n`],
    ['a comment behind the hash', `good:${GOOD}:Good User\nother:${apr1Hash('other')}:x`],
    ['spaces behind the hash', `good:${GOOD}  \nother:${apr1Hash('other')}\t\n`],
  ])('with %s', async (_what, text) => {
    await withGateway(text, async (put) => {
      expect(await put('good', 'right')).toBe(405);
      expect(await put('other', 'other')).toBe(405);
      for (const [user, password] of [
        ['good', ''],
        ['# good', '$2y$'],
        ['', ''],
        ['#x', ''],
        ['\uFEFFgood', 'right'],
      ]) {
        expect(await put(user!, password!)).toBe(401);
      }
    });
  });

  it.each([
    ['nothing at all', ''],
    ['line breaks', '\n\r\n\n'],
    ['comments', '# nobody:x\n'],
    ['a byte order mark', '\uFEFF'],
  ])('with %s in it, it lets nobody in and says so', async (_what, text) => {
    await withGateway(text, async (put, log) => {
      for (const user of ['', 'good', 'nobody', '# nobody', 'undefined']) {
        for (const password of ['', 'x', 'undefined']) expect(await put(user, password)).toBe(401);
      }
      expect(log()).toContain('has no users: it lets nobody in');
    });
  });

  it('SHA-1 is taken with a warning, plain text only where it is allowed', async () => {
    await withGateway(`weak:${shaHash('right')}\n`, async (put, log) => {
      expect(await put('weak', 'right')).toBe(405);
      expect(log()).toMatch(/^warn .*1 of the passwords in .* unsalted SHA-1 or plain text/m);
    });
    const plain = 'one:right\ntwo:{PLAIN}right\n';
    const check = async (
      put: (user: string, password: string) => Promise<number>,
      log: () => string,
    ): Promise<void> => {
      expect(await put('one', 'right')).toBe(405);
      expect(await put('two', 'right')).toBe(405);
      expect(await put('one', 'wrong')).toBe(401);
      expect(await put('two', '{PLAIN}right')).toBe(401);
      expect(log()).toMatch(/^warn .*2 of the passwords/m);
      expect(log()).not.toContain('right');
    };
    await withGateway(plain, check, { allowWeakPasswords: true });
  });
});

describe('is read again when it changes', () => {
  const file = writeHtpasswd(`carol:${GOOD}\ndave:${GOOD}\n`);
  removals.push(file.remove);
  let gateway: TestGateway;
  let log = '';
  beforeAll(async () => {
    const logger = createLineLogger({
      level: 'info',
      write: (line) => {
        log += line;
      },
    });
    gateway = await startGateway({ upstream: UPSTREAM, htpasswdFile: file.path, limitLogins: 100_000, logger });
  });
  afterAll(() => gateway.close());
  const put = async (user: string, password: string): Promise<number> =>
    (await send(gateway.origin, { method: 'PUT', path: '/mcp', headers: basic(user, password) })).status;

  it('a changed password is the only one, at once, though the old one was verified a moment ago', async () => {
    expect(await put('carol', 'right')).toBe(405);
    file.write(`carol:${bcryptHash('new')}\n`);
    await until('the new password is taken', async () => (await put('carol', 'new')) === 405, 8000);
    expect(await put('carol', 'right')).toBe(401);
    expect(await put('dave', 'right')).toBe(401);
  });

  it('a broken new version changes nothing and is told once', async () => {
    file.write('carol:secret\n');
    await until('the log tells it', () => log.includes('cannot be used'), 8000);
    expect(await put('carol', 'new')).toBe(405);
    expect(await put('carol', 'secret')).toBe(401);
    expect(log).toMatch(/^error .*line 1 .*what was read before still holds/m);
    file.write(`carol:${GOOD}\n`);
    await until('the next good version is read', async () => (await put('carol', 'right')) === 405, 8000);
    expect(log.split('cannot be used').length - 1).toBe(1);
  });
});

it('the built gateway verifies bcrypt on its thread, and lets in nobody else', async () => {
  const { path } = fileWith(`carol:${GOOD}\n`);
  const running = await startGatewayProcess(UPSTREAM, ['--htpasswd-file', path]);
  try {
    const put = async (password: string): Promise<number> =>
      (await send(running.origin, { method: 'PUT', path: '/mcp', headers: basic('carol', password) })).status;
    expect(await put('right')).toBe(405);
    expect(await put('wrong')).toBe(401);
  } finally {
    await running.close();
  }
});
