import { describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { type AcmeSettings, resolveAcmeOptions } from '../../../src/gateway/listener/acme-options.ts';
import { silentLogger } from '../../../src/log.ts';
import { makeSelfSigned } from '../../parts/self-signed.ts';

const GOOD: AcmeSettings = {
  domains: ['db.example.com'],
  directory: 'https://acme.example/directory',
  folder: 'acme',
  redirectPort: 80,
  logger: silentLogger,
};

function refusalOf(settings: Partial<AcmeSettings>): string {
  try {
    resolveAcmeOptions({ ...GOOD, ...settings });
  } catch (thrown) {
    if (thrown instanceof DrawbridgeError && thrown.code === 'config') return thrown.message;
    throw thrown;
  }
  return 'taken';
}

describe('what automatic certificates take', () => {
  it('names are taken in the form that certificates have, each once', () => {
    const domains = ['DB.Example.com', 'db.example.com', 'bücher.example', 'xn--bcher-kva.example', 'localhost'];
    expect(resolveAcmeOptions({ ...GOOD, domains }).domains).toEqual([
      'db.example.com',
      'xn--bcher-kva.example',
      'localhost',
    ]);
  });

  it.each([
    ['*.example.com', 'a wildcard cannot be had'],
    ['db.*.example.com', 'a wildcard cannot be had'],
    ['192.0.2.1', 'is an address'],
    ['0x7f.1', 'is an address'],
    ['::1', 'is an address'],
    ['[2001:db8::1]', 'is an address'],
    ['', 'is not a domain name'],
    ['.', 'is not a domain name'],
    ['db.example.com.', 'is not a domain name'],
    ['db..example.com', 'is not a domain name'],
    ['-db.example.com', 'is not a domain name'],
    ['db-.example.com', 'is not a domain name'],
    ['db_1.example.com', 'is not a domain name'],
    ['db.example.com:443', 'is not a domain name'],
    ['https://db.example.com', 'is not a domain name'],
    ['db.example.com/sse', 'is not a domain name'],
    ['user@db.example.com', 'is not a domain name'],
    ['db example.com', 'is not a domain name'],
    ['db.example.com\r\n', 'is not a domain name'],
    [`${'a'.repeat(64)}.example.com`, 'is not a domain name'],
    [`${'a.'.repeat(124)}abcdef`, 'is not a domain name'],
  ])('the domain %j is refused by name: %s', (domain, why) => {
    expect(refusalOf({ domains: [domain] })).toContain(`--acme ${JSON.stringify(domain)}`);
    expect(refusalOf({ domains: [domain] })).toContain(why);
  });

  it('a name may have 253 characters', () => {
    expect(refusalOf({ domains: [`${'a.'.repeat(124)}abcde`] })).toBe('taken');
  });

  it('no domain, and more than one certificate can have, are refused', () => {
    expect(refusalOf({ domains: [] })).toBe('--acme names no domain');
    const many = Array.from({ length: 101 }, (_, index) => `d${index}.example.com`);
    expect(refusalOf({ domains: many })).toBe('--acme names 101 domains');
    expect(refusalOf({ domains: many.slice(1) })).toBe('taken');
  });

  it('without a port for plain HTTP nobody could answer the authority', () => {
    expect(refusalOf({ redirectPort: undefined })).toBe('--acme needs --redirect-port');
    expect(refusalOf({ redirectPort: 0 })).toBe('taken');
  });

  it.each([
    'admin',
    '@example.com',
    'admin@',
    'a b@example.com',
    'a@b@example.com',
    'a@example.com?cc=b',
    'a@example.com,b@example.com',
    '',
  ])('the e-mail address %j is refused', (email) => {
    expect(refusalOf({ email })).toBe(`--acme-email ${JSON.stringify(email)} is not an address`);
  });

  it('an e-mail address may be left out, and may have a tag', () => {
    expect(refusalOf({ email: undefined })).toBe('taken');
    expect(refusalOf({ email: 'admin+acme@example.com' })).toBe('taken');
  });

  it.each([
    'http://acme.example/directory',
    'acme.example/directory',
    'ftp://acme.example/',
    '',
    'https://user:word@acme.example/directory',
  ])('the directory %j is refused, and not repeated', (directory) => {
    expect(refusalOf({ directory })).toBe('--acme-directory is not an https URL without credentials');
  });

  it('the authority of the directory is a certificate, or refused', () => {
    expect(refusalOf({ ca: makeSelfSigned(['ca.test'], 1).cert })).toBe('taken');
    for (const ca of ['', 'nonsense', makeSelfSigned(['ca.test'], 1).key]) {
      expect(refusalOf({ ca })).toBe('--acme-ca holds no certificate');
    }
  });
});
