import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BadInput, expectRefusal, SECRET } from '../parts/bad-input.ts';
import { startCli } from '../parts/run-cli.ts';

const UPSTREAM = ['gateway', '--upstream', 'http://127.0.0.1:9/sse', '--port', '0'];
const HASH = `sha256:${'0'.repeat(64)}`;
const FILES: Readonly<Record<string, string>> = {
  'good.json': JSON.stringify({ keys: [{ name: 'alice', hash: HASH }] }),
  'broken.json': `{"keys": ["${SECRET}`,
  'text.json': SECRET,
  'list.json': '[]',
  'plain.json': JSON.stringify({ keys: [{ name: 'alice', hash: SECRET }] }),
  'twice.json': JSON.stringify({
    keys: [
      { name: 'alice', hash: HASH },
      { name: 'alice', hash: HASH },
    ],
  }),
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-bad-input-'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, 'folder'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GATEWAY: readonly BadInput[] = [
  {
    name: 'a key file that is not there',
    args: [...UPSTREAM, '--key-file', 'nowhere.json'],
    error: 'cannot read the key file nowhere.json',
    why: 'ENOENT',
    tryThis: /keys add/,
  },
  {
    name: 'a key file that is a folder',
    args: [...UPSTREAM, '--key-file', 'folder'],
    error: 'cannot read the key file folder',
    why: 'EISDIR',
    tryThis: /keys add/,
  },
  {
    name: 'a key file that is no JSON',
    args: [...UPSTREAM, '--key-file', 'broken.json'],
    error: 'the key file broken.json cannot be used',
    why: /^it is not JSON at position/,
    tryThis: /keys add/,
  },
  {
    name: 'a key file that is a key',
    args: [...UPSTREAM, '--key-file', 'text.json'],
    error: 'the key file text.json cannot be used',
    why: /^it is not JSON/,
    tryThis: /keys add/,
  },
  {
    name: 'a key file without a list of keys',
    args: [...UPSTREAM, '--key-file', 'list.json'],
    error: 'the key file list.json cannot be used',
    why: /"keys"/,
    tryThis: /keys add/,
  },
  {
    name: 'a key file with a key in place of its hash',
    args: [...UPSTREAM, '--key-file', 'plain.json'],
    error: 'the key file plain.json cannot be used',
    why: 'keys[0].hash of "alice" is not sha256:<64 hex digits>',
    tryThis: /keys add/,
  },
  {
    name: 'a key file with a name twice',
    args: [...UPSTREAM, '--key-file', 'twice.json'],
    error: 'the key file twice.json cannot be used',
    why: /twice/,
    tryThis: /keys add/,
  },
  {
    name: 'a key file and no authentication',
    args: [...UPSTREAM, '--key-file', 'good.json', '--auth', 'none'],
    error: 'it is not said who may use the gateway',
    why: /there are credentials/,
    tryThis: /--key-file/,
  },
  {
    name: 'authentication by keys without a key file',
    args: [...UPSTREAM, '--auth', 'keys'],
    error: '--auth must be one of none',
    why: /"keys" is not/,
    tryThis: /./,
  },
  {
    name: 'every address and no keys',
    args: [...UPSTREAM, '--host', '0.0.0.0'],
    error: 'refusing to listen on 0.0.0.0 without authentication',
    why: /database/,
    tryThis: /--key-file/,
  },
  {
    name: 'every address, said to be meant',
    args: [...UPSTREAM, '--host', '::', '--auth', 'none'],
    error: 'refusing to listen on :: without authentication',
    why: /database/,
    tryThis: /--key-file/,
  },
  {
    name: 'an address that is not this machine',
    args: [...UPSTREAM, '--host', '192.0.2.1', '--key-file', 'good.json'],
    error: 'cannot listen on 192.0.2.1:0',
    why: /EADDRNOTAVAIL 192\.0\.2\.1:0/,
    tryThis: /--host/,
  },
  {
    name: 'every origin',
    args: [...UPSTREAM, '--allowed-origins', '*'],
    error: '"*" is not an origin',
    why: /--allowed-origins/,
    tryThis: /https:\/\/app/,
  },
  {
    name: 'an origin with a path',
    args: [...UPSTREAM, '--allowed-origins', 'https://a.example/'],
    error: '"https://a.example/" is not an origin',
    why: /--allowed-origins/,
    tryThis: /https:\/\/app/,
  },
  {
    name: 'a host name that is none',
    args: [...UPSTREAM, '--allowed-hosts', 'a b'],
    error: '"a b" is not a host name',
    why: /--allowed-hosts/,
    tryThis: /Correct/,
  },
  {
    name: 'the demo and an upstream',
    args: ['gateway', '--demo', '--upstream', 'http://127.0.0.1:9/sse'],
    error: '--demo cannot be used with --upstream',
    why: /its own server/,
    tryThis: /Leave/,
  },
  {
    name: 'the demo and a key file',
    args: ['gateway', '--demo', '--key-file', 'good.json'],
    error: '--demo cannot be used with --key-file',
    why: /its own server/,
    tryThis: /Leave/,
  },
  {
    name: 'a command that is not there',
    args: ['gateway', '--', 'no-such-program'],
    error: /"no-such-program" was not found/,
    why: /PATH/,
    tryThis: /full path/,
  },
];

