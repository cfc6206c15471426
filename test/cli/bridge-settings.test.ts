import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BridgeSettings, readBridgeSettings } from '../../src/cli/bridge-settings.ts';

const URL_TEXT = 'https://example.com/mcp';
const DEFAULTS = {
  url: new URL(URL_TEXT),
  headers: {},
  transport: 'auto',
  family: '4',
  cookies: true,
  trace: false,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 0,
  bodyTimeoutMs: 0,
  initializeTimeoutMs: 25_000,
  holdMs: 15_000,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 10_000,
  requestTimeoutMs: 0,
  progressHeartbeatMs: 0,
};
const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const EXTRA = '-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n';
const KEY = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n';

let folder: string;
const path = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-settings-'));
  writeFileSync(path('headers.txt'), '\ufeff# for the staging server\r\n\r\nX-Team: ${TEAM}\r\n  X-Key:from file\r\n');
  for (const [name, text] of Object.entries({ ca: CERTIFICATE, extra: EXTRA, key: KEY, both: CERTIFICATE + KEY })) {
    writeFileSync(path(`${name}.pem`), text);
  }
  writeFileSync(path('info.json'), '{"client_id":"a","client_secret":"${CLIENT_SECRET}"}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}): BridgeSettings {
  const settings = readBridgeSettings(args, env);
  if (typeof settings === 'string') throw new Error(`it was taken for a question: ${settings}`);
  return settings;
}

describe('the command line of mcp-remote', () => {
  it('with the URL alone means the defaults', () => {
    expect(read([URL_TEXT]).options).toEqual(DEFAULTS);
    expect(read([URL_TEXT]).warnings).toEqual([]);
  });

  it.each([
    { args: [URL_TEXT, '--header', 'X-Key:a'] },
    { args: ['--header', 'X-Key: a', URL_TEXT] },
    { args: ['--header=X-Key:a', URL_TEXT] },
    { args: ['-y', URL_TEXT, '--header', 'X-Key:   a'] },
    { args: ['--keep-alive', '--enable-proxy', '--yes', URL_TEXT, '--header', 'X-Key:a', '--protocol', 'legacy'] },
  ])('is read in any order: $args', ({ args }) => {
    expect(read(args).options).toEqual({ ...DEFAULTS, headers: { 'X-Key': 'a' } });
  });

  it.each([
    { args: ['--transport', 'http-first'], options: { transport: 'http-first' } },
    { args: ['--transport', 'sse-first'], options: { transport: 'sse-first' } },
    { args: ['--transport', 'http-only'], options: { transport: 'http' } },
    { args: ['--transport', 'sse-only'], options: { transport: 'sse' } },
    { args: ['--transport=sse'], options: { transport: 'sse' } },
    { args: ['--ipv4'], options: { family: '4' } },
    { args: ['--family', 'any'], options: { family: 'any' } },
    { args: ['--connect-timeout', '2.5'], options: { connectTimeoutMs: 2500 } },
    { args: ['--headers-timeout', '300'], options: { headersTimeoutMs: 300_000 } },
    { args: ['--body-timeout', '0'], options: { bodyTimeoutMs: 0 } },
    { args: ['--ping-interval', '45'], options: { pingIntervalMs: 45_000 } },
    { args: ['--ping-interval', '0'], options: { pingIntervalMs: 0 } },
    { args: ['--pong-timeout', '0.1'], options: { pongTimeoutMs: 100 } },
    { args: ['--request-timeout', '600'], options: { requestTimeoutMs: 600_000 } },
    { args: ['--initialize-timeout', '50'], options: { initializeTimeoutMs: 50_000 } },
    { args: ['--hold', '0'], options: { holdMs: 0 } },
    { args: ['--progress-heartbeat', '5'], options: { progressHeartbeatMs: 5000 } },
    { args: ['--disable-cookies'], options: { cookies: false } },
    { args: ['--ignore-tool', 'delete*', '--ignore-tool=drop'], options: { ignoreTools: ['delete*', 'drop'] } },
    { args: ['--allow-tool', 'read*'], options: { allowTools: ['read*'] } },
    { args: ['--debug'], options: { trace: true } },
    { args: ['--ssh', 'me@db.example.com:2222'], options: { ssh: { destination: 'me@db.example.com:2222' } } },
  ])('has the meaning that it has there: $args', ({ args, options }) => {
    expect(read([...args, URL_TEXT]).options).toEqual({ ...DEFAULTS, ...options });
  });

  it.each([
    { args: [], level: 'info' },
    { args: ['--debug'], level: 'debug' },
    { args: ['--silent'], level: 'silent' },
    { args: ['--log-level', 'warn', '--debug'], level: 'warn' },
  ])('says how much is logged: $args', ({ args, level }) => {
    expect(read([URL_TEXT, ...args]).logLevel).toBe(level);
  });

  it.each([
    { args: [URL_TEXT, '3334'], port: 3334 },
    { args: ['--debug', URL_TEXT, '--host', 'localhost', '3334'], port: 3334 },
    { args: [URL_TEXT, '0'], port: undefined },
    { args: [URL_TEXT], port: undefined },
  ])('has the callback port as its second argument: $args', ({ args, port }) => {
    expect(read(args).oauth.callbackPort).toBe(port);
  });

  it('says of options about signing in that they have no effect yet', () => {
    expect(read([URL_TEXT, '--device-code', '--host', 'localhost']).warnings).toEqual([
      'signing in with OAuth is not there yet: --host, --device-code has no effect',
    ]);
  });

  it.each([
    { args: ['--help'], question: 'help' },
    { args: [URL_TEXT, '-h'], question: 'help' },
    { args: ['--version', '--debug'], question: 'version' },
    { args: [], question: 'help' },
  ])('may be a question: $args', ({ args, question }) => {
    expect(readBridgeSettings(args, {})).toBe(question);
  });
});

