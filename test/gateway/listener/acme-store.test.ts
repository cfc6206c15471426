import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AcmeStore, checkCertificate } from '../../../src/gateway/listener/acme-store.ts';
import { createLineLogger } from '../../../src/log.ts';
import { makeSelfSigned } from '../../parts/self-signed.ts';

const DOMAINS = ['db.example.test', 'mcp.example.test'];
const DIRECTORY = new URL('https://acme.example:14000/dir');
const PAIR = makeSelfSigned(DOMAINS, 90);
const OTHER = makeSelfSigned(DOMAINS, 90);

let folder: string;
let log: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-acme-store-'));
  log = '';
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const logger = createLineLogger({
  level: 'debug',
  write: (line) => {
    log += line;
  },
});
const open = (directory = DIRECTORY): Promise<AcmeStore> => AcmeStore.open(join(folder, 'acme'), directory, logger);
const file = (name = ''): string => join(folder, 'acme/acme.example-14000-dir', name);
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('what is kept of ACME', () => {
  it('is private, and read back as it was', async () => {
    const store = await open();
    const certificate = checkCertificate(PAIR.cert + OTHER.cert, PAIR.key, DOMAINS);
    await store.writeCertificate(certificate);
    await store.writeAccountKey(PAIR.key);
    expect([file(), file('certificate.pem'), file('account.key')].map(modeOf)).toEqual(['700', '600', '600']);
    expect(modeOf(join(folder, 'acme'))).toBe('700');
    expect(readdirSync(file()).sort()).toEqual(['account.key', 'certificate.pem']);
    const again = await open();
    expect(await again.readCertificate(DOMAINS)).toEqual(certificate);
    expect(await again.readAccountKey()).toBe(PAIR.key);
    expect(log).toBe('');
  });

  it('is nothing at first', async () => {
    const store = await open();
    expect(await store.readCertificate(DOMAINS)).toBeUndefined();
    expect(await store.readAccountKey()).toBeUndefined();
    expect(log).toBe('');
  });

  it('belongs to one authority: a certificate of another is not found', async () => {
    const store = await open();
    await store.writeCertificate(checkCertificate(PAIR.cert, PAIR.key, DOMAINS));
    const other = await open(new URL('https://acme.example:14000/other'));
    expect(await other.readCertificate(DOMAINS)).toBeUndefined();
  });

  it('a path of the directory cannot lead out of the folder', async () => {
    await open(new URL('https://acme.example/%2e%2e/%2e%2e%2f..%2f../x'));
    expect(readdirSync(folder)).toEqual(['acme']);
    expect(readdirSync(join(folder, 'acme'))).toHaveLength(1);
  });

  it('what others could read is made private again, and told', async () => {
    const store = await open();
    await store.writeAccountKey(PAIR.key);
    chmodSync(file('account.key'), 0o644);
    chmodSync(file(), 0o755);
    const again = await open();
    expect(await again.readAccountKey()).toBe(PAIR.key);
    expect([file(), file('account.key')].map(modeOf)).toEqual(['700', '600']);
    expect(log).toMatch(/warn .*account\.key could be read by others/);
  });

  it('a certificate is found again whatever the order of the names, and not for other names', async () => {
    const store = await open();
    await store.writeCertificate(checkCertificate(PAIR.cert, PAIR.key, DOMAINS));
    expect(await store.readCertificate([...DOMAINS].reverse())).toBeDefined();
    for (const domains of [['db.example.test'], [...DOMAINS, 'third.example.test'], ['example.test', DOMAINS[0]!]]) {
      expect(await store.readCertificate(domains)).toBeUndefined();
    }
    expect(log.match(/it is for db\.example\.test, mcp\.example\.test, not for/g)).toHaveLength(3);
  });

  it.each([
    ['nothing', ''],
    ['nonsense', 'nonsense'],
    ['half of it', `${PAIR.key}${PAIR.cert.slice(0, 200)}`],
    ['a certificate alone', PAIR.cert],
    ['a key alone', PAIR.key],
    ["another certificate's key", `${OTHER.key}${PAIR.cert}`],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0, 0x80])],
    ['a certificate that is none', `${PAIR.key}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`],
  ])('a stored certificate that is %s is not used, and the reason told', async (_what, content) => {
    const store = await open();
    writeFileSync(file('certificate.pem'), content);
    expect(await store.readCertificate(DOMAINS)).toBeUndefined();
    expect(log).toMatch(
      /the stored certificate is not used, and a new one is ordered: the certificate cannot be used: it/,
    );
    expect(log).not.toContain('PRIVATE KEY');
  });

  it('a broken account key is not used', async () => {
    const store = await open();
    writeFileSync(file('account.key'), PAIR.key.slice(0, 100));
    expect(await store.readAccountKey()).toBeUndefined();
    expect(log).toContain('the stored ACME account key is broken');
  });

  it('a file that cannot be read is named', async () => {
    const store = await open();
    mkdirSync(file('certificate.pem'));
    mkdirSync(file('account.key'));
    const named = { code: 'config', message: `${file('certificate.pem')} cannot be used for ACME`, why: 'EISDIR' };
    await expect(store.readCertificate(DOMAINS)).rejects.toMatchObject(named);
    await expect(store.readAccountKey()).rejects.toMatchObject({ code: 'config', why: 'EISDIR' });
  });

  it('a file of any length does not fill the memory', async () => {
    const store = await open();
    writeFileSync(file('certificate.pem'), 'x'.repeat(262_145));
    await expect(store.readCertificate(DOMAINS)).rejects.toMatchObject({ code: 'config', why: 'it has 262145 bytes' });
  });

  it('a folder that cannot be one is refused at the start, by name', async () => {
    writeFileSync(join(folder, 'acme'), '');
    await expect(open()).rejects.toMatchObject({ code: 'config', why: expect.stringMatching(/EEXIST|ENOTDIR/) });
  });

  it('what a crash left of a write is replaced, and never read by others', async () => {
    const store = await open();
    writeFileSync(file('account.key.new'), 'half', { mode: 0o644 });
    await store.writeAccountKey(PAIR.key);
    expect(readFileSync(file('account.key'), 'utf8')).toBe(PAIR.key);
    expect(modeOf(file('account.key'))).toBe('600');
    expect(existsSync(file('account.key.new'))).toBe(false);
  });
});
