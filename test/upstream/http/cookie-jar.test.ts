import { afterEach, describe, expect, it, vi } from 'vitest';
import { CookieJar } from '../../../src/upstream/http/cookie-jar.ts';

const http = (): CookieJar => new CookieJar(new URL('http://mcp.example:8000/mcp'));
const https = (): CookieJar => new CookieJar(new URL('https://mcp.example/mcp'));

/** What the jar sends to `/mcp` after one response to it. */
function sent(setCookies: string, jar = https(), path = '/mcp'): string {
  jar.store(setCookies, '/mcp');
  return jar.lineFor(path).replace(/^Cookie: |\r\n$/g, '');
}

afterEach(() => void vi.useRealTimers());

describe('a cookie', () => {
  it.each([
    ['lb=node-1', 'lb=node-1'],
    ['  lb = node-1 ; Path=/', 'lb=node-1'],
    ['lb=a=b==; Path=/', 'lb=a=b=='],
    ['lb="a b,c"', 'lb="a b,c"'],
    ['lb=', 'lb='],
    ['lb=x; HttpOnly; SameSite=None; Secure; Unknown=1', 'lb=x'],
    ['a=1\nb=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT\nc=3', 'a=1; b=2; c=3'],
    ['a=1\na=2', 'a=2'],
  ])('set by %j is sent back as %j', (setCookies, expected) => expect(sent(setCookies)).toBe(expected));

  it.each([
    'no-equals-sign',
    '=value',
    'na me=x',
    'lb=a\u0001b',
    'lb=a\u007f',
    'lb=\u0100',
    '',
    ';',
    `lb=${'x'.repeat(4095)}`,
  ])('that HTTP cannot carry is dropped: %j', (setCookies) => expect(sent(setCookies)).toBe(''));

  it('may be of 4096 bytes', () => expect(sent(`lb=${'x'.repeat(4094)}`)).toHaveLength(4097));

  it('is a line of its own among the headers', () => {
    const jar = https();
    expect([jar.isEmpty, jar.lineFor('/')]).toEqual([true, '']);
    jar.store('a=1; Path=/', '/');
    expect([jar.isEmpty, jar.lineFor('/')]).toEqual([false, 'Cookie: a=1\r\n']);
  });
});

describe('the life of a cookie', () => {
  it.each([
    'Max-Age=0',
    'Max-Age=-1',
    'Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    'expires=Wed, 21-Oct-2015 07:28:00 GMT',
    'Expires=Wed Oct 21 07:28:00 2015',
    'Expires=Wed, 21 Oct 2099 07:28:00 GMT; Max-Age=0',
  ])('ends with %s', (attribute) => {
    const jar = https();
    jar.store('lb=1', '/mcp');
    jar.store('other=2', '/mcp');
    expect(sent(`lb=gone; ${attribute}`, jar)).toBe('other=2');
  });

  it.each([
    'Max-Age=x',
    'Max-Age=',
    'Expires=soon',
    'Expires=',
    'Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60',
  ])('does not end with %s', (attribute) => expect(sent(`lb=1; ${attribute}`)).toBe('lb=1'));

  it('is as long as it says', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const jar = https();
    jar.store(`age=1; Max-Age=60\ndate=2; Expires=${new Date(Date.now() + 120_000).toUTCString()}\nlasting=3`, '/mcp');
    vi.advanceTimersByTime(59_000);
    expect(jar.lineFor('/mcp')).toBe('Cookie: age=1; date=2; lasting=3\r\n');
    vi.advanceTimersByTime(1000);
    expect(jar.lineFor('/mcp')).toBe('Cookie: date=2; lasting=3\r\n');
    vi.advanceTimersByTime(60_000);
    expect(jar.lineFor('/mcp')).toBe('Cookie: lasting=3\r\n');
  });
});

describe('the path of a cookie', () => {
  it.each([
    ['/', '/anything', true],
    ['/mcp', '/mcp', true],
    ['/mcp', '/mcp/a', true],
    ['/mcp', '/mcp?a=/b', true],
    ['/mcp/', '/mcp/a', true],
    ['/mcp/', '/mcp', false],
    ['/mcp', '/mcpx', false],
    ['/MCP', '/mcp', false],
    ['/other', '/mcp', false],
  ])('%s is %s to %s: %s', (cookiePath, path, isSent) => {
    expect(sent(`lb=1; Path=${cookiePath}`, https(), path)).toBe(isSent ? 'lb=1' : '');
  });

  it.each([
    ['/a/b/c?d=/e/f', '/a/b', '/a/bc'],
    ['/a/b/', '/a/b/x', '/a'],
  ])('is the folder of the request where the server names none: %s', (requestPath, within, without) => {
    for (const attribute of ['', '; Path=', '; Path=relative']) {
      const jar = https();
      jar.store(`lb=1${attribute}`, requestPath);
      expect([jar.lineFor(within), jar.lineFor(without)]).toEqual(['Cookie: lb=1\r\n', '']);
    }
  });

  it('makes two cookies of one name, of which the longer path comes first', () => {
    expect(sent('a=root; Path=/\na=deep; Path=/mcp', https(), '/mcp/x')).toBe('a=deep; a=root');
  });
});

describe('a cookie for somebody else', () => {
  it.each([
    ['Secure', 'lb=1; Secure', false, true],
    ['__Secure- without Secure', '__Secure-a=1', false, false],
    ['__Secure-', '__Secure-a=1; Secure', false, true],
    ['__Host- without Path', '__Host-a=1; Secure', false, false],
    ['__Host- with another path', '__Host-a=1; Secure; Path=/mcp', false, false],
    ['__Host- with a domain', '__Host-a=1; Secure; Path=/; Domain=mcp.example', false, false],
    ['__host- without Secure', '__host-a=1; Path=/', false, false],
    ['__Host-', '__Host-a=1; Secure; Path=/', false, true],
  ])('%s is kept only where it keeps its promise', (_what, setCookie, isKeptByHttp, isKeptByHttps) => {
    expect(sent(setCookie, http()) !== '').toBe(isKeptByHttp);
    expect(sent(setCookie, https()) !== '').toBe(isKeptByHttps);
  });

  it.each([
    ['mcp.example', true],
    ['.MCP.example', true],
    ['example', true],
    ['', true],
    ['other.example', false],
    ['cp.example', false],
    ['a.mcp.example', false],
  ])('of the domain %j is kept: %s', (domain, isKept) => {
    expect(sent(`lb=1; Domain=${domain}`) !== '').toBe(isKept);
  });
});

describe('a jar', () => {
  it('belongs to one origin', () => expect(http().origin).toBe('http://mcp.example:8000'));

  it('holds 50 cookies, and drops those that expired, then the oldest', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const jar = https();
    for (let count = 0; count < 50; count++) jar.store(`c${count}=1${count === 20 ? '; Max-Age=1' : ''}`, '/');
    vi.advanceTimersByTime(2000);
    jar.store('c50=1', '/');
    jar.store('c51=1', '/');
    const names = jar
      .lineFor('/')
      .replace(/^Cookie: |\r\n$/g, '')
      .split('; ');
    expect(names).toHaveLength(50);
    expect(names).not.toContain('c20=1');
    expect(names).not.toContain('c0=1');
    expect(names).toContain('c1=1');
    expect(names).toContain('c51=1');
  });
});
