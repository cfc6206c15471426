import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';

/** What clients of MCP in a web page send beside what every page may. */
const SENT = ['authorization', 'content-type', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id'];

/** Whether a web page of the origin given may use the server (Fetch standard, CORS): preflight, and a response itself. */
export async function* lookAtCors(walk: Walk): AsyncGenerator<Finding> {
  const { origin } = walk.options;
  if (origin === undefined) return;
  const ask = [
    `Origin: ${origin}`,
    'Access-Control-Request-Method: POST',
    `Access-Control-Request-Headers: ${SENT.join(',')}`,
  ];
  const path = walk.postPath ?? walk.path;
  const headers = ask.map((line) => `${line}\r\n`).join('');
  const preflight = walk.request({ method: 'OPTIONS', path, headers });
  await preflight.ended(walk.timeoutMs);
  const curl = walk.curl({ method: 'OPTIONS', plain: ask, isAnonymous: true });
  const ofOrigin = originProblems(preflight, origin);
  // Who is not let in at all is told nothing of what would be let in.
  const isLetIn = preflight.header('access-control-allow-origin') !== undefined;
  const problems = [...ofOrigin, ...(isLetIn ? preflightProblems(walk, preflight) : [])];
  if (problems.length > 0) {
    yield fail(walk, `preflight, HTTP ${preflight.status}: ${problems.join('; ')}`, origin, curl);
    return;
  }
  const response = await realResponse(walk, origin);
  const found = [...originProblems(response, origin), ...exposureProblems(walk, response)];
  const real = walk.curl({ plain: [`Origin: ${origin}`] });
  response.abort();
  if (response.status === 403) {
    yield fail(walk, `a request with Origin ${origin} is refused: HTTP 403`, origin, real);
  } else if (found.length > 0) yield fail(walk, `response, HTTP ${response.status}: ${found.join('; ')}`, origin, real);
  else
    yield walk.finding('cors', 'ok', `pages of ${origin} may use it, HTTP ${preflight.status} for the preflight`, {
      curl,
    });
}

function fail(walk: Walk, said: string, origin: string, curl: string): Finding {
  const remedy = `Let the server say so, and no proxy add a second answer (of the gateway: --allowed-origins ${origin}).`;
  return walk.finding('cors', 'fail', said, { remedy, curl });
}

function originProblems(exchange: WatchedExchange, origin: string): string[] {
  const allowed = exchange.header('access-control-allow-origin');
  const hasCredentials = exchange.header('access-control-allow-credentials') === 'true';
  if (allowed === undefined) return ['no Access-Control-Allow-Origin'];
  if (allowed === '*')
    return hasCredentials ? ['Access-Control-Allow-Origin * with credentials, which browsers refuse'] : [];
  if (allowed.includes(',')) return [`Access-Control-Allow-Origin has two values, ${allowed.slice(0, 100)}`];
  return allowed === origin ? [] : [`Access-Control-Allow-Origin is ${allowed.slice(0, 100)}`];
}

function preflightProblems(walk: Walk, exchange: WatchedExchange): string[] {
  const problems = exchange.status >= 200 && exchange.status < 300 ? [] : ['its status is not that of a success'];
  const methods = listOf(exchange, 'access-control-allow-methods');
  // POST and GET need no leave.
  if (walk.kind === 'http' && walk.session?.sessionId !== undefined && !methods.has('delete') && !methods.has('*')) {
    problems.push('DELETE is not among the methods, so that pages cannot end their sessions');
  }
  const headers = listOf(exchange, 'access-control-allow-headers');
  // A star stands for every header but this one.
  const missing = SENT.filter((name) => !headers.has(name) && (name === 'authorization' || !headers.has('*')));
  if (missing.length > 0) problems.push(`headers not allowed: ${missing.join(', ')}`);
  return problems;
}

function exposureProblems(walk: Walk, exchange: WatchedExchange): string[] {
  const exposed = listOf(exchange, 'access-control-expose-headers');
  const isNeeded = walk.kind === 'http' && walk.session?.era !== 'modern';
  return isNeeded && !exposed.has('mcp-session-id') && !exposed.has('*')
    ? ['Mcp-Session-Id is not exposed (Access-Control-Expose-Headers), so that pages cannot read it']
    : [];
}

function listOf(exchange: WatchedExchange, name: string): ReadonlySet<string> {
  return new Set((exchange.header(name) ?? '').split(',').map((each) => each.trim().toLowerCase()));
}

/** In a session, or of the stream; what it is answered does not matter, only its head. */
async function realResponse(walk: Walk, origin: string): Promise<WatchedExchange> {
  const { session, kind } = walk;
  const line = `Origin: ${origin}\r\n`;
  if (kind === 'http' && session !== undefined && walk.initialized !== undefined) {
    const { exchange } = session.post(session.era === 'modern' ? 'server/discover' : 'ping', undefined, line);
    await exchange.answered(walk.timeoutMs);
    return exchange;
  }
  const headers = `Accept: text/event-stream\r\n${line}${walk.ownHeaders}`;
  const exchange = walk.request({ method: 'GET', path: walk.path, headers });
  await exchange.answered(walk.timeoutMs);
  return exchange;
}
