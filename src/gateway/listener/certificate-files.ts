import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { CertificatePair, CertificateSource } from './certificate-source.ts';

const LOOK_EVERY_MS = 2000;
const DAY_MS = 86_400_000;
/** From here on a renewal is late. */
const WARN_DAYS = 21;

export interface CertificateFiles extends CertificateSource {
  /** Reads the files now; what cannot be used is logged, and the certificate in use stays. */
  reload(): void;
}

/**
 * The certificate of two PEM files, read again within 2 s when one of them changes. Throws `config` where they cannot
 * be used at the start.
 */
export function watchCertificateFiles(certFile: string, keyFile: string, logger: Logger): CertificateFiles {
  let pair = readPair(certFile, keyFile);
  let seen = stampOf([certFile, keyFile]);
  const listeners: (() => void)[] = [];
  warnOfEnd(pair.cert, certFile, logger);
  const reload = (): void => {
    seen = stampOf([certFile, keyFile]);
    try {
      const next = readPair(certFile, keyFile);
      if (next.cert === pair.cert && next.key === pair.key) return;
      pair = next;
      logger.info(`the certificate ${certFile} was read again`);
      warnOfEnd(pair.cert, certFile, logger);
      for (const changed of listeners) changed();
    } catch (thrown) {
      logger.error(`the old certificate stays in use: ${toDrawbridgeError(thrown).sentence}`);
    }
  };
  const timer = setInterval(() => {
    if (stampOf([certFile, keyFile]) !== seen) reload();
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    current: () => pair,
    onChange: (changed) => void listeners.push(changed),
    close: () => clearInterval(timer),
    reload,
  };
}

/** Reads a PEM file; throws `config`, naming the option, where it cannot be. */
export function readPem(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new DrawbridgeError('config', `${option} ${file} cannot be read`, { why: code ?? String(thrown) });
  }
}

/** The certificates of a PEM file, at least one; throws `config` where there is none or one is broken. */
export function parseCertificates(pem: string, file: string, option: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length === 0) throw new Error('it holds no certificate');
    return blocks.map((block) => new X509Certificate(block));
  } catch (thrown) {
    throw new DrawbridgeError('config', `${option} ${file} is not a PEM file of certificates`, {
      why: (thrown as Error).message,
    });
  }
}

function readPair(certFile: string, keyFile: string): CertificatePair {
  const cert = readPem(certFile, '--tls-cert');
  const key = readPem(keyFile, '--tls-key');
  const [leaf] = parseCertificates(cert, certFile, '--tls-cert');
  let isPair: boolean;
  try {
    isPair = leaf?.checkPrivateKey(createPrivateKey(key)) === true;
  } catch (thrown) {
    throw new DrawbridgeError('config', `--tls-key ${keyFile} is not a PEM file of a private key`, {
      why: (thrown as Error).message,
      hint: 'A key with a passphrase must be decrypted first.',
    });
  }
  if (isPair) return { cert, key };
  throw new DrawbridgeError('config', `--tls-cert ${certFile} and --tls-key ${keyFile} do not belong together`, {
    why: 'the key is not that of the first certificate in the file',
    hint: 'Write the certificate of this host first, and then its chain.',
  });
}

function warnOfEnd(cert: string, file: string, logger: Logger): void {
  const days = Math.floor((Date.parse(new X509Certificate(cert).validTo) - Date.now()) / DAY_MS);
  if (days < 0) logger.error(`the certificate ${file} has expired`);
  else if (days < WARN_DAYS) logger.warn(`the certificate ${file} expires in ${days} days`);
}

/** Differs from the one before when a file was written or replaced, or has gone. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stats = statSync(file, { throwIfNoEntry: false, bigint: true });
      return stats === undefined ? 'none' : `${stats.ino}:${stats.size}:${stats.mtimeNs}`;
    })
    .join(' ');
}