const KEYS: readonly BadInput[] = [
  {
    name: 'an unknown action',
    args: ['keys', 'frobnicate'],
    error: "unknown action 'frobnicate'",
    tryThis: 'Use add, list, rotate or revoke.',
  },
  {
    name: 'a key without a name',
    args: ['keys', 'add'],
    error: 'keys add needs the name of a key',
    tryThis: /keys add alice/,
  },
  {
    name: 'two names',
    args: ['keys', 'add', 'alice', 'bob'],
    error: "unexpected argument 'bob'",
    why: /one name/,
    tryThis: /--help/,
  },
  {
    name: 'a name that is there already',
    args: ['keys', 'add', 'alice', '--key-file', 'good.json'],
    error: 'there is a key "alice" in good.json already',
    tryThis: /another name/,
  },
  {
    name: 'revoking a key that is not there',
    args: ['keys', 'revoke', 'bob', '--key-file', 'good.json'],
    error: 'there is no key "bob" in good.json',
    why: 'the names in it are other ones',
    tryThis: /keys list/,
  },
  {
    name: 'revoking from a file that is not there',
    args: ['keys', 'revoke', 'bob'],
    error: 'cannot read the key file keys.json',
    why: 'ENOENT',
    tryThis: /--key-file/,
  },
  {
    name: 'a folder that is not there',
    args: ['keys', 'add', 'bob', '--key-file', 'nowhere/keys.json'],
    error: 'nowhere/keys.json cannot be written',
    why: 'ENOENT',
    tryThis: /folder/,
  },
  {
    name: 'adding to a broken file',
    args: ['keys', 'add', 'bob', '--key-file', 'broken.json'],
    error: 'the key file broken.json cannot be used',
    why: /^it is not JSON at position/,
    tryThis: /keys add/,
  },
];

describe.each([
  { of: 'the gateway', cases: GATEWAY },
  { of: 'keys', cases: KEYS },
])('bad input of $of', ({ cases }) => {
  it.concurrent.each(cases)('$name: ends with 2 and says what, why and what to try', (bad) =>
    expectRefusal(bad, folder));
});

describe('what depends on the machine', () => {
  it('a key file that its owner may not read ends with 2', async () => {
    const name = 'locked.json';
    writeFileSync(join(folder, name), FILES['good.json']!);
    chmodSync(join(folder, name), 0o000);
    const args = [...UPSTREAM, '--key-file', name];
    const error = `cannot read the key file ${name}`;
    // Root may read everything, unless it gives that up.
    const through = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
    await expectRefusal({ name, args, error, why: 'EACCES', tryThis: /keys add/, through }, folder);
  });

  it('a port that is in use ends with 2 and is named', async () => {
    const blocker = createServer();
    await new Promise<void>((fulfil) => blocker.listen(0, '127.0.0.1', fulfil));
    const { port } = blocker.address() as AddressInfo;
    const args = ['gateway', '--upstream', 'http://127.0.0.1:9/sse', '--key-file', 'good.json', '--port', `${port}`];
    const error = `port ${port} of 127.0.0.1 is in use`;
    const why = `EADDRINUSE 127.0.0.1:${port}`;
    await expectRefusal({ name: 'port', args, error, why, tryThis: 'Choose another --port or --host.' }, folder);
    blocker.close();
  });

  it('port 0 is any that is free, and is told', async () => {
    const gateway = startCli([...UPSTREAM, '--key-file', 'good.json'], { cwd: folder });
    const [, port] = await gateway.logged(/listening on http:\/\/127\.0\.0\.1:(\d+), /);
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited()).toMatchObject({ code: 0, stdout: '' });
  });
});
