import { DrawbridgeError } from '../../errors.ts';
import { ANSWERED, type Policy } from '../refusal.ts';

const ALLOWED_HEADERS =
  'Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID, Mcp-Method, Mcp-Name, X-API-Key, traceparent, tracestate, baggage';
/** Headers named after a tool's own parameters, which only the page knows: allowed by their names, so many in one request. */
const PARAM_HEADER = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/;
const MAX_PARAM_HEADERS = 64;
const EXPOSED_HEADERS = 'Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After';
const ALLOWED_METHODS = 'GET, POST, DELETE, OPTIONS';
const PREFLIGHT_MAX_AGE_S = '600';

/**
 * Origin and CORS. A request without an Origin comes from no browser page and passes, and so does one of the gateway's
 * own origin, where no page is; the Host in it was judged before. One with another Origin that is not listed, to the
 * letter, is refused on every route. Whatever is answered to a listed one, errors too, says that its page may read it.
 */
export function checkOrigin(allowedOrigins: readonly string[]): Policy {
  const answers = new Map(allowedOrigins.map((origin) => [parseOrigin(origin), corsHeaders(origin)]));
  return (context) => {
    const { origin, host } = context.req.headers;
    const headers = answers.get(origin ?? '');
    if (headers !== undefined) context.headers = [...context.headers, ...headers];
    else if (origin !== undefined && origin !== `${context.scheme}://${host}`) {
      return { error: new DrawbridgeError('forbidden_origin', 'this gateway does not serve pages of that origin') };
    } else if (answers.size > 0) {
      // Else a cache could give this answer to a page of a listed origin, which then could not read it.
      context.headers = [...context.headers, 'Vary', 'Origin'];
    }
    return undefined;
  };
}

/** A browser's question before the request proper; it carries no credential, and is answered without one. */
export const answerPreflight: Policy = ({ req, res, headers }) => {
  const isPreflight =
    req.method === 'OPTIONS' &&
    req.headers.origin !== undefined &&
    req.headers['access-control-request-method'] !== undefined;
  if (!isPreflight) return undefined;
  res.writeHead(204, [
    'Access-Control-Allow-Methods',
    ALLOWED_METHODS,
    'Access-Control-Allow-Headers',
    [ALLOWED_HEADERS, ...paramHeadersIn(req.headers['access-control-request-headers'])].join(', '),
    'Access-Control-Max-Age',
    PREFLIGHT_MAX_AGE_S,
    ...headers,
  ]);
  res.end();
  return ANSWERED;
};

function paramHeadersIn(requested: string | undefined): string[] {
  const names = (requested ?? '').toLowerCase().split(',');
  return names
    .map((name) => name.trim())
    .filter((name) => PARAM_HEADER.test(name))
    .slice(0, MAX_PARAM_HEADERS);
}

function corsHeaders(origin: string): readonly string[] {
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', EXPOSED_HEADERS, 'Vary', 'Origin'];
}

/** Throws `config` for what no browser would send as an Origin. */
function parseOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text;
  throw new DrawbridgeError('config', `${JSON.stringify(text)} is not an origin`, {
    why: 'it is given in --allowed-origins',
    hint: 'Write scheme, host and, where it is not the default, port: https://app.example.com',
  });
}
