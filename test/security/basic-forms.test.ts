/**
 * A16: HTTP Basic that is almost right: no colon, no Base64, no UTF-8, control characters, passwords that bcrypt would cut
 * off, users who do not exist. Each is the same 401, and neither the answer nor the time it takes says which it was.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLineLogger } from '../../src/log.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { apr1Hash, basic, bcryptHash, type HtpasswdFile, shaHash, writeHtpasswd } from '../parts/htpasswd.ts';
import { send } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

const LONG = 'x'.repeat(72);
let upstream: SilentUpstream;
let gateway: TestGateway;
let file: HtpasswdFile;
let log = '';
beforeAll(async () => {
  upstream = await startSilentUpstream();
  file = writeHtpasswd(
    [
      `y:${bcryptHash('right', 5, 'y')}`,
      `b:${bcryptHash('right', 5, 'b')}`,
      `a:${bcryptHash('right', 5, 'a')}`,
      `apr1:${apr1Hash('right')}`,
      `sha:${shaHash('right')}`,
      `colons:${bcryptHash('a:b::c')}`,
      `jürgen:${bcryptHash('pässwörd €')}`,
      `long:${bcryptHash(LONG)}`,
      `longer:${apr1Hash('z'.repeat(100))}`,
    ].join('\n'),
  );
  const logger = createLineLogger({
    level: 'debug',
    write: (line) => {
      log += line;
    },
  });
  gateway = await startGateway({ upstream: upstream.url, htpasswdFile: file.path, limitLogins: 100_000, logger });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
  file.remove();
});

const put = async (headers: Record<string, string>): Promise<number> =>
  (await send(gateway.origin, { method: 'PUT', path: '/mcp', headers })).status;
const encode = (bytes: string | Buffer): string => Buffer.from(bytes as string).toString('base64');

it.each([
  ['y', 'right'],
  ['b', 'right'],
  ['a', 'right'],
  ['apr1', 'right'],
  ['sha', 'right'],
  ['colons', 'a:b::c'],
  ['jürgen', 'pässwörd €'],
  ['long', LONG],
  ['longer', 'z'.repeat(100)],
])('%s with its password is let in, also the second time', async (user, password) => {
  expect(await put(basic(user, password))).toBe(405);
  expect(await put(basic(user, password))).toBe(405);
});

it.each([['basic'], ['BASIC'], ['Basic  '], ['bAsIc']])('the scheme may be written %j', async (scheme) => {
  expect(await put({ Authorization: `${scheme} ${encode('y:right')}` })).toBe(405);
});

it.each([
  ['y', 'wrong'],
  ['y', ''],
  ['y', 'right '],
  ['y', ' right'],
  ['y', 'Right'],
  ['Y', 'right'],
  ['y ', 'right'],
  ['', 'right'],
  ['', ''],
  ['nobody', 'right'],
  ['apr1', 'wrong'],
  ['sha', 'wrong'],
  ['colons', 'a'],
  ['colons', 'a:b:c'],
  ['__proto__', 'right'],
  ['constructor', ''],
  ['jurgen', 'pässwörd €'],
])('%j with %j is 401, also the second time', async (user, password) => {
  expect(await put(basic(user, password))).toBe(401);
  expect(await put(basic(user, password))).toBe(401);
});

it.each([
  ['no colon', `Basic ${encode('yright')}`],
  ['nothing', 'Basic'],
  ['an empty text', 'Basic '],
  ['no Base64', 'Basic y:right'],
  ['Base64 with a stranger in it', `Basic ${encode('y:right').replace(/.$/, '!')}`],
  ['Base64 with a space in it', `Basic ${encode('y:right').slice(0, 4)} ${encode('y:right').slice(4)}`],
  ['Base64 and something more', `Basic ${encode('y:right')}, realm="x"`],
  ['latin1', `Basic ${encode(Buffer.from('jürgen:pässwörd', 'latin1'))}`],
  ['bytes that are no UTF-8', `Basic ${encode(Buffer.from([0xff, 0xfe, 0x3a, 0x41]))}`],
  ['an overlong form', `Basic ${encode(Buffer.from([0x79, 0xc0, 0xba, 0x3a, 0x41]))}`],
  ['a NUL after the password', `Basic ${encode('y:right\0')}`],
  ['a NUL and more after the password', `Basic ${encode('y:right\0more')}`],
  ['a line break', `Basic ${encode('y:right\n')}`],
  ['a hundred thousand characters', `Basic ${encode(`y:${'x'.repeat(9000)}`)}`],
])('%s is 401', async (_what, authorization) => {
  expect(await put({ authorization })).toBe(401);
});

it('a password of which bcrypt would read only the first 72 bytes is refused, and the log says why', async () => {
  expect(await put(basic('long', `${LONG}y`))).toBe(401);
  expect(await put(basic('long', `${LONG}${LONG}`))).toBe(401);
  expect(await put(basic('y', 'ä'.repeat(37)))).toBe(401);
  expect(log).toContain('more than 72 bytes');
  expect(await put(basic('long', LONG.slice(1)))).toBe(401);
});

it('no password is in the log', () => {
  expect(log).not.toContain('pässwörd');
  expect(log).not.toContain(LONG);
  expect(log).not.toContain(encode('y:right'));
});

it('of all that, nothing reached the upstream', () => {
  expect(upstream.requests).toEqual([]);
});

describe('who does not exist', () => {
  it('takes as long to be refused as a wrong password', async () => {
    const slow = writeHtpasswd(`carol:${bcryptHash('secret', 9)}\nquick:${shaHash('secret')}\n`);
    const other = await startGateway({ upstream: upstream.url, htpasswdFile: slow.path, limitLogins: 100_000 });
    const time = async (user: string, index: number): Promise<number> => {
      const from = performance.now();
      const headers = basic(user, `guess ${index}`);
      expect((await send(other.origin, { path: '/sse', headers })).status).toBe(401);
      return performance.now() - from;
    };
    try {
      await time('carol', -1);
      const [known, unknown]: [number[], number[]] = [[], []];
      for (let index = 0; index < 15; index++) {
        known.push(await time('carol', index));
        unknown.push(await time('nobody', index));
      }
      const median = (times: number[]): number => times.sort((a, b) => a - b)[7]!;
      expect(median(unknown) / median(known)).toBeGreaterThan(0.6);
      expect(median(unknown) / median(known)).toBeLessThan(1.6);
    } finally {
      await other.close();
      slow.remove();
    }
  });
});
