import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigReloader } from '../../src/cli/gateway-reload.ts';
import type { GatewayValues } from '../../src/cli/gateway-settings.ts';
import { startWarnings } from '../../src/cli/start-warnings.ts';
import { parseYamlConfig } from '../../src/cli/yaml-config.ts';
import { DrawbridgeError } from '../../src/errors.ts';
import { createLineLogger } from '../../src/log.ts';
import { until } from '../parts/deadline.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { runCli } from '../parts/run-cli.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const UPSTREAM = 'upstream: http://127.0.0.1:9/sse\nauth: none\n';

/** Checks a configuration file by the command itself. */
function check(text: string, more: { args?: string[]; env?: Record<string, string> } = {}) {
  writeFileSync(join(folder, 'c.yaml'), text);
  const args = ['gateway', '--config', 'c.yaml', '--check-config', ...(more.args ?? [])];
  return runCli(args, { cwd: folder, ...(more.env === undefined ? {} : { env: more.env }) });
}

describe('gateway --check-config', () => {
  it('shows each value and where it comes from: flag before environment before file before default', async () => {
    const { code, stdout, stderr } = await check(
      `${UPSTREAM}port: 1001\nmaxSessions: 11\nlimitTool: { execute_sql: rate=5r/m burst=10, other: 7 }\n`,
      { args: ['--max-sessions', '33'], env: { DRAWBRIDGE_PORT: '1002', DRAWBRIDGE_MAX_SESSIONS: '22' } },
    );
    expect([code, stderr]).toEqual([0, '']);
    const line = (name: string): string => stdout.split('\n').find((text) => text.startsWith(`${name} `)) ?? '';
    expect(line('max-sessions')).toMatch(/ 33 .* --max-sessions$/);
    expect(line('port')).toMatch(/ 1002 .* DRAWBRIDGE_PORT$/);
    expect(line('upstream')).toMatch(/127\.0\.0\.1:9\/sse .* "upstream" in c\.yaml:1:1$/);
    expect(line('limit-tool')).toMatch(/execute_sql:rate=5r\/m burst=10, other:7 .* "limitTool" in c\.yaml:5:1$/);
    expect(line('session-idle')).toMatch(/ 1800 .* default$/);
    expect(stdout).toContain('The configuration is valid.\n');
  });

  it('shows no secret', async () => {
    const { code, stdout } = await check(`${UPSTREAM}upstreamHeader:\n  X-Secret: hunter2-hunter2\n`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^upstream-header +\*\*\* /m);
    expect(stdout).not.toContain('hunter2');
  });

  it('reads JSON as well', async () => {
    expect((await check('{ "upstream": "http://127.0.0.1:9/sse", "auth": "none", "port": 1 }')).code).toBe(0);
  });

  it.each([
    [
      'an unknown key',
      `${UPSTREAM}limitCals: 5\n`,
      'unknown key "limitCals" in c.yaml:3:1',
      'Did you mean "limitCalls"?',
    ],
    ['a value of another kind', `${UPSTREAM}port: "80"\n`, '"port" in c.yaml:3:1 must be a number', ''],
    [
      'a value out of range',
      `${UPSTREAM}port: 70000\n`,
      '"port" in c.yaml:3:1 must be a whole number from 0 to 65535',
      '',
    ],
    [
      'a key twice',
      `${UPSTREAM}port: 1\nport: 2\n`,
      'the configuration file cannot be used at c.yaml:4:1',
      'the key occurs twice',
    ],
    [
      'one option under two names',
      `${UPSTREAM}keyFile: a\nkey-file: b\n`,
      '"keyFile" and "key-file" in c.yaml:4:1 are the same option',
      '',
    ],
    ['no YAML', `${UPSTREAM}  port: 1\n`, 'the configuration file cannot be used at c.yaml:2:', ''],
    [
      'an alias',
      `upstream: &a http://127.0.0.1:9/sse\nauth: *a\n`,
      'the configuration file cannot be used at c.yaml:2:7',
      'an alias is not taken',
    ],
    [
      'a second document',
      `${UPSTREAM}---\nport: 1\n`,
      'the configuration file cannot be used at c.yaml:',
      'there is a second document',
    ],
    ['a list', '- 1\n', 'the configuration file c.yaml must be an object of options', 'it is a list'],
    ['a key of JavaScript', `${UPSTREAM}__proto__: { a: 1 }\n`, 'unknown key "__proto__" in c.yaml:3:1', ''],
    ['a CIDR that is none', `${UPSTREAM}denyAddresses: [10.0.0.5/8]\n`, '10.0.0.5/8', ''],
    ['a rate that is none', `${UPSTREAM}limitCalls: often\n`, 'limitCalls is not a rate', ''],
    [
      'a limit without room for a handshake',
      `${UPSTREAM}limitAddress: 5r/m\n`,
      'limitAddress leaves no room for a handshake',
      '',
    ],
    ['*', `${UPSTREAM}allowedOrigins: ["*"]\n`, '"*" is not an origin', ''],
  ])('names %s with its place, and ends with 2', async (_name, text, error, more) => {
    const { code, stdout, stderr } = await check(text);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(error);
    expect(stderr).toContain(more);
  });

  it('takes numbers where the choices are numbers', async () => {
    const { code, stdout } = await check(`${UPSTREAM}family: 4\ntlsMinVersion: 1.3\n`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tls-min-version +1\.3 /m);
  });

  it('finds certificates that are not there, and sources of them that exclude each other', async () => {
    const missing = await check(`${UPSTREAM}tlsCert: nowhere.pem\ntlsKey: nowhere.key\n`);
    expect([missing.code, missing.stdout]).toEqual([2, '']);
    expect(missing.stderr).toContain('nowhere.');
    const both = await check(`${UPSTREAM}acme: [a.example]\nredirectPort: 80\ntlsCert: a.pem\ntlsKey: a.key\n`);
    expect(both.stderr).toContain('--acme cannot be used with --tls-cert and --tls-key');
  });

  it('quotes no value of a file that it cannot read as YAML', async () => {
    const { code, stderr } = await check(`${UPSTREAM}upstreamHeader: { X-Secret: hunter2-hunter2\n`);
    expect(code).toBe(2);
    expect(stderr).not.toContain('hunter2');
  });

  it.each(['0.0.0.0/0', '128.0.0.0/1', '::/0'])('refuses to trust %s where everybody can come', async (cidr) => {
    const text = `upstream: http://127.0.0.1:9/sse\nkeyFile: k.json\nhost: 0.0.0.0\ntrustProxies: ["${cidr}"]\n`;
    writeFileSync(join(folder, 'k.json'), '{"keys":[]}');
    const { code, stderr } = await check(text);
    expect(code).toBe(2);
    expect(stderr).toContain(`--trust-proxies ${cidr} trusts everybody`);
  });
});

