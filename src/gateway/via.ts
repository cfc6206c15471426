import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** One gateway, which no other is called like: what the header Via knows it by (RFC 9110 §7.6.3). */
export function createPseudonym(): string {
  return `drawbridge-${randomBytes(8).toString('hex')}`;
}

/** Gateways that one request may pass through; who lets it pass more has a loop that none of them can see. */
export const MAX_GATEWAYS = 8;
/** Far more than the gateways and a few proxies write. What is behind it is not read. */
const MAX_VIA_CHARS = 4096;
const MEMBER = /^1\.1 (drawbridge-[0-9a-f]{16})$/;

/** The gateways that a request has passed through, the first one first. What other proxies wrote is left out. */
export function gatewaysBefore({ headers }: Pick<IncomingMessage, 'headers'>): string[] {
  const { via } = headers;
  if (via === undefined) return [];
  return via
    .slice(0, MAX_VIA_CHARS)
    .split(',')
    .flatMap((member) => MEMBER.exec(member.trim())?.[1] ?? []);
}

/** What goes upstream as Via, written anew: the gateways before, and this one. */
export function viaFor(req: Pick<IncomingMessage, 'headers'>, pseudonym: string): string {
  return [...gatewaysBefore(req), pseudonym].map((name) => `1.1 ${name}`).join(', ');
}
