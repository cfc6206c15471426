import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Family } from '../../upstream/dial/dial-route.ts';
import type { Clock } from './acme-clock.ts';

/** What automatic certificates need (RFC 8555, challenge http-01). */
export interface AcmeSettings {
  /** Names for the certificate: 1 to 100, none with a wildcard. */
  readonly domains: readonly string[];
  /** Whom the authority may write to. */
  readonly email?: string | undefined;
  /** The authority's directory, https. */
  readonly directory: string;
  /** Account and certificates are kept below it. */
  readonly folder: string;
  /** PEM of the authority that signed the directory's own TLS certificate; then no other is trusted for it. */
  readonly ca?: string | undefined;
  /** The port for plain HTTP, on which the authority's questions are answered. */
  readonly redirectPort: number | undefined;
  /** Default `4`. */
  readonly family?: Family;
  readonly logger: Logger;
  /** Default: the system's, with timers that keep no process alive. */
  readonly clock?: Clock;
  /** From 0 to 1; spreads the times of checks and tries. Default: Math.random. */
  readonly random?: () => number;
}

export interface AcmeOptions extends Omit<AcmeSettings, 'directory' | 'redirectPort'> {
  readonly directory: URL;
}

/** The most that public authorities put into one certificate. */
const MAX_DOMAINS = 100;
const MAX_DOMAIN_CHARS = 253;
const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
/** Without what would mean something else inside a mailto: URL (RFC 6068). */
const EMAIL = /^[^\s@,?&%<>"]{1,64}@[^\s@,?&%<>"]{1,253}$/;

/** Checks what was given; throws `config`, naming the option, for what cannot be meant or cannot work. */
export function resolveAcmeOptions(settings: AcmeSettings): AcmeOptions {
  const { domains, email, directory, redirectPort, ca } = settings;
  if (domains.length === 0) throw wrong('--acme names no domain', 'Such as --acme db.example.com');
  if (domains.length > MAX_DOMAINS) {
    throw wrong(`--acme names ${domains.length} domains`, `One certificate has at most ${MAX_DOMAINS}.`);
  }
  if (redirectPort === undefined) {
    throw wrong('--acme needs --redirect-port', 'The authority asks on port 80: --redirect-port 80.');
  }
  if (email !== undefined && !EMAIL.test(email)) {
    throw wrong(`--acme-email ${JSON.stringify(email)} is not an address`, 'Such as --acme-email admin@example.com');
  }
  if (ca !== undefined) checkAuthority(ca);
  return { ...settings, domains: [...new Set(domains.map(readDomain))], directory: readDirectory(directory) };
}

/** The name as it stands in certificates: lower case, other alphabets in their ASCII form (RFC 5890). */
function readDomain(given: string): string {
  const shown = JSON.stringify(given.slice(0, MAX_DOMAIN_CHARS + 1));
  if (given.includes('*')) {
    throw wrong(
      `--acme ${shown}: a wildcard cannot be had`,
      'http-01 proves single names (RFC 8555 §8.3). Name each domain, or give a certificate with --tls-cert.',
    );
  }
  const name = /[:/?#@%\s]/.test(given) ? '' : domainToASCII(given);
  if (isIP(name) !== 0 || isIP(given.replace(/^\[|\]$/g, '')) !== 0) {
    throw wrong(`--acme ${shown} is an address`, 'Give the domain name by which clients reach the gateway.');
  }
  const isName = name !== '' && name.length <= MAX_DOMAIN_CHARS && name.split('.').every((label) => LABEL.test(label));
  if (!isName) throw wrong(`--acme ${shown} is not a domain name`, 'Such as --acme db.example.com');
  return name;
}

function readDirectory(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return url;
  throw wrong(
    '--acme-directory is not an https URL without credentials',
    'Such as --acme-directory https://acme-v02.api.letsencrypt.org/directory',
  );
}

function checkAuthority(pem: string): void {
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new DrawbridgeError('config', '--acme-ca holds no certificate', {
      why: 'no PEM certificate can be read from it',
      hint: 'Give the PEM file of the authority that signed the certificate of the directory.',
      cause,
    });
  }
}

function wrong(message: string, hint: string): DrawbridgeError {
  return new DrawbridgeError('config', message, { hint });
}