describe('headers', () => {
  it('are replaced by a later one, and those of a file by those said directly, whatever their case', () => {
    const args = [
      '--header',
      'x-key: direct',
      '--header-file',
      path('headers.txt'),
      '--header',
      'Y: 1',
      '--header=y:2',
    ];
    expect(read([URL_TEXT, ...args], { TEAM: 'blue' }).options.headers).toEqual({
      'X-Team': 'blue',
      'x-key': 'direct',
      y: '2',
    });
  });

  it('have variables of the environment in them, from wherever they come', () => {
    const env = { A: 'one', B: 'two', TEAM: 'blue', DRAWBRIDGE_HEADER: 'X: ${A}-${B}\nY: ${B}' };
    expect(read([URL_TEXT], env).options.headers).toEqual({ X: 'one-two', Y: 'two' });
    expect(read([URL_TEXT, '--header', 'Z:$A ${A} {A} ${} $${B}'], env).options.headers).toEqual({
      Z: '$A one {A} ${} $two',
    });
    const fromFile = { TEAM: 'blue', DRAWBRIDGE_HEADER_FILE: path('headers.txt') };
    expect(read([URL_TEXT], fromFile).options.headers).toEqual({ 'X-Team': 'blue', 'X-Key': 'from file' });
  });

  it('that every request has anyway are left out, and it is said', () => {
    const { options, warnings } = read([URL_TEXT, '--header', 'Accept: */*', '--header', 'content-type:a/b']);
    expect(options.headers).toEqual({});
    expect(warnings.map((warning) => warning.split(' is ')[0])).toEqual([
      'the header Accept',
      'the header content-type',
    ]);
  });
});

