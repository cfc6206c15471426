import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';

/** A private key and the certificate for it, with the chain behind it. */
export interface StoredCertificate {
  readonly cert: string;
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A chain of certificates has some kilobytes; whatever is longer is something else. */
const MAX_FILE_BYTES = 262_144;
const MAX_NAME_CHARS = 100;
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const KEY_BLOCK = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]+?-----END \1-----\n?/;
const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/g;

/**
 * Account key and certificate of one authority, each one file that nobody else can read. The certificate and its key
 * share a file, since two files cannot be replaced at once.
 */
export class AcmeStore {
  readonly #folder: string;
  readonly #logger: Logger;

  private constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  /** Makes the folder of this authority below `folder`; throws `config` when it cannot be used. */
  static async open(folder: string, directory: URL, logger: Logger): Promise<AcmeStore> {
    // Of its own, so that a certificate of a test authority is never taken for one of the real authority.
    const name = `${directory.host}${directory.pathname}`.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^[.-]+|-+$/g, '');
    const own = join(folder, name.slice(0, MAX_NAME_CHARS));
    const store = new AcmeStore(own, logger);
    try {
      await mkdir(own, { recursive: true, mode: PRIVATE_FOLDER });
      await chmod(own, PRIVATE_FOLDER);
      // Better known now than after a certificate was issued that cannot be kept.
      await store.#write('write-test', '');
      await rm(join(own, 'write-test'));
    } catch (thrown) {
      throw unusable(own, thrown);
    }
    return store;
  }

  /** The PEM of the account's private key; undefined where there is none that can be used. */
  async readAccountKey(): Promise<string | undefined> {
    const text = await this.#read('account.key');
    if (text === undefined) return undefined;
    try {
      createPrivateKey(text);
      return text;
    } catch {
      this.#logger.warn('the stored ACME account key is broken: a new account is made');
      return undefined;
    }
  }

  async writeAccountKey(key: string): Promise<void> {
    await this.#write('account.key', key);
  }

  /** The stored certificate where it is whole and for exactly these names; otherwise undefined, after saying why. */
  async readCertificate(domains: readonly string[], logger = this.#logger): Promise<StoredCertificate | undefined> {
    const text = await this.#read('certificate.pem');
    if (text === undefined) return undefined;
    try {
      const cert = (text.match(CERTIFICATE_BLOCK) ?? []).map((block) => `${block.trim()}\n`).join('');
      return checkCertificate(cert, KEY_BLOCK.exec(text)?.[0] ?? '', domains);
    } catch (thrown) {
      const why = thrown instanceof DrawbridgeError ? thrown.sentence : String(thrown);
      logger.warn(`the stored certificate is not used, and a new one is ordered: ${why}`);
      return undefined;
    }
  }

  async writeCertificate({ cert, key }: StoredCertificate): Promise<void> {
    await this.#write('certificate.pem', `${key.trim()}\n${cert.trim()}\n`);
  }

  async #read(name: string): Promise<string | undefined> {
    const path = join(this.#folder, name);
    let file: FileHandle | undefined;
    try {
      file = await open(path, 'r');
      const { size, mode } = await file.stat();
      if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes`);
      if ((mode & 0o077) !== 0) {
        this.#logger.warn(`${path} could be read by others: its mode is set to 600 again`);
        await file.chmod(PRIVATE_FILE);
      }
      return await file.readFile('utf8');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw unusable(path, thrown);
    } finally {
      await file?.close();
    }
  }

  /** Whoever reads the file meets the old text or the new one, also after a crash. */
  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#folder, name);
    const temporary = `${path}.new`;
    // What an earlier crash left might be readable for others.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', PRIVATE_FILE);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  }
}

/** Reads a certificate; throws `certificate_failed` when it is not for this key or not for exactly these names. */
export function checkCertificate(cert: string, key: string, domains: readonly string[]): StoredCertificate {
  const broken = (why: string) => new DrawbridgeError('certificate_failed', 'the certificate cannot be used', { why });
  let first: X509Certificate;
  try {
    first = new X509Certificate(cert);
    if (!first.checkPrivateKey(createPrivateKey(key))) throw broken('it is not for the private key beside it');
  } catch (thrown) {
    throw thrown instanceof DrawbridgeError ? thrown : broken('it or its key cannot be read');
  }
  const names = (first.subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, '').toLowerCase());
  if ([...names].sort().join() !== [...domains].sort().join()) {
    throw broken(`it is for ${names.join(', ').slice(0, 200) || 'no name'}, not for ${domains.join(', ')}`);
  }
  return { cert, key, notBefore: Date.parse(first.validFrom), notAfter: Date.parse(first.validTo) };
}

function unusable(path: string, thrown: unknown): DrawbridgeError {
  const { code, message } = thrown as NodeJS.ErrnoException;
  return new DrawbridgeError('config', `${path} cannot be used for ACME`, {
    why: code ?? message,
    hint: 'Give a folder that this user can read and write with --acme-folder.',
    cause: thrown,
  });
}
