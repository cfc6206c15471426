import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { baseUrlOf } from '../base-url.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { ANSWERED, type Policy } from '../refusal.ts';
import type { RequestContext } from '../request-context.ts';
import { serverPath } from '../routes.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import { type Credential, renderPage } from './render-page.ts';

type PageOptions = Pick<
  ResolvedGatewayOptions,
  'page' | 'publicUrl' | 'servers' | 'keyFile' | 'jwtIssuer' | 'htpasswdFile' | 'auth'
>;

/** Nothing but the page's own style and script, which are in it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(PAGE_STYLE)}`,
  `script-src ${hashOf(PAGE_SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Answers a person who opened the address in a browser with a page that says what to do with it; everything else
 * passes. Asked before anybody is authenticated, so it shows no more than whoever asks knows already.
 */
export function showPage(options: PageOptions): Policy {
  if (!options.page) return () => undefined;
  return (context) => {
    const { req, res, headers, pathKey } = context;
    // An address that has a key in it is not to be repeated.
    if (!isFromBrowser(req) || pathKey !== undefined) return undefined;
    const html = renderPage({
      baseUrl: baseUrlOf(context, options),
      serverPath: pathOf(context, options),
      credential: credentialOf(options),
    });
    for (let index = 0; index < headers.length; index += 2) res.setHeader(headers[index]!, headers[index + 1]!);
    res.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.setHeader('Content-Length', Buffer.byteLength(html));
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Robots-Tag', 'noindex');
    res.statusCode = 200;
    res.end(req.method === 'HEAD' ? undefined : html);
    return ANSWERED;
  };
}

/** A browser asks for `text/html` by that name, and no MCP client does; one that wants a stream says so. */
function isFromBrowser({ method, headers: { accept } }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return accept !== undefined && /(?:^|[\s,])text\/html\b/i.test(accept) && !/text\/event-stream/i.test(accept);
}

/** Of the server whose address was opened, or of the only one there is; `/NAME` where the person has to know it. */
function pathOf({ server }: RequestContext, { servers }: PageOptions): string {
  if (server !== undefined) return serverPath(server.name);
  return servers.has('') ? '' : '/NAME';
}

function credentialOf({ keyFile, jwtIssuer, htpasswdFile, auth }: PageOptions): Credential {
  if (auth === 'none') return 'none';
  if (keyFile !== undefined) return 'key';
  if (jwtIssuer !== undefined) return 'token';
  return htpasswdFile === undefined ? 'certificate' : 'password';
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
