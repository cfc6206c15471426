import type { DetailedPeerCertificate } from 'node:tls';

const MAX_CHAIN = 5;

/** From the server's own certificate to that of the authority, as far as the server or the system has them. */
export function chainOf(leaf: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain = [leaf];
  for (let next = leaf.issuerCertificate; chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    if (next === undefined || next.fingerprint256 === chain.at(-1)?.fingerprint256) break;
    chain.push(next);
  }
  return chain;
}

/** Who signed for whom, up to the last issuer, as in `server ← authority`; with `hasDates`, from when to when each holds. */
export function describeChain(chain: readonly DetailedPeerCertificate[], { hasDates = false } = {}): string {
  const links = chain.map((certificate) => {
    const dates = hasDates ? ` (${dayOf(certificate.valid_from)} to ${dayOf(certificate.valid_to)})` : '';
    return nameOf(certificate.subject) + dates;
  });
  const last = chain.at(-1);
  const issuer = nameOf(last?.issuer);
  return [...links, ...(issuer === nameOf(last?.subject) ? [] : [issuer])].join(' ← ');
}

/** Whether the server sent its own certificate alone, though another has signed it. */
export function isWithoutIssuer(chain: readonly DetailedPeerCertificate[]): boolean {
  const [leaf] = chain;
  return chain.length === 1 && nameOf(leaf?.issuer) !== nameOf(leaf?.subject);
}

function dayOf(text: string): string {
  const at = Date.parse(text);
  return Number.isNaN(at) ? 'unknown' : new Date(at).toISOString().slice(0, 10);
}

function nameOf(names: DetailedPeerCertificate['subject'] | undefined): string {
  const name = names?.CN ?? names?.O ?? 'unnamed';
  return Array.isArray(name) ? name.join(', ') : String(name);
}
