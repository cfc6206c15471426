import type { Route } from './request-context.ts';
import type { McpServer } from './upstreams/mcp-server.ts';
import type { Upstreams } from './upstreams/upstreams.ts';

const ROUTES: ReadonlyMap<string, Route> = new Map([
  ['/sse', 'sse-stream'],
  ['/sse/', 'sse-stream'],
  ['/sse/messages', 'sse-message'],
  ['/messages', 'sse-message'],
  ['/messages/', 'sse-message'],
  ['/mcp', 'mcp'],
  ['/mcp/', 'mcp'],
]);

const OTHER = { route: 'other', server: undefined } as const;

/** What a path serves: `/sse` and `/mcp` of the server at the root, `/<name>/sse` and `/<name>/mcp` of the others. */
export function findRoute(
  path: string,
  upstreams: Upstreams,
): { readonly route: Route; readonly server: McpServer | undefined } {
  const atRoot = ROUTES.get(path);
  if (atRoot !== undefined) return routeTo(atRoot, upstreams.find(''));
  const slash = path.indexOf('/', 1);
  const route = slash === -1 ? undefined : ROUTES.get(path.slice(slash));
  return route === undefined ? OTHER : routeTo(route, upstreams.find(path.slice(1, slash)));
}

function routeTo(route: Route, server: McpServer | undefined): ReturnType<typeof findRoute> {
  return server === undefined ? OTHER : { route, server };
}

/** Where a server's own paths begin. */
export function serverPath(name: string): string {
  return name === '' ? '' : `/${name}`;
}
