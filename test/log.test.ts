import { describe, expect, it } from 'vitest';
import {
  createLineLogger,
  type LineLoggerOptions,
  LOG_LEVELS,
  type Logger,
  maskSecrets,
  secretsOf,
  silentLogger,
} from '../src/log.ts';
import { cheapestOf } from './parts/cpu-time.ts';

function recorder(options: Partial<LineLoggerOptions> = {}): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger = createLineLogger({ level: 'debug', write: (line) => lines.push(line), ...options });
  return { logger, lines };
}

function lineOf(fields: Record<string, unknown>, message = 'm', options: Partial<LineLoggerOptions> = {}): string {
  const { logger, lines } = recorder(options);
  logger.info(fields, message);
  return lines.join('');
}

describe('a line logger', () => {
  it('writes the level, the message and its fields as one line', () => {
    const { logger, lines } = recorder();
    logger.info('session opened');
    logger.error({ code: 'upstream_lost', port: 8000, why: undefined, ids: ['1', 2], ok: true }, 'lost');
    expect(lines).toEqual([
      'info  session opened\n',
      'error lost  code=upstream_lost  port=8000  ids=["1",2]  ok=true\n',
    ]);
  });

  it.each([
    ['silent', []],
    ['error', ['error']],
    ['warn', ['error', 'warn']],
    ['info', ['error', 'warn', 'info']],
    ['debug', ['error', 'warn', 'info', 'debug']],
  ] as const)('at level %s writes %j', (level, written) => {
    const { logger, lines } = recorder({ level });
    for (const method of ['error', 'warn', 'info', 'debug'] as const) logger[method]('x');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(written);
    expect(LOG_LEVELS).toEqual(['silent', 'error', 'warn', 'info', 'debug']);
  });

  it('says nothing at all when it is the silent one', () => {
    expect(silentLogger.error('x')).toBeUndefined();
  });

  it('escapes whatever could begin a second line or steer a terminal', () => {
    const { logger, lines } = recorder();
    logger.warn({ name: '\u001b[31mred\u009b' }, 'a\nerror b\r\n\u0000c\u2028d\u2029\u0085');
    expect(lines).toEqual([
      'warn  a\\u000aerror b\\u000d\\u000a\\u0000c\\u2028d\\u2029\\u0085  name=\\u001b[31mred\\u009b\n',
    ]);
  });

  it('cuts a record of a megabyte, and says how long it was', () => {
    const line = lineOf({}, 'x'.repeat(1_000_000));
    expect(line).toBe(`info  ${'x'.repeat(2000)}… (1000000 characters)\n`);
  });

  it('cuts after escaping, so that control characters make it no longer', () => {
    expect(lineOf({}, '\u0000'.repeat(5000)).length).toBeLessThan(2100);
  });

  it('takes values that JSON cannot hold', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(() => lineOf({ circular, big: 1n, f: () => {}, s: Symbol('x') })).not.toThrow();
    expect(lineOf({ big: 12345678901234567890n })).toContain('big=12345678901234567890');
  });
});