describe('the URL', () => {
  it.each([
    'http://localhost:8000/sse',
    'http://db.localhost/sse',
    'http://127.0.0.1/',
    'http://127.9.9.9/',
    'http://[::1]:8000/sse',
    'http://[::ffff:127.0.0.1]/',
  ])('may be without encryption on this machine: %s', (url) => {
    expect(read([url]).options.url).toEqual(new URL(url));
  });

  it.each(['--allow-http', '--ssh=db'])('may be without encryption elsewhere with %s', (flag) => {
    expect(read(['http://db.example.com/sse', flag]).options.url.host).toBe('db.example.com');
  });

  it.each([
    { env: { DRAWBRIDGE_URL: URL_TEXT } },
    { args: ['${SERVER}/mcp'], env: { SERVER: 'https://example.com' } },
    { args: [URL_TEXT], env: { DRAWBRIDGE_URL: 'https://other.example' } },
  ])('comes from $args $env', ({ args = [], env }) => {
    expect(read(args, env as unknown as Record<string, string>).options.url).toEqual(new URL(URL_TEXT));
  });
});

describe('files of certificates', () => {
  it('are read, and may hold certificate and key', () => {
    const both = path('both.pem');
    const args = [URL_TEXT, '--ca', path('ca.pem'), '--client-cert', both, '--client-key', both];
    expect(read(args).options.tls).toEqual({ ca: [CERTIFICATE], cert: CERTIFICATE + KEY, key: CERTIFICATE + KEY });
  });

  it('have the authorities beside them that Node was given, which a list of our own would replace', () => {
    const args = [URL_TEXT, '--ca', path('ca.pem')];
    expect(read(args, { NODE_EXTRA_CA_CERTS: path('extra.pem') }).options.tls?.ca).toEqual([CERTIFICATE, EXTRA]);
    expect(read(args, { NODE_EXTRA_CA_CERTS: path('nowhere.pem') }).options.tls?.ca).toEqual([CERTIFICATE]);
    expect(read([URL_TEXT], { NODE_EXTRA_CA_CERTS: path('extra.pem') }).options.tls).toBeUndefined();
  });
});

describe('proxies', () => {
  it.each([
    { env: {}, proxy: undefined },
    { env: { NO_PROXY: '*' }, proxy: undefined },
    { env: { HTTP_PROXY: 'http://a:1' }, proxy: { httpProxy: 'http://a:1' } },
    { env: { HTTPS_PROXY: 'http://a:1', NO_PROXY: 'b' }, proxy: { httpsProxy: 'http://a:1', noProxy: 'b' } },
    { env: { HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:1' }, proxy: { httpsProxy: 'http://b:1' } },
    { env: { ALL_PROXY: 'http://a:1' }, proxy: { httpProxy: 'http://a:1', httpsProxy: 'http://a:1' } },
    { env: { ALL_PROXY: 'a:1', http_proxy: 'b:2' }, proxy: { httpProxy: 'b:2', httpsProxy: 'a:1' } },
    { env: { all_proxy: 'socks5://a:1' }, proxy: undefined },
    { env: { http_proxy: '' }, proxy: undefined },
  ])('are those of the environment: $env', ({ env, proxy }) => {
    expect(read([URL_TEXT], env as unknown as Record<string, string>).options.proxy).toEqual(proxy);
  });
});

it('knows what must not be shown: headers, the query, passwords of proxies, the secret of a client', () => {
  const args = ['https://example.com/mcp?api_key=query%20secret', '--header', 'Authorization: Bearer header-secret'];
  const { secrets } = read(
    [...args, '--static-oauth-client-info', `@${path('info.json')}`, '--header', 'Cookie: a=cookie-secret; b=c'],
    {
      HTTPS_PROXY: 'http://me:proxy%21secret@proxy:3128',
      CLIENT_SECRET: 'client-secret',
    },
  );
  expect(secrets).toEqual(
    expect.arrayContaining([
      'Bearer header-secret',
      'header-secret',
      'cookie-secret',
      'query%20secret',
      'query secret',
      'proxy%21secret',
      'proxy!secret',
      'client-secret',
    ]),
  );
});
