import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';

const QUOTED_BYTES = 200;
/** To a GET a server of MCP answers one of these; it is asked in its own way then. */
const NOT_FOR_GET = new Set([400, 401, 403, 404, 405, 406, 415, 501]);

/** Whether the walk is to a page such as `/ready` rather than to MCP: it ends at `http`, and the path is no server's. */
export function isToPlainPage({ options, url }: Walk): boolean {
  const isGuessed = (options.transport ?? 'auto') === 'auto';
  return options.until === 'http' && isGuessed && !/\/(sse|mcp)\/?$/.test(url.pathname);
}

/** Asks for the page once; what a container's health hangs on. Undefined where a server of MCP may be there. */
export async function lookAtPlainPage(walk: Walk): Promise<Finding | undefined> {
  const exchange = walk.request({ method: 'GET', path: walk.path, headers: `Accept: */*\r\n${walk.ownHeaders}` });
  if (!(await exchange.answered(walk.timeoutMs))) {
    return walk.finding('http', 'fail', `GET ${walk.url.pathname}: no answer within ${walk.timeoutMs} ms`, {
      remedy: 'Is the server hung, or too busy to answer?',
      curl: walk.curl(),
    });
  }
  const { status, headMs } = exchange;
  if (NOT_FOR_GET.has(status)) return undefined;
  const seen = `GET ${walk.url.pathname}: HTTP ${status} in ${headMs} ms`;
  if (status >= 200 && status < 300) return walk.finding('http', 'ok', seen, { curl: walk.curl() });
  await exchange.ended(walk.timeoutMs);
  const body = exchange.body.toString('utf8', 0, QUOTED_BYTES);
  return walk.finding('http', 'fail', body === '' ? seen : `${seen}: ${body}`, {
    remedy: 'The server says that it is not ready; its log, or check without --until on its MCP address, says why.',
    curl: walk.curl(),
  });
}
