import type { Walk } from '../walk-state.ts';

/** Of what is tried only to give advice. */
const LOOK_MS = 2000;
/** By these a path of MCP answers a GET, and no path that is not there does. */
const IS_THERE = new Set([400, 401, 403, 405, 406]);

/** The paths at which an MCP server may be meant, of those that are served. */
export async function findPaths(walk: Walk): Promise<readonly string[]> {
  const own = walk.url.pathname.replace(/\/+$/, '');
  const above = own.slice(0, own.lastIndexOf('/'));
  const candidates = new Set(['/sse', '/mcp', `${own}/sse`, `${own}/mcp`, `${above}/sse`, `${above}/mcp`]);
  candidates.delete(walk.url.pathname);
  const found = await Promise.all([...candidates].map(async (path) => ((await isServed(walk, path)) ? [path] : [])));
  return found.flat();
}

async function isServed(walk: Walk, path: string): Promise<boolean> {
  const headers = `Accept: text/event-stream\r\n${walk.ownHeaders}`;
  const exchange = walk.request({ method: 'GET', path, headers });
  try {
    await exchange.answered(Math.min(LOOK_MS, walk.timeoutMs));
    return IS_THERE.has(exchange.status) || (exchange.status === 200 && exchange.isEventStream);
  } catch (thrown) {
    if (walk.signal.aborted) throw thrown;
    return false;
  } finally {
    exchange.abort();
  }
}