describe('secrets', () => {
  const masked = (fields: Record<string, unknown>, message = 'm', secrets: string[] = []): string =>
    lineOf(fields, message, { secrets });

  it.each([
    'authorization',
    'Cookie',
    'db_password',
    'passwd',
    'clientSecret',
    'access_token',
    'X-API-Key',
    'apikey',
    'credentials',
  ])('under the field %s are masked', (key) => {
    expect(masked({ [key]: 'hunter2-value' })).toBe(`info  m  ${key}=***\n`);
  });

  it('under such a name are masked in nested fields too', () => {
    expect(masked({ headers: { 'x-api-key': 'hunter2-value', host: 'a' } })).toBe(
      'info  m  headers={"x-api-key":"***","host":"a"}\n',
    );
  });

  it.each([
    ['Authorization: Bearer abc.def-ghi_jkl+/==', 'Authorization: Bearer ***'],
    ['authorization: BASIC dXNlcjpwYXNz', 'authorization: BASIC ***'],
    ['bearer   abcdefgh and more', 'bearer *** and more'],
    ['cannot reach postgres://user:pa:ss@db:5432/x', 'cannot reach postgres://user:***@db:5432/x'],
    ['http://:hunter2@host/', 'http://:***@host/'],
    ['http://host:8000/a@b', 'http://host:8000/a@b'],
    ['Set-Cookie: sid=abc; Path=/', 'Set-Cookie: ***'],
    ['got {"cookie":"sid=abc; b=c","host":"a"}', 'got {"cookie":"***","host":"a"}'],
    ['Cookie sid=abc', 'Cookie ***'],
    ['the cookie jar is full', 'the cookie jar is full'],
    [`the key mdb_${'x'.repeat(43)} here`, 'the key *** here'],
    ['GET /t/some-key/sse and /db/t/mdb_abcdefgh/mcp?x', 'GET /t/***/sse and /db/t/***/mcp?x'],
    ['POST /t/some-key/messages/?session=1', 'POST /t/***/messages/?session=1'],
    ['read /srv/t/some-key/file', 'read /srv/t/some-key/file'],
  ])('in the text %j are masked', (text, expected) => {
    expect(masked({}, text)).toBe(`info  ${expected}\n`);
  });

  it('that were named are masked wherever they occur', () => {
    const line = masked({ why: 'got s3cr3t-value', list: ['s3cr3t-value'] }, 'a s3cr3t-value here', ['s3cr3t-value']);
    expect(line).toBe('info  a *** here  why=got ***  list=["***"]\n');
  });

  it('with characters that JSON escapes are masked inside JSON', () => {
    const secret = 'pass"word\\1';
    expect(masked({ list: [secret] }, secret, [secret])).toBe('info  ***  list=["***"]\n');
  });

  it('are masked before a line is cut, so that no half of one is left at the end', () => {
    expect(masked({}, `${'x'.repeat(1995)}s3cr3t-value`, ['s3cr3t-value'])).not.toContain('s3cr');
  });

  it('of under 6 characters are left, because they would mask words', () => {
    expect(masked({}, 'the key is key', ['key', ''])).toBe('info  the key is key\n');
  });

  it('are looked for in time that does not explode', () => {
    const cost = cheapestOf(3, () => {
      for (const hostile of [
        '//:'.repeat(50_000),
        `bearer${' '.repeat(100_000)}`,
        '//a:b'.repeat(50_000),
        'cookie:'.repeat(50_000),
      ])
        masked({}, hostile);
    });
    expect(cost).toBeLessThan(2000);
  });
});

describe('what must not be shown of a connection', () => {
  it.each([
    { headers: { Authorization: 'Bearer abcdef' }, secrets: ['Bearer abcdef', 'abcdef'] },
    {
      headers: { Authorization: 'Token token="abc=def"' },
      secrets: ['Token token="abc=def"', 'token="abc=def"', '"abc=def"'],
    },
    { headers: { 'X-Key': 'abcdef' }, secrets: ['abcdef'] },
    { headers: { Cookie: 'sid=abcdef; b=ghijkl' }, secrets: ['sid=abcdef; b=ghijkl', 'abcdef', 'ghijkl'] },
    { headers: { Authorization: 'Basic bWU6cGFzczp3b3Jk' }, secrets: ['bWU6cGFzczp3b3Jk', 'pass:word'] },
    { url: 'https://a.example/mcp?key=abc%20def&abcdef&x=', secrets: ['abc%20def', 'abc def', 'abcdef'] },
    { url: 'https://a.example/mcp', secrets: [] },
  ])('is each value and its parts: $headers $url', ({ headers = {}, url, secrets }) => {
    const found = secretsOf(headers as Record<string, string>, url === undefined ? undefined : new URL(url));
    expect(found).toEqual(expect.arrayContaining(secrets));
    expect(found).not.toContain('Bearer');
    expect(found).toEqual([...found].sort((a, b) => b.length - a.length));
  });

  it('is masked where it stands, the longest first', () => {
    const secrets = secretsOf({ Authorization: 'Custom abcdef', 'X-Key': 'abcdefghi' });
    expect(maskSecrets('got Custom abcdef and abcdefghi and "abcdef"', secrets)).toBe('got *** and *** and "***"');
  });
});