describe('a configuration file', () => {
  it('may be empty, or comments alone', () => {
    expect(parseYamlConfig('', 'c').content).toEqual({});
    expect(parseYamlConfig('# nothing\n', 'c').content).toEqual({});
  });

  it('is refused when it is longer than a megabyte', () => {
    expect(() => parseYamlConfig(`a: ${'x'.repeat(1024 * 1024)}`, 'c')).toThrow(DrawbridgeError);
  });
});

describe('a running gateway', () => {
  let upstream: SilentUpstream;
  let gateway: GatewayProcess;
  let path: string;
  const health = async (host: string): Promise<number> =>
    (await send(gateway.origin, { path: '/health', headers: { host } })).status;

  beforeEach(async () => {
    upstream = await startSilentUpstream();
    path = join(folder, 'running.yaml');
    writeFileSync(path, 'allowedHosts: [one.example]\n');
    gateway = await startGatewayProcess(upstream.url, ['--config', path]);
  });
  afterEach(async () => {
    await gateway.close();
    await upstream.close();
  });

  it.each([
    ['SIGHUP', () => void gateway.child.kill('SIGHUP')],
    ['the change itself', () => {}],
  ])('reads its file again on %s, keeps its sessions, and keeps what is running when the file is broken', async (_name, tell) => {
    expect(await health('two.example')).toBe(403);
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    writeFileSync(path, 'allowedHosts: [two.example]\nport: 9\n');
    tell();
    await until('the new configuration', () => gateway.log().includes('now counts: allowed-hosts'), 10_000);
    expect(await health('two.example')).toBe(200);
    expect(await health('one.example')).toBe(403);
    writeFileSync(path, 'allowedHosts: [three.example]\nnonsense: 1\n');
    tell();
    await until('the refusal', () => gateway.log().includes('the running one stays: unknown key "nonsense"'), 10_000);
    expect(await health('two.example')).toBe(200);
    expect((await session.post('{"jsonrpc":"2.0","method":"a"}')).status).toBe(202);
    session.close();
  });
});

describe('a changed configuration', () => {
  it('says what counts now, what needs a new start, and what does in part', () => {
    const lines: string[] = [];
    const logger = createLineLogger({ level: 'info', write: (line) => void lines.push(line) });
    let next: GatewayValues = {};
    const reloader = new ConfigReloader({ port: 1 }, { read: () => next, apply: () => {}, logger });
    reloader.run('SIGHUP');
    next = { port: 2, 'public-url': 'https://a.example', 'max-sessions': 5 };
    reloader.run('SIGHUP');
    reloader.run('SIGHUP');
    expect(lines).toEqual([
      'warn  port can be changed by a new start alone\n',
      'info  SIGHUP: now counts: public-url, max-sessions\n',
      'warn  port can be changed by a new start alone\n',
      'warn  public-url: redirects, handshakes and PROXY lines follow at the next start\n',
      'info  SIGHUP: read again, nothing has changed\n',
    ]);
  });
});

describe('the warnings at the start', () => {
  const fine = { nodeVersion: 'v22.99.0', env: {}, execArgv: [], origins: new Map<string, string>() };

  it('are none where all is well', () => {
    expect(startWarnings({}, fine)).toEqual([]);
  });

  it.each([
    [{ nodeVersion: 'v20.19.0' }, 'lacks security fixes that are in 20.20.0'],
    [{ nodeVersion: 'v24.12.9' }, 'lacks security fixes that are in 24.13.0'],
    [{ env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }, 'no certificate is checked'],
    [{ env: { NODE_OPTIONS: '--insecure-http-parser' } }, '--insecure-http-parser'],
    [{ execArgv: ['--insecure-http-parser'] }, '--insecure-http-parser'],
    [{ origins: new Map([['upstream-header', '--upstream-header']]) }, 'seen by everybody who lists processes'],
  ])('tell of %j', (more, text) => {
    const warnings = startWarnings({}, { ...fine, ...more });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(text);
  });

  it('tell of files that others can read', () => {
    const file = join(folder, 'keys.json');
    writeFileSync(file, '{"keys":[]}');
    chmodSync(file, 0o600);
    expect(startWarnings({ 'key-file': file }, fine)).toEqual([]);
    chmodSync(file, 0o666);
    expect(startWarnings({ 'key-file': file }, fine)).toEqual([
      `${file} can be read by others than its owner: chmod 600 it`,
    ]);
  });
});
