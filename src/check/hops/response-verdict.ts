import { errorFromResponse } from '../../upstream/response-errors.ts';
import type { Finding } from '../finding.ts';
import { curlOfFirst } from '../first-curl.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';
import { findPaths } from './other-paths.ts';

const QUOTED_BYTES = 1024;

/** What the first response says; 401 and 403 are an answer, of which the challenge is told next. */
export async function judgeResponse(walk: Walk, exchange: WatchedExchange, isRpc: boolean): Promise<Finding> {
  const { response, status, headMs } = exchange;
  const { url, kind = 'http' } = walk;
  const type = exchange.header('content-type')?.split(';')[0] ?? 'no Content-Type';
  const method = kind === 'sse' ? 'GET' : 'POST';
  const seen = `${method} ${url.pathname}: HTTP ${status} in ${headMs} ms, ${type}${serverOf(exchange)}`;
  const curl = curlOfFirst(walk);
  const fail = (said: string, remedy: string): Finding => walk.finding('http', 'fail', said, { remedy, curl });
  if (status === 401 || (status === 403 && !isRpcOnly(exchange, isRpc)))
    return walk.finding('http', 'ok', seen, { curl });
  if (status === 421) {
    const name = walk.options.hostHeader ?? url.host;
    return fail(
      `${seen}: the Host ${name} is not accepted`,
      'The server takes other Host names only: use one of them in the URL, allow this one there, or let the proxy in front send the one it takes (of the gateway: --allowed-hosts, towards its own server --upstream-host).',
    );
  }
  if (status === 404 || status === 410) return fail(seen, await remedyForPath(walk));
  if (status >= 300 && status < 400) return redirected(walk, exchange, seen);
  if (status === 502 || status === 503 || status === 504) {
    return fail(
      seen,
      `${status === 503 ? 'The server, or the proxy before it, takes' : 'A proxy is there, but the MCP server behind it is not. It takes'} nothing now: is the MCP server running, on the address and port that the proxy is told?`,
    );
  }
  const isHtml = /html/i.test(type) || exchange.body.toString('utf8', 0, 64).trimStart().startsWith('<');
  if (isHtml) return fail(`${seen}: a web page, not an MCP server`, await remedyForPath(walk));
  const isGood = kind === 'sse' ? status === 200 && exchange.isEventStream : isRpc;
  if (isGood || response === undefined) return walk.finding('http', 'ok', seen, { curl });
  const error = errorFromResponse(url.host, response, exchange.body.toString('utf8', 0, QUOTED_BYTES), false);
  return fail(`${seen}: ${error.sentence}`, error.code === 'session_lost' ? await remedyForPath(walk) : error.hint);
}

/** A refusal with a JSON-RPC error is still a refusal. */
function isRpcOnly(exchange: WatchedExchange, isRpc: boolean): boolean {
  return isRpc && exchange.status < 300;
}

/** Who answered, by Server and Via. */
export function serverOf(exchange: WatchedExchange): string {
  const names = [exchange.header('server'), exchange.header('via')].filter((name) => name !== undefined);
  return names.length === 0 ? '' : `, from ${names.join(' via ').slice(0, 100)}`;
}

function redirected(walk: Walk, exchange: WatchedExchange, seen: string): Finding {
  const location = exchange.header('location') ?? 'nowhere';
  const to = URL.canParse(location, walk.url.href) ? new URL(location, walk.url.href) : undefined;
  const isUpgrade = to?.protocol === 'https:' && to.hostname === walk.url.hostname;
  const remedy = isUpgrade
    ? `Begin the URL with https://, as in ${to.origin}${to.pathname}`
    : 'No credential is ever sent to another origin. Use that URL itself, if you trust it; if it is a page to sign in at, the path must be exempt from it.';
  return walk.finding(
    'http',
    'fail',
    `${seen}: redirects to ${to === undefined ? location : to.origin + to.pathname}`,
    {
      remedy,
      curl: curlOfFirst(walk),
    },
  );
}

async function remedyForPath(walk: Walk): Promise<string> {
  const paths = await findPaths(walk);
  if (paths.length === 0) return 'Is the path of the URL right? Neither /sse nor /mcp is served there either.';
  return `Change the path of the URL: ${paths.join(' and ')} ${paths.length === 1 ? 'is' : 'are'} served there.`;
}
