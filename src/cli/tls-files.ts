import { DrawbridgeError } from '../errors.ts';
import type { TlsOptions } from '../upstream/dial/tls-trust.ts';
import { readTextFile } from './read-file.ts';
import { usageError } from './report.ts';

const CERTIFICATE = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[\s\S]+-----END/;
const PRIVATE_KEY = /-----BEGIN ([A-Z0-9]+ )?PRIVATE KEY-----[\s\S]+-----END/;
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

export interface TlsFiles {
  readonly ca: readonly string[];
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What the files hold; undefined where none is named. Throws `config` or `usage`, naming the file and its option. */
export function readTlsFiles(
  { ca, cert, key }: TlsFiles,
  env: Readonly<Record<string, string | undefined>>,
): TlsOptions | undefined {
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = key === undefined ? ['--client-cert', '--client-key'] : ['--client-key', '--client-cert'];
    throw usageError(`${given} needs ${missing}`, {
      why: 'a server asks for the certificate, and for proof by its private key',
      hint: `Name the other file with ${missing}; both may stand in one.`,
    });
  }
  if (ca.length === 0 && cert === undefined) return undefined;
  const authorities = ca.map((path) => readPem(path, '--ca', CERTIFICATE, 'certificate'));
  return {
    ...(ca.length === 0 ? {} : { ca: [...authorities, ...extraAuthorities(env)] }),
    ...(cert === undefined ? {} : { cert: readPem(cert, '--client-cert', CERTIFICATE, 'certificate') }),
    ...(key === undefined ? {} : { key: readPem(key, '--client-key', PRIVATE_KEY, 'private key') }),
  };
}

/**
 * Node adds the authorities of NODE_EXTRA_CA_CERTS to its own, and takes neither where it is given a list. Older
 * versions cannot be asked for them. A file that cannot be used Node has told of itself, and started without.
 */
function extraAuthorities(env: Readonly<Record<string, string | undefined>>): string[] {
  const path = env['NODE_EXTRA_CA_CERTS'];
  if (path === undefined || path === '') return [];
  try {
    const text = readTextFile(path, 'NODE_EXTRA_CA_CERTS');
    return CERTIFICATE.test(text) ? [text] : [];
  } catch {
    return [];
  }
}

function readPem(path: string, option: string, pattern: RegExp, what: string): string {
  const text = readTextFile(path, option);
  if (ENCRYPTED.test(text)) {
    throw new DrawbridgeError('config', `${path} cannot be used`, {
      why: `the private key named with ${option} has a passphrase, which nobody is there to type`,
      hint: `openssl pkey -in ${path} -out key.pem writes it without; keep that file to yourself.`,
    });
  }
  if (pattern.test(text)) return text;
  throw new DrawbridgeError('config', `${path} cannot be used`, {
    why: `${option} needs a ${what} in PEM, and there is none in it`,
    hint: `It has a line that says BEGIN ${what.toUpperCase()}; openssl x509 or openssl pkey converts other formats.`,
  });
}
