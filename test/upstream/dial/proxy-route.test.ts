import { describe, expect, it } from 'vitest';
import type { DrawbridgeError } from '../../../src/errors.ts';
import type { ProxyOptions } from '../../../src/upstream/dial/proxy-route.ts';
import { proxyFor } from '../../../src/upstream/dial/proxy-route.ts';

const PROXIES: ProxyOptions = { httpProxy: 'http://plain.test:3128', httpsProxy: 'http://secure.test:3129' };
const hostFor = (url: string, options: ProxyOptions = PROXIES): string | undefined =>
  proxyFor(new URL(url), options)?.host;

describe('the proxy of a URL', () => {
  it('is that of its scheme', () => {
    expect(hostFor('http://mcp.example/')).toBe('plain.test');
    expect(hostFor('https://mcp.example/')).toBe('secure.test');
    expect(hostFor('https://mcp.example/', { httpProxy: 'http://plain.test' })).toBeUndefined();
    expect(hostFor('https://mcp.example/', { httpsProxy: '' })).toBeUndefined();
    expect(hostFor('https://mcp.example/', {})).toBeUndefined();
  });

  it.each([
    'http://localhost:8000/',
    'https://db.localhost/',
    'http://127.0.0.1:8000/',
    'http://127.9.9.9/',
    'http://[::1]:8000/',
  ])('is none for %s, which is this machine', (url) => expect(hostFor(url)).toBeUndefined());

  it.each([
    ['http://proxy.test:3128', { host: 'proxy.test', port: 3128, isTls: false, authorization: undefined }],
    ['http://proxy.test/', { host: 'proxy.test', port: 80, isTls: false, authorization: undefined }],
    ['https://proxy.test', { host: 'proxy.test', port: 443, isTls: true, authorization: undefined }],
    ['proxy.test:3128', { host: 'proxy.test', port: 3128, isTls: false, authorization: undefined }],
    [' HTTP://10.0.0.1:3128 ', { host: '10.0.0.1', port: 3128, isTls: false, authorization: undefined }],
    ['http://[2001:db8::1]:3128', { host: '2001:db8::1', port: 3128, isTls: false, authorization: undefined }],
    ['http://user@proxy.test:1', { host: 'proxy.test', port: 1, isTls: false, authorization: 'Basic dXNlcjo=' }],
    [
      'user:pass@proxy.test:1',
      { host: 'proxy.test', port: 1, isTls: false, authorization: `Basic ${btoa('user:pass')}` },
    ],
    [
      'http://us%40er:p%3Aa%25ss%C3%A9@proxy.test:1',
      {
        host: 'proxy.test',
        port: 1,
        isTls: false,
        authorization: `Basic ${Buffer.from('us@er:p:a%ssé').toString('base64')}`,
      },
    ],
  ])('is read from %s', (httpsProxy, proxy) => {
    expect(proxyFor(new URL('https://mcp.example/'), { httpsProxy })).toEqual(proxy);
  });
});

describe('a proxy that cannot be used', () => {
  const errorFor = (httpsProxy: string): DrawbridgeError => {
    try {
      proxyFor(new URL('https://mcp.example/'), { httpsProxy });
    } catch (thrown) {
      return thrown as DrawbridgeError;
    }
    throw new Error('it was taken');
  };

  it.each([
    'socks5://user:s3cret-pass@proxy.test:1080',
    'socks://user:s3cret-pass@proxy.test',
    'ftp://user:s3cret-pass@proxy.test',
    'http://user:s3cret-pass@proxy.test:99999',
    'http://user:s3cret-pass@',
    'http://user:s3cret-pass%zz@proxy.test',
  ])('is an error of the configuration that shows no password: %s', (text) => {
    const { code, message, why = '', hint } = errorFor(text);
    expect(code).toBe('config');
    expect(message).toContain('HTTPS_PROXY');
    expect(`${message} ${why} ${hint}`).not.toContain('s3cret');
  });

  it('is named by its scheme where that is the reason', () => {
    expect(errorFor('socks5://proxy.test:1080')).toMatchObject({
      message: 'HTTPS_PROXY names a proxy that cannot be used',
      why: 'socks5:// is not supported, only http:// and https:// are',
    });
  });

  it('does not matter where it is not used', () => {
    expect(hostFor('http://mcp.example/', { ...PROXIES, httpsProxy: 'socks5://proxy.test' })).toBe('plain.test');
    expect(hostFor('https://localhost/', { httpsProxy: 'socks5://proxy.test' })).toBeUndefined();
    expect(hostFor('https://mcp.example/', { httpsProxy: 'socks5://x', noProxy: '*' })).toBeUndefined();
  });
});

describe('NO_PROXY', () => {
  it.each([
    ['*', 'https://mcp.example/'],
    ['mcp.example', 'https://mcp.example/'],
    ['mcp.example.', 'https://mcp.example/'],
    ['mcp.example', 'https://mcp.example./'],
    ['MCP.Example', 'https://mcp.example/'],
    ['example', 'https://mcp.example/'],
    ['.example', 'https://a.b.example/'],
    ['*.example', 'https://mcp.example/'],
    ['.mcp.example', 'https://mcp.example/'],
    ['a.test, b.test mcp.example,c.test', 'https://mcp.example/'],
    ['mcp.example:443', 'https://mcp.example/'],
    ['mcp.example:8443', 'https://mcp.example:8443/'],
    ['10.1.2.3', 'https://10.1.2.3/'],
    ['10.1.2.3:8443', 'https://10.1.2.3:8443/'],
    ['10.0.0.0/8', 'https://10.1.2.3/'],
    ['192.168.4.0/22', 'https://192.168.7.255/'],
    ['0.0.0.0/0', 'https://8.8.8.8/'],
    ['2001:db8::1', 'https://[2001:db8:0::1]/'],
    ['[2001:db8::1]', 'https://[2001:db8::1]/'],
    ['[2001:db8::1]:8443', 'https://[2001:db8::1]:8443/'],
    ['2001:db8::/32', 'https://[2001:db8:5::1]/'],
  ])('of %j exempts %s', (noProxy, url) => expect(hostFor(url, { ...PROXIES, noProxy })).toBeUndefined());

  it.each([
    ['', 'https://mcp.example/'],
    [' , ', 'https://mcp.example/'],
    ['cp.example', 'https://mcp.example/'],
    ['mcp.example.org', 'https://mcp.example/'],
    ['.', 'https://mcp.example/'],
    ['*.', 'https://mcp.example/'],
    ['mcp.example:80', 'https://mcp.example/'],
    ['10.1.2.4', 'https://10.1.2.3/'],
    ['2.3', 'https://10.1.2.3/'],
    ['10.1.2.3:80', 'https://10.1.2.3/'],
    ['10.0.0.0/8', 'https://11.1.2.3/'],
    ['192.168.4.0/22', 'https://192.168.8.0/'],
    ['10.0.0.0/33', 'https://10.0.0.0/'],
    ['10.0.0.0/', 'https://10.0.0.0/'],
    ['10.0.0.0/8/8', 'https://10.0.0.0/'],
    ['10.0.0.0/8', 'https://10.example/'],
    ['2001:db8::/32', 'https://[2001:db9::1]/'],
    ['[2001:db8::1]:80', 'https://[2001:db8::1]/'],
    ['::/0', 'https://10.1.2.3/'],
  ])('of %j does not exempt %s', (noProxy, url) => expect(hostFor(url, { ...PROXIES, noProxy })).toBe('secure.test'));
});
