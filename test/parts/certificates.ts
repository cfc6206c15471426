/** Certificates of an authority of the test's own, made by openssl in a folder that is removed with the test. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Identity {
  /** PEM texts, and the files they are in. */
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificates {
  readonly ca: Identity;
  /** For 127.0.0.1, localhost, mcp.test and db.example.com. */
  readonly server: Identity;
  readonly expired: Identity;
  /** For other.test and 127.0.0.9. */
  readonly wrongName: Identity;
  /** Names nobody; for clients. */
  readonly client: Identity;
  /** Of an authority that nobody trusts. */
  readonly strangerClient: Identity;
  /** Of the authority, and for servers alone. */
  readonly serverOnly: Identity;
  remove(): void;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-certificates-'));
  const openssl = (args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const identity = (name: string): Identity => {
    const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const makeAuthority = (name: string): void => {
    openssl([
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
      '-days',
      '400',
    ]);
    writeFileSync(join(folder, `${name}.txt`), '');
    writeFileSync(
      join(folder, `${name}.cnf`),
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${name}.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\nunique_subject=no\ncopy_extensions=copy\n[any]\ncommonName=supplied\n`,
    );
  };
  const sign = (name: string, authority: string, names: string, from: string, to: string, usage?: string): void => {
    const extensions = names === '' ? [] : ['-addext', `subjectAltName=${names}`];
    if (usage !== undefined) extensions.push('-addext', `extendedKeyUsage=${usage}`);
    openssl([
      'req',
      '-new',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
      ...extensions,
    ]);
    const by = ['-config', `${authority}.cnf`, '-cert', `${authority}.pem`, '-keyfile', `${authority}.key`];
    openssl([
      'ca',
      '-batch',
      '-notext',
      ...by,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-startdate',
      from,
      '-enddate',
      to,
    ]);
  };
  const OWN_NAMES = 'DNS:localhost,DNS:mcp.test,DNS:db.example.com,IP:127.0.0.1';
  const [past, now, future] = ['200101000000Z', '200201000000Z', '491231235959Z'];
  makeAuthority('authority');
  makeAuthority('stranger');
  sign('server', 'authority', OWN_NAMES, past, future);
  sign('expired', 'authority', OWN_NAMES, past, now);
  sign('wrong-name', 'authority', 'DNS:other.test,IP:127.0.0.9', past, future);
  sign('client', 'authority', '', past, future);
  sign('stranger-client', 'stranger', '', past, future);
  sign('server-only', 'authority', 'DNS:server.test', past, future, 'serverAuth');
  return {
    ca: identity('authority'),
    server: identity('server'),
    expired: identity('expired'),
    wrongName: identity('wrong-name'),
    client: identity('client'),
    strangerClient: identity('stranger-client'),
    serverOnly: identity('server-only'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
