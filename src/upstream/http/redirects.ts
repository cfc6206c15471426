import { isLoopback } from '../dial/loopback.ts';
import type { ResponseHead } from './http-response-head.ts';

/** A server that sends its clients further than this sends them in a circle. */
export const MAX_REDIRECTS = 3;

/**
 * The path to which a response sends the same request on the same origin; undefined where there is none to follow. A
 * POST is repeated only by 307 and 308, which say that it was not acted on (RFC 9110 §15.4). Redirects to other origins
 * are nobody's to follow: headers with credentials would go there.
 */
export function redirectedPath(
  head: ResponseHead,
  request: { readonly method: string; readonly path: string },
  url: URL,
  hostHeader: string,
): string | undefined {
  const { status, headers } = head;
  const keepsMethod = status === 307 || status === 308;
  const isForGet = request.method === 'GET' && (status === 301 || status === 302 || status === 303);
  const location = headers.get('location');
  if (location === undefined || !(keepsMethod || isForGet)) return undefined;
  const base = new URL(request.path, url.origin);
  const to = URL.canParse(location, base.href) ? new URL(location, base.href) : undefined;
  if (to === undefined || to.username !== '' || to.password !== '') return undefined;
  return isOwnUrl(to, url, hostHeader) ? to.pathname + to.search : undefined;
}

/** Whether a link is the server's own: one that is told another Host than the URL's writes that into its links. */
export function isOwnUrl(to: URL, url: URL, hostHeader: string): boolean {
  return isSameOrigin(to, url) || (to.protocol === url.protocol && to.host === hostHeader.toLowerCase());
}

/** Loopback names of one port are one origin: servers announce `localhost` to who dialled 127.0.0.1. */
export function isSameOrigin(a: URL, b: URL): boolean {
  if (a.origin === b.origin) return true;
  return a.protocol === b.protocol && a.port === b.port && isLoopback(a.hostname) && isLoopback(b.hostname);
}
