import { baseUrlOf, withoutSlash } from './base-url.ts';
import type { ResolvedGatewayOptions } from './gateway-options.ts';
import type { RequestContext } from './request-context.ts';
import { serverPath } from './routes.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
/** The two transports of each server. */
const TRANSPORTS = ['/mcp', '/sse'];
const MAX_AGE_S = 300;

type MetadataOptions = Pick<ResolvedGatewayOptions, 'jwtIssuer' | 'jwtScope' | 'publicUrl' | 'servers'>;

/**
 * The public URL as issuers may write it in `aud` for one server: that of the gateway as a whole, or of a transport of this
 * server. A token for another server is not for this one.
 */
export function audiencesOf(publicUrl: URL, serverName: string): string[] {
  const base = withoutSlash(publicUrl);
  return [base, `${base}/`, ...resourcesOf(serverName).map((path) => base + path)];
}

function resourcesOf(serverName: string): string[] {
  return TRANSPORTS.map((path) => serverPath(serverName) + path);
}

/** Where the metadata is that fits the request; undefined where that would have to repeat a key. */
export function metadataUrlFor(
  context: RequestContext,
  options: Pick<MetadataOptions, 'publicUrl'>,
): string | undefined {
  // With a key in its path, the address of the gateway is not to be told on.
  if (options.publicUrl === undefined && context.pathKey !== undefined) return undefined;
  const { route, server } = context;
  const path = serverPath(server?.name ?? '') + (route === 'mcp' ? '/mcp' : '/sse');
  return baseUrlOf(context, options) + WELL_KNOWN + path;
}

/**
 * Answers for the protected resource metadata (RFC 9728 §3): asked for without a credential, and there only where
 * tokens of an issuer are taken. False where the request is for something else.
 */
export function serveProtectedResource(options: MetadataOptions, context: RequestContext, path: string): boolean {
  const { req, res } = context;
  const { jwtIssuer, jwtScope, publicUrl, servers } = options;
  if (jwtIssuer === undefined || !path.startsWith(WELL_KNOWN)) return false;
  const rest = path.slice(WELL_KNOWN.length).replace(/\/$/, '');
  // A proxy in front may hand over what RFC 9728 §3.1 makes of a public URL that has a path.
  const prefix = publicUrl === undefined ? '' : publicUrl.pathname.replace(/\/$/, '');
  // The first is the gateway as a whole.
  const resources = ['', ...[...servers.keys()].flatMap(resourcesOf)];
  const resource = resources.find((one) => rest === one || rest === prefix + one);
  if (resource === undefined) return false;
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.writeHead(405, { Allow: 'GET, HEAD' }).end();
    return true;
  }
  const body = JSON.stringify({
    resource: baseUrlOf(context, options) + resource,
    authorization_servers: [jwtIssuer],
    bearer_methods_supported: ['header'],
    ...(jwtScope.length === 0 ? {} : { scopes_supported: jwtScope }),
  });
  res.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': `public, max-age=${MAX_AGE_S}`,
    // What is kept for one page must not be shown to another.
    Vary: 'Origin',
  });
  res.end(req.method === 'HEAD' ? undefined : body);
  return true;
}
