import { isIP } from 'node:net';

/** Whether the host is this machine by name or address (RFC 6761 §6.3: so is every name under `localhost`). */
export function isLoopback(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:(?=\d+\.)/, '');
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  // As the URL parser writes ::ffff:127.0.0.1.
  if (/^::ffff:7f[\da-f]{2}:/.test(name)) return true;
  return isIP(name) === 4 && name.startsWith('127.');
}
