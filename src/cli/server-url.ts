import { isLoopback } from '../upstream/dial/loopback.ts';
import { usageError } from './report.ts';

/**
 * The URL of an MCP server, as given for `what`. Stricter than URLs of browsers, which make `http://x` of `http:/x`.
 * Throws `usage`, quoting nothing that may be secret.
 */
export function parseServerUrl(text: string, what: string): URL {
  const why = reasonAgainst(text);
  if (why === undefined) return new URL(text);
  // What looks like no address at all may be a credential that a shell has split off its header.
  const shown = /[:/\s]|^$/.test(text) ? ` ${JSON.stringify(showUrl(text))}` : '';
  throw usageError(`${what}${shown} cannot be used`, {
    why,
    hint: text.includes('@')
      ? 'Send the credential as a header: Authorization:Basic …'
      : 'Write it in full, such as http://127.0.0.1:8000/sse',
  });
}

/** A URL without what may be secret: user, password and query. */
export function showUrl(text: string): string {
  const shown = text.replace(/^([a-z]+:\/*)?.*@/is, '$1***@').replace(/[?#].*$/s, '?…');
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
}

function reasonAgainst(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (/[\s\u0000-\u001f]/.test(text)) return 'there is a space in it';
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || !/^[a-z][a-z0-9+.-]*:\//i.test(text)) return 'it does not begin with http:// or https://';
  if (scheme !== 'http' && scheme !== 'https') return `the scheme is ${scheme}, and only http and https are spoken`;
  if (!/^https?:\/\/[^/\\?#]/i.test(text)) return `${scheme}: is not followed by two slashes and a host`;
  if (!URL.canParse(text)) return 'its host or port is not valid';
  const { username, password } = new URL(text);
  return username === '' && password === '' ? undefined : 'it has a user name or password in it, which is not sent';
}

/**
 * Throws `usage` for http to another machine: whoever is on the way could read the credential, and the data. Through a
 * tunnel, or when it is said to be meant, it is allowed.
 */
export function refusePlainHttp(url: URL, isAllowed: boolean): void {
  if (url.protocol === 'https:' || isAllowed || isThisMachine(url)) return;
  throw usageError(`refusing to send to ${url.host} without encryption`, {
    why: 'http:// to another machine can be read and changed on the way',
    hint: 'Use https://, reach it with --ssh user@host, or say --allow-http in a network you trust.',
  });
}

export function isThisMachine(url: URL): boolean {
  // As the URL parser writes ::ffff:127.0.0.1.
  return isLoopback(url.hostname) || /^\[::ffff:7f[0-9a-f]{2}:/.test(url.hostname);
}
