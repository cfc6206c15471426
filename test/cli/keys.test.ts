import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyRecord } from '../../src/gateway/authenticators/key-file.ts';
import { hashKey } from '../../src/gateway/authenticators/key-file.ts';
import { until } from '../parts/deadline.ts';
import { type CliResult, runCli, startCli } from '../parts/run-cli.ts';

interface KeyFile {
  readonly keys: readonly KeyRecord[];
}

describe('mcp-drawbridge keys', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drawbridge-keys-cli-'));
    path = join(folder, 'keys.json');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const keys = (...args: string[]): Promise<CliResult> => runCli(['keys', ...args], { cwd: folder });
  const names = (): string[] => (JSON.parse(readFileSync(path, 'utf8')) as KeyFile).keys.map(({ name }) => name);

  it('add prints the key alone on stdout, once, and tells the rest on stderr', async () => {
    const { code, stdout, stderr } = await keys('add', 'alice');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mdb_[A-Za-z0-9_-]{43}\n$/);
    expect(stderr).toContain('"alice"');
    expect(stderr).not.toContain(stdout.trim());
  });

  it('add keeps the hash of the key, never the key, for its owner alone to read', async () => {
    const key = (await keys('add', 'alice')).stdout.trim();
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain(key);
    expect(text).not.toContain(key.slice(4));
    const [record] = (JSON.parse(text) as KeyFile).keys;
    expect(record?.hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(Date.parse(record?.created ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('add makes another key each time, and keeps those there are', async () => {
    const [first, second] = [await keys('add', 'alice'), await keys('add', 'bob')];
    expect(first.stdout).not.toBe(second.stdout);
    expect(names()).toEqual(['alice', 'bob']);
  });

  it('add replaces the file whole, leaves nothing beside it, and takes it back from others', async () => {
    writeFileSync(path, '{"keys":[]}\n', { mode: 0o644 });
    const before = statSync(path).ino;
    await keys('add', 'alice');
    expect(statSync(path).ino).not.toBe(before);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['keys.json']);
  });

  it('of keys that are added at the same time none is lost', async () => {
    await keys('add', 'first');
    const many = Array.from({ length: 12 }, (_value, index) => `key-${index}`);
    const results = await Promise.all(many.map((name) => keys('add', name)));
    expect(results.map(({ code, stderr }) => [code, stderr.includes('error')])).toEqual(many.map(() => [0, false]));
    const { keys: records } = JSON.parse(readFileSync(path, 'utf8')) as KeyFile;
    const written = new Map(records.map(({ name, hash }) => [name, hash]));
    expect([...written.keys()].sort()).toEqual([...many, 'first'].sort());
    expect(many.map((name) => written.get(name))).toEqual(results.map(({ stdout }) => hashKey(stdout.trim())));
    expect(readdirSync(folder)).toEqual(['keys.json']);
  });

  it('add leaves a file that it cannot understand as it was', async () => {
    writeFileSync(path, '{"keys":');
    expect(await keys('add', 'alice')).toMatchObject({ code: 2, stdout: '' });
    expect(readFileSync(path, 'utf8')).toBe('{"keys":');
    expect(readdirSync(folder)).toEqual(['keys.json']);
  });

  it.each([
    '',
    '../x',
    'a b',
    'a\nb',
    '.hidden',
    '-',
    'ünï',
    '"',
    'x'.repeat(65),
  ])('add refuses the name %j and writes nothing', async (name) => {
    const { code, stdout, stderr } = await keys('add', name);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error {2}.+ cannot be the name of a key\ntry {4}.+\n$/);
    expect(existsSync(path)).toBe(false);
  });

  it.each(['a', 'alice@example.com', 'ci-runner_2.prod', 'X'.repeat(64)])('add takes the name %j', async (name) => {
    expect(await keys('add', name)).toMatchObject({ code: 0 });
    expect(names()).toEqual([name]);
  });

  it('list tells names, when they were made and end, and scopes, one a line, and no hash', async () => {
    await keys('add', 'alice');
    await keys('add', 'bob', '--expires', '2090-01-31T00:00:00Z', '--scope', 'read', '--scope', 'db:write');
    const { code, stdout, stderr } = await keys('list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^alice\t\d{4}-\d\d-\d\dT[\d:.]+Z\t-\t-\nbob\t\d{4}-\d\d-\d\dT[\d:.]+Z\t2090-01-31T00:00:00.000Z\tread db:write\n$/,
    );
    expect(stdout).not.toMatch(/[0-9a-f]{32}/);
  });

  it('add keeps what the key is given', async () => {
    const rules = ['--allow-tool', 'list_*', '--allow-tool', 'explain_query', '--deny-tool', '*_sql'];
    const more = ['--expires', '90d', '--scope', 'read', '--limit-calls', '5r/m burst=10'];
    expect(await keys('add', 'alice', ...rules, ...more)).toMatchObject({ code: 0 });
    const [record] = (JSON.parse(readFileSync(path, 'utf8')) as KeyFile).keys;
    expect(record).toMatchObject({
      scopes: ['read'],
      tools: { allow: ['list_*', 'explain_query'], deny: ['*_sql'] },
      limitCalls: '5r/m burst=10',
    });
    const days = (Date.parse(record?.expires ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(89.9);
    expect(days).toBeLessThanOrEqual(90);
  });

  it.each([
    ['--expires', 'soon'],
    ['--expires', '90'],
    ['--expires', '0d'],
    ['--expires', '2020-01-01T00:00:00Z'],
    ['--expires', '2090-01-01T00:00:00'],
    ['--scope', 'two words'],
    ['--scope', 'a"b'],
    ['--allow-tool', 'a\nb'],
    ['--deny-tool', 'ünï'],
    ['--limit-calls', 'many'],
    ['--limit-calls', '0'],
    ['--grace', '24h'],
  ])('add refuses %s %j, naming it, and writes nothing', async (option, value) => {
    const { code, stdout, stderr } = await keys('add', 'alice', option, value);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(option);
    expect(existsSync(path)).toBe(false);
  });

  it('rotate makes another key for the same record, and the old one is valid no more', async () => {
    const old = (await keys('add', 'alice', '--scope', 'read', '--expires', '9d')).stdout.trim();
    await keys('add', 'bob');
    const [before] = (JSON.parse(readFileSync(path, 'utf8')) as KeyFile).keys;
    const { code, stdout, stderr } = await keys('rotate', 'alice');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mdb_[A-Za-z0-9_-]{43}\n$/);
    expect(stdout.trim()).not.toBe(old);
    expect(stderr).toContain('valid no more');
    expect(names()).toEqual(['alice', 'bob']);
    const [after] = (JSON.parse(readFileSync(path, 'utf8')) as KeyFile).keys;
    expect(after).toEqual({ ...before, hash: hashKey(stdout.trim()), created: after?.created });
  });

  it('rotate --grace keeps the old key for so long, and no older one', async () => {
    await keys('add', 'alice');
    const second = (await keys('rotate', 'alice', '--grace', '24h')).stdout.trim();
    const third = (await keys('rotate', 'alice', '--grace', '24h')).stdout.trim();
    const [record] = (JSON.parse(readFileSync(path, 'utf8')) as KeyFile).keys;
    expect(record?.hash).toBe(hashKey(third));
    expect(record?.previous?.hash).toBe(hashKey(second));
    const hours = (Date.parse(record?.previous?.expires ?? '') - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThanOrEqual(24);
  });

  it.each([
    ['rotate', 'nobody'],
    ['rotate'],
    ['revoke', 'alice', '--scope', 'x'],
    ['list', '--grace', '1h'],
  ])('refuses %s %s %s', async (...args) => {
    await keys('add', 'alice');
    const before = readFileSync(path, 'utf8');
    expect(await keys(...args)).toMatchObject({ code: 2, stdout: '' });
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('revoke takes out that key and no other', async () => {
    await keys('add', 'alice');
    await keys('add', 'bob');
    expect(await keys('revoke', 'alice')).toMatchObject({ code: 0, stdout: '' });
    expect(names()).toEqual(['bob']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await keys('list')).stdout).not.toContain('alice');
  });

  it('the file may be named by --key-file or DRAWBRIDGE_KEY_FILE', async () => {
    await keys('add', 'alice', '--key-file', 'one.json');
    await runCli(['keys', 'add', 'alice'], { cwd: folder, env: { DRAWBRIDGE_KEY_FILE: 'two.json' } });
    expect(readdirSync(folder).sort()).toEqual(['one.json', 'two.json']);
  });

  it('says how it is used when nothing is asked of it', async () => {
    const { code, stdout } = await keys();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage\n/);
    expect(await keys('--help')).toMatchObject({ code: 0, stdout });
  });

  it('a key that was added opens the gateway, and one that was revoked does not', async () => {
    const alice = (await keys('add', 'alice')).stdout.trim();
    const bob = (await keys('add', 'bob')).stdout.trim();
    await keys('revoke', 'bob');
    const args = ['gateway', '--upstream', 'http://127.0.0.1:9/mcp', '--key-file', path, '--port', '0'];
    const gateway = startCli(args);
    const [, origin] = await gateway.logged(/listening on (\S+),/);
    const statusFor = async (key: string): Promise<number> => {
      const headers = { Authorization: `Bearer ${key}`, Accept: 'application/json' };
      return (await fetch(`${origin}/mcp`, { headers })).status;
    };
    expect(await statusFor(bob)).toBe(401);
    expect(await statusFor(alice)).not.toBe(401);
    await keys('revoke', 'alice');
    await until('the gateway has read that the key is revoked', async () => (await statusFor(alice)) === 401, 8000);
    const again = (await keys('add', 'alice')).stdout.trim();
    await until('the gateway has read that there is a new key', async () => (await statusFor(again)) !== 401, 8000);
    gateway.child.kill('SIGTERM');
    expect(gateway.stderr).not.toContain(alice);
    expect(await gateway.exited()).toMatchObject({ code: 0, stdout: '' });
  });
});
