import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey, hashKey, type KeyRecord, parseKeyFile } from '../../../src/gateway/authenticators/key-file.ts';
import { keyAuthenticator } from '../../../src/gateway/authenticators/keys.ts';
import type { Authentication, Authenticator } from '../../../src/gateway/policies/authenticate.ts';
import type { Principal } from '../../../src/gateway/request-context.ts';
import { silentLogger } from '../../../src/log.ts';
import { bareContext } from '../../parts/bare-context.ts';
import { until } from '../../parts/deadline.ts';

const [ONE, TWO] = [createKey(), createKey()];
const CREATED = '2026-01-01T00:00:00.000Z';
const FUTURE = '2090-01-01T00:00:00.000Z';
const PAST = '2020-01-01T00:00:00.000Z';
let folder: string;
let path: string;
let keys: Authenticator | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-keys-unit-'));
  path = join(folder, 'keys.json');
});
afterEach(() => {
  keys?.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = (...records: readonly Omit<KeyRecord, 'created'>[]): void =>
  writeFileSync(path, JSON.stringify({ keys: records.map((record) => ({ created: CREATED, ...record })) }));

function start(hasJwt = false): (key: string) => Authentication {
  const authenticator = keyAuthenticator({ path, logger: silentLogger, pollMs: 10, hasJwt });
  keys = authenticator;
  return (key) => authenticator.authenticate(bareContext({ authorization: `Bearer ${key}` })) as Authentication;
}

describe('a key', () => {
  it('brings what its record says', () => {
    const tools = { allow: ['list_*'], deny: ['*_sql'] };
    write({ name: 'one', hash: hashKey(ONE), expires: FUTURE, scopes: ['a', 'b'], tools, limitCalls: '5r/m burst=2' });
    expect(start()(ONE)).toMatchObject({
      id: 'one',
      method: 'key',
      scopes: ['a', 'b'],
      tools,
      limitCalls: { count: 5, periodMs: 60_000, burst: 2 },
      expiresAt: Date.parse(FUTURE),
    });
  });

  it('without anything has no end and no rules of its own', () => {
    write({ name: 'one', hash: hashKey(ONE) });
    const principal = start()(ONE) as Principal;
    expect(Object.keys(principal).sort()).toEqual(['id', 'isCurrent', 'method', 'scopes']);
    expect(principal.isCurrent()).toBe(true);
  });

  it('that has ended lets nobody in', () => {
    write({ name: 'one', hash: hashKey(ONE), expires: PAST }, { name: 'two', hash: hashKey(TWO) });
    const ask = start();
    expect(ask(ONE)).toBe('wrong');
    expect(ask(TWO)).toMatchObject({ id: 'two' });
  });

  it('that was replaced is valid for as long as was said, and is the same principal', () => {
    write({ name: 'one', hash: hashKey(ONE), previous: { hash: hashKey(TWO), expires: FUTURE } });
    const ask = start();
    expect(ask(ONE)).toMatchObject({ id: 'one' });
    expect(ask(ONE)).not.toHaveProperty('expiresAt');
    expect(ask(TWO)).toMatchObject({ id: 'one', expiresAt: Date.parse(FUTURE) });
  });

  it('that was replaced is valid no longer than its record', () => {
    const early = '2089-01-01T00:00:00.000Z';
    write({ name: 'one', hash: hashKey(ONE), expires: early, previous: { hash: hashKey(TWO), expires: FUTURE } });
    expect(start()(TWO)).toMatchObject({ expiresAt: Date.parse(early) });
  });

  it('that was replaced longer ago lets nobody in', () => {
    write({ name: 'one', hash: hashKey(ONE), previous: { hash: hashKey(TWO), expires: PAST } });
    expect(start()(TWO)).toBe('wrong');
  });
});

describe('a principal is current', () => {
  it('no more once its key is revoked, and a new key is taken', async () => {
    write({ name: 'one', hash: hashKey(ONE) });
    const ask = start();
    const principal = ask(ONE) as Principal;
    write({ name: 'two', hash: hashKey(TWO) });
    await until('the file is read again', () => !principal.isCurrent());
    expect(ask(ONE)).toBe('wrong');
    expect(ask(TWO)).toMatchObject({ id: 'two' });
  });

  it('no more once its name has another key', async () => {
    write({ name: 'one', hash: hashKey(ONE) });
    const principal = start()(ONE) as Principal;
    write({ name: 'one', hash: hashKey(TWO) });
    await until('the file is read again', () => !principal.isCurrent());
  });

  it('no more once its key has another name', async () => {
    write({ name: 'one', hash: hashKey(ONE) });
    const principal = start()(ONE) as Principal;
    write({ name: 'other', hash: hashKey(ONE) });
    await until('the file is read again', () => !principal.isCurrent());
  });

  it('no more once its end was moved to the past', async () => {
    write({ name: 'one', hash: hashKey(ONE), expires: FUTURE });
    const principal = start()(ONE) as Principal;
    write({ name: 'one', hash: hashKey(ONE), expires: PAST });
    await until('the file is read again', () => !principal.isCurrent());
  });

  it('no more once its key is revoked, though the authenticator that let it in was closed before', async () => {
    write({ name: 'one', hash: hashKey(ONE) });
    const principal = start()(ONE) as Principal;
    keys?.close();
    write();
    await until('the principal is not current', () => !principal.isCurrent());
  });

  it('still, when its key was replaced with grace', async () => {
    write({ name: 'one', hash: hashKey(ONE) });
    const ask = start();
    const principal = ask(ONE) as Principal;
    write({ name: 'one', hash: hashKey(TWO), previous: { hash: hashKey(ONE), expires: FUTURE } });
    await until('the new key is taken', () => ask(TWO) !== 'wrong');
    expect(principal.isCurrent()).toBe(true);
  });
});

describe('a Bearer token that looks like a JWT', () => {
  const jwt = (header: unknown, tail = '.e30.c2ln'): string =>
    Buffer.from(JSON.stringify(header)).toString('base64url') + tail;

  it('is left to another authenticator where there is one, and is a wrong key where there is none', () => {
    write({ name: 'one', hash: hashKey(ONE) });
    const tokens = [jwt({ alg: 'RS256' }), jwt({ alg: 'none' }, '.e30.'), jwt({ alg: '', typ: 'JWT' })];
    const alone = start();
    for (const token of tokens) expect(alone(token)).toBe('wrong');
    keys?.close();
    const besides = start(true);
    for (const token of tokens) expect(besides(token)).toBe('absent');
  });

  it.each([
    [jwt({ typ: 'JWT' })],
    [jwt({ alg: 1 })],
    [jwt(null)],
    [jwt('alg')],
    [jwt({ alg: 'RS256' }, '.e30')],
    [jwt({ alg: 'RS256' }, '.e30.a.b.c')],
    ['a.b.c'],
    ['..'],
    ['mdb_abc'],
  ])('%s does not', (token) => {
    write({ name: 'one', hash: hashKey(ONE) });
    expect(start(true)(token)).toBe('wrong');
  });
});

describe('a key file', () => {
  const parse = (entry: Record<string, unknown>, more = {}): unknown =>
    parseKeyFile(
      JSON.stringify({ keys: [{ name: 'one', hash: hashKey(ONE), created: CREATED, ...entry }], ...more }),
      'k',
    );

  it.each([
    [{ expire: FUTURE }, 'keys[0] of "one" has the unknown member "expire"'],
    [{ Scopes: [] }, 'keys[0] of "one" has the unknown member "Scopes"'],
    [{ tools: { allowed: [] } }, 'keys[0].tools of "one" has the unknown member "allowed"'],
    [
      { previous: { hash: hashKey(TWO), expires: FUTURE, x: 1 } },
      'keys[0].previous of "one" has the unknown member "x"',
    ],
    [{ expires: 'tomorrow' }, 'keys[0].expires of "one" is not a time such as 2030-01-31T00:00:00Z'],
    [{ expires: '2030-01-31T00:00:00' }, 'keys[0].expires of "one" is not a time such as 2030-01-31T00:00:00Z'],
    [{ expires: 1900000000 }, 'keys[0].expires of "one" is not a time such as 2030-01-31T00:00:00Z'],
    [{ expires: '' }, 'keys[0].expires of "one" is not a time such as 2030-01-31T00:00:00Z'],
    [{ expires: null }, 'keys[0].expires of "one" is not a time such as 2030-01-31T00:00:00Z'],
    [{ scopes: 'read' }, 'keys[0].scopes of "one" is not a list of at most 1000 names'],
    [{ scopes: ['two words'] }, 'keys[0].scopes of "one" is not a list of at most 1000 names'],
    [{ tools: [] }, 'keys[0].tools of "one" is not an object with allow, deny or both'],
    [{ tools: null }, 'keys[0].tools of "one" is not an object with allow, deny or both'],
    [{ tools: { allow: 'x' } }, 'keys[0].tools.allow of "one" is not a list of at most 1000 names'],
    [{ tools: { deny: [''] } }, 'keys[0].tools.deny of "one" is not a list of at most 1000 names'],
    [{ limitCalls: 'many' }, 'keys[0].limitCalls of "one" is not a rate such as "5r/m burst=10"'],
    [{ limitCalls: 0 }, 'keys[0].limitCalls of "one" is not a rate such as "5r/m burst=10"'],
    [{ previous: {} }, 'keys[0].previous of "one" has no hash and time of its end'],
    [{ previous: { hash: hashKey(ONE), expires: FUTURE } }, 'keys[0] of "one" has a hash that occurs before'],
  ])('with %j is refused by name', (entry, why) => {
    expect(() => parse(entry)).toThrow(expect.objectContaining({ code: 'config', why }));
  });

  it('with a member beside "keys" is refused by name', () => {
    expect(() => parse({}, { key: [] })).toThrow(expect.objectContaining({ why: 'it has the unknown member "key"' }));
  });

  it('with one key under two names is refused', () => {
    const text = JSON.stringify({ keys: ['one', 'two'].map((name) => ({ name, hash: hashKey(ONE) })) });
    expect(() => parseKeyFile(text, 'k')).toThrow(expect.objectContaining({ code: 'config' }));
  });

  it('with no keys lets nobody in', () => {
    write();
    expect(start()(ONE)).toBe('wrong');
  });
});
