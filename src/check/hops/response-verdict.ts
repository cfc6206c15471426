import { errorFromResponse } from '../../upstream/response-errors.ts';
import { curlOfFirst } from '../curls.ts';
import type { Finding } from '../finding.ts';
import { readObject } from '../mcp-session.ts';
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
  if (status === 401 || status === 403) return walk.finding('http', 'ok', seen, { curl });
  if (status === 421) {
    const name = walk.options.hostHeader ?? url.host;
    return fail(
      `${seen}: the Host ${name} is not accepted`,
      'The server takes other Host names only: use one of them in the URL, allow this one there, or let the proxy in front send the one it takes (of the gateway: --allowed-hosts, towards its own server --upstream-host).',
    );
  }
  if ((status === 404 && !isMethodUnknown(exchange)) || status === 410) return fail(seen, await remedyForPath(walk));
  if (status >= 300 && status < 400) return redirected(walk, exchange, seen);
  if (status === 502 || status === 503 || status === 504) {
    return fail(
      seen,
      `${status === 503 ? 'The server, or the proxy before it, takes' : 'A proxy is there, but the MCP server behind it is not. It takes'} nothing now: is the MCP server running, on the address and port that the proxy is told?`,
    );
  }
  const isHtml = /html/i.test(type) || exchange.body.toString('utf8', 0, 64).trimStart().startsWith('<');
  if (isHtml && status < 300) return fail(`${seen}: a web page, not an MCP server`, await remedyForPath(walk));
  const isGood = kind === 'sse' ? status === 200 && exchange.isEventStream : isRpc;
  if (isGood || response === undefined) return walk.finding('http', 'ok', seen, { curl });
  const error = errorFromResponse(url.host, response, exchange.body.toString('utf8', 0, QUOTED_BYTES), false);
  if (status === 407) return walk.failure('proxy', error, curl);
  const isOfPath = error.code === 'session_lost' || [405, 406, 415, 501].includes(status);
  return fail(`${seen}: ${error.sentence}`, isOfPath ? await remedyForPath(walk) : error.hint);
}

/** A server of 2026-07-28 may refuse `initialize` so (JSON-RPC 2.0 §5.1, method not found): the path is right. */
function isMethodUnknown(exchange: WatchedExchange): boolean {
  const { error } = readObject(exchange.body) ?? {};
  return typeof error === 'object' && (error as { readonly code?: unknown } | null)?.code === -32601;
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
    : to?.origin === walk.url.origin
      ? 'Write that path in the URL: a POST is not sent again after such a redirect.'
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
