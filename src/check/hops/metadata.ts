import type { Finding } from '../finding.ts';
import { readObject } from '../mcp-session.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/** The metadata that a challenge names (RFC 9728 §5.1): whether it is there, and speaks of this URL. */
export async function lookAtMetadata(walk: Walk, text: string): Promise<Finding> {
  const { url } = walk;
  const at = URL.canParse(text, url.href) ? new URL(text, url.href) : undefined;
  if (at === undefined || !/^https?:$/.test(at.protocol)) {
    return fail(walk, `resource_metadata is no URL: ${text.slice(0, 200)}`, 'Correct it at the server.');
  }
  if (at.origin !== url.origin && walk.options.dialTo !== undefined) {
    return walk.finding('metadata', 'skip', `${at.origin} is not reached through the tunnel`);
  }
  const curl = walk.curl({ url: at, isAnonymous: true });
  const exchange = await get(walk, at);
  const where = `${at.origin}${at.pathname}`;
  if (exchange === undefined || exchange.status !== 200) {
    const seen = exchange === undefined ? 'no answer' : `HTTP ${exchange.status}`;
    return fail(
      walk,
      `${where}: ${seen}`,
      'Clients that sign in begin there: the proxy must forward /.well-known/ too.',
      curl,
    );
  }
  const metadata = readObject(exchange.body);
  if (metadata === undefined) {
    return fail(walk, `${where} is not JSON`, 'The proxy must forward /.well-known/ to the MCP server too.', curl);
  }
  const { resource, authorization_servers: servers } = metadata;
  if (typeof resource !== 'string' || !covers(resource, url)) {
    const said = `${where} speaks of the resource ${JSON.stringify(resource ?? null)}, not of ${url.origin}${url.pathname}`;
    return fail(
      walk,
      said,
      'Tell the server the URL that its clients use (of the gateway: --public-url); clients refuse another.',
      curl,
    );
  }
  const issuers = Array.isArray(servers) ? servers.join(', ') : 'no authorization server';
  return walk.finding('metadata', 'ok', `${where} names ${issuers}`, { curl });
}

/** Where a key is configured and works, discovery that answers makes some clients drop it and begin to sign in. */
export async function* lookAtDiscovery(walk: Walk): AsyncGenerator<Finding> {
  const paths = [WELL_KNOWN + walk.url.pathname, WELL_KNOWN];
  for (const path of paths) {
    const at = new URL(path, walk.url.origin);
    const exchange = await get(walk, at);
    if (exchange?.status !== 200 || readObject(exchange.body) === undefined) continue;
    const remedy =
      'Some clients drop the headers they are configured with where this answers, and ask to sign in. Answer 404 there where keys are used.';
    const curl = walk.curl({ url: at, isAnonymous: true });
    yield walk.finding('metadata', 'warn', `${path} answers, though a configured credential is used`, { remedy, curl });
    return;
  }
}

function fail(walk: Walk, said: string, remedy: string, curl?: string): Finding {
  return walk.finding('metadata', 'fail', said, { remedy, ...(curl === undefined ? {} : { curl }) });
}

/** RFC 9728 §3.3, with the leave of MCP for the origin alone, or a path above. */
function covers(resource: string, url: URL): boolean {
  if (!URL.canParse(resource)) return false;
  const { origin, pathname } = new URL(resource);
  const path = pathname.replace(/\/+$/, '');
  return origin === url.origin && (url.pathname === path || url.pathname.startsWith(`${path}/`));
}

/** Nothing of what is configured is sent; undefined where there is no answer. */
async function get(walk: Walk, at: URL): Promise<WatchedExchange | undefined> {
  const client = at.origin === walk.url.origin ? undefined : walk.newClient({ url: at });
  const request = { method: 'GET', path: at.pathname + at.search, headers: 'Accept: application/json\r\n' } as const;
  const exchange = walk.request(request, client === undefined ? {} : { client });
  try {
    await exchange.ended(walk.timeoutMs);
    return exchange.response === undefined ? undefined : exchange;
  } catch (thrown) {
    if (walk.signal.aborted) throw thrown;
    return undefined;
  } finally {
    exchange.abort();
  }
}
