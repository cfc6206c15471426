import type { SecureContext } from 'node:tls';
import { DrawbridgeError } from '../../errors.ts';
import { isUnknownAuthority } from './tls-failure.ts';

/** All are PEM texts, not file names. */
export interface TlsOptions {
  /** Certificates trusted beside those that Node trusts. */
  readonly ca?: readonly string[];
  /** The client's certificate chain; comes with `key`. */
  readonly cert?: string;
  readonly key?: string;
}

/** The client certificate is shown to the server alone, never to a proxy on the way. */
export type TlsRole = 'server' | 'proxy';

type Tls = typeof import('node:tls') & {
  /** From Node 22.15 on. */
  getCACertificates?: (type: 'default' | 'system') => readonly string[];
};

const CERTIFICATE = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[\s\S]+?-----END \1-----/g;

/**
 * What one client trusts and shows in TLS, made when the first connection needs it. Certificates that are given are
 * trusted beside those of Node. Where that is not enough, more is trusted from then on: what the operating system
 * trusts, which takes some 40 ms to read. Methods reject with `config` for certificates and keys that cannot be read.
 */
export class TlsTrust {
  readonly #options: TlsOptions;
  readonly #contexts = new Map<TlsRole, Promise<SecureContext>>();
  #isWidened = false;

  constructor(options: TlsOptions = {}) {
    this.#options = options;
  }

  get isWidened(): boolean {
    return this.#isWidened;
  }

  context(role: TlsRole): Promise<SecureContext> {
    let context = this.#contexts.get(role);
    if (context === undefined) {
      context = this.#create(role);
      this.#contexts.set(role, context);
    }
    return context;
  }

  /** Whether a connection that failed so may succeed now, because more is trusted than `wasWidened` says. */
  async widenAfter(error: NodeJS.ErrnoException, wasWidened: boolean): Promise<boolean> {
    if (wasWidened || !isUnknownAuthority(error.code)) return false;
    const { getCACertificates }: Tls = await import('node:tls');
    if (getCACertificates === undefined && this.#options.ca === undefined) return false;
    if (!this.#isWidened) {
      this.#isWidened = true;
      this.#contexts.clear();
    }
    return true;
  }

  async #create(role: TlsRole): Promise<SecureContext> {
    const [tls, { X509Certificate }] = await Promise.all([import('node:tls') as Promise<Tls>, import('node:crypto')]);
    const given = (this.#options.ca ?? []).flatMap((pem) => readCertificates(pem, X509Certificate));
    const { cert, key } = this.#options;
    const identity = role === 'server' && cert !== undefined && key !== undefined ? { cert, key } : {};
    const { getCACertificates: list } = tls;
    try {
      if (list !== undefined && (this.#isWidened || given.length > 0)) {
        const system = this.#isWidened ? list('system') : [];
        return tls.createSecureContext({ ...identity, ca: [...list('default'), ...system, ...given] });
      }
      const context = tls.createSecureContext(identity);
      // Before Node 22.15 what it trusts cannot be listed. One more can be added, but that leaves NODE_EXTRA_CA_CERTS
      // out, so the two are trusted one after the other: first those that are given, then those that are not.
      if (list === undefined && !this.#isWidened) {
        for (const pem of given) (context.context as { addCACert(pem: string): void }).addCACert(pem);
      }
      return context;
    } catch (thrown) {
      throw new DrawbridgeError('config', 'the client certificate and its key cannot be used', {
        why: (thrown as NodeJS.ErrnoException).code ?? (thrown as Error).message,
        hint: '--client-cert and --client-key take PEM files that belong together; the key must not be encrypted.',
        cause: thrown,
      });
    }
  }
}

/** OpenSSL passes over what it cannot read, and then trusts nothing where much was asked. */
function readCertificates(pem: string, X509: typeof import('node:crypto').X509Certificate): readonly string[] {
  const certificates = pem.match(CERTIFICATE) ?? [];
  try {
    for (const certificate of certificates) new X509(certificate);
  } catch (thrown) {
    throw unreadable('one of its certificates is damaged', thrown);
  }
  if (certificates.length === 0) throw unreadable('it has no PEM certificate', undefined);
  return certificates;
}

function unreadable(why: string, cause: unknown): DrawbridgeError {
  return new DrawbridgeError('config', 'the certificates given with --ca cannot be read', {
    why,
    hint: 'A PEM file begins with -----BEGIN CERTIFICATE-----.',
    cause,
  });
}
