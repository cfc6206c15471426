import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliResult, runCli, startCli } from '../parts/run-cli.ts';

interface KeyFile {
  readonly keys: readonly { readonly name: string; readonly hash: string; readonly created: string }[];
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

  it('list tells names and when they were made, one a line, and no hash', async () => {
    await keys('add', 'alice');
    await keys('add', 'bob');
    const { code, stdout, stderr } = await keys('list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^alice\t\d{4}-\d\d-\d\dT[\d:.]+Z\nbob\t\d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
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
    gateway.child.kill('SIGTERM');
    expect(gateway.stderr).not.toContain(alice);
    expect(await gateway.exited()).toMatchObject({ code: 143, stdout: '' });
  });
});
