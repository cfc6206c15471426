import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Finding } from '../finding.ts';
import { INITIALIZE_PARAMS, McpSession, readObject } from '../mcp-session.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';
import { lookAtChallenge } from './challenge.ts';
import { lookAtClock } from './clock.ts';
import { explainNoResponse } from './no-response.ts';
import { isToPlainPage, lookAtPlainPage } from './plain-page.ts';
import { judgeResponse } from './response-verdict.ts';

/** By these a server says that it does not speak the transport tried, as for the bridge's own detection. */
const OTHER_TRANSPORT = new Set([400, 404, 405, 406, 415, 501]);
const QUOTED_BYTES = 4096;

/**
 * The first response of the URL, which is the event stream, or the answer to `initialize`; with it the clock of the
 * server, and what it wants of who asks.
 */
export async function* lookAtFirstResponse(walk: Walk): AsyncGenerator<Finding> {
  const guess = walk.options.transport ?? 'auto';
  const kind = guess !== 'auto' ? guess : /\/sse\/?$/.test(walk.url.pathname) ? 'sse' : 'http';
  let exchange: WatchedExchange;
  try {
    const page = isToPlainPage(walk) ? await lookAtPlainPage(walk) : undefined;
    if (page !== undefined) {
      yield page;
      return;
    }
    exchange = await request(walk, kind);
    if (guess === 'auto' && OTHER_TRANSPORT.has(exchange.status) && !isRpc(exchange)) {
      exchange = await tryOther(walk, kind, exchange);
    }
  } catch (thrown) {
    if (walk.signal.aborted) throw thrown;
    yield await explainNoResponse(walk, kind, toDrawbridgeError(thrown));
    return;
  }
  yield* lookAtClock(walk, exchange);
  const finding = await judgeResponse(walk, exchange, isRpc(exchange));
  walk.isAnswered = finding.verdict === 'ok';
  yield finding;
  yield* lookAtChallenge(walk, exchange);
}

/** Throws why there is no response. */
async function request(walk: Walk, kind: 'sse' | 'http'): Promise<WatchedExchange> {
  const session = new McpSession(walk);
  Object.assign(walk, { kind, session, initialize: undefined });
  if (kind === 'sse') {
    const headers = `Accept: text/event-stream\r\nCache-Control: no-store\r\n${walk.ownHeaders}`;
    walk.first = walk.request({ method: 'GET', path: walk.path, headers }, { onEvent: session.take });
  } else {
    walk.initialize = session.post('initialize', INITIALIZE_PARAMS);
    walk.first = walk.initialize.exchange;
  }
  const exchange = walk.first;
  if (!(await exchange.answered(walk.timeoutMs))) {
    throw new DrawbridgeError('upstream_timeout', `${walk.url.host} sent no head of a response`, {
      why: `nothing came for ${walk.timeoutMs} ms`,
    });
  }
  if (!exchange.isEventStream) await exchange.ended(walk.timeoutMs);
  return exchange;
}

/** The other transport counts where it is spoken, or where it says more. */
async function tryOther(walk: Walk, kind: 'sse' | 'http', first: WatchedExchange): Promise<WatchedExchange> {
  const { session, initialize } = walk;
  const other = await request(walk, kind === 'sse' ? 'http' : 'sse').catch((thrown: unknown) => {
    if (walk.signal.aborted) throw thrown;
    return undefined;
  });
  if (other !== undefined && (other.status < 300 || isRpc(other))) return other;
  Object.assign(walk, { kind, first, session, initialize });
  return first;
}

/** Whether it is a message of MCP, an error among them. */
function isRpc(exchange: WatchedExchange): boolean {
  if (exchange.isEventStream) return exchange.status === 200;
  return readObject(exchange.body.subarray(0, QUOTED_BYTES * 256))?.['jsonrpc'] === '2.0';
}
