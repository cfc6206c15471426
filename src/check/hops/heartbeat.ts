import { curlOfStream } from '../curls.ts';
import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';
import { directiveOf } from './buffering.ts';

/** Two signs say how often they come. */
const SIGNS = 2;
/** Servers show themselves about as often; silence that is shorter says nothing. */
const TELLING_MS = 15_000;

/** Whether an idle event stream shows that it is alive; proxies and NATs cut those that do not. */
export async function* lookAtHeartbeat(walk: Walk): AsyncGenerator<Finding> {
  const { heartbeatMs, session, kind } = walk;
  if (session === undefined) return;
  if (heartbeatMs === 0) {
    yield walk.finding('heartbeat', 'skip', 'the stream was not watched');
    return;
  }
  if (session.era === 'modern') {
    yield walk.finding('heartbeat', 'skip', '2026-07-28 has no stream that stays open by itself');
    return;
  }
  const stream = kind === 'sse' ? walk.first : await openStream(walk);
  if (stream === undefined) {
    yield walk.finding('heartbeat', 'skip', 'the server has no event stream of its own');
    return;
  }
  const before = stream.signs.length;
  const startedAt = stream.elapsedMs;
  await stream.until(() => stream.signs.length >= before + SIGNS || stream.isOver, heartbeatMs);
  const signs = stream.signs.slice(before);
  const watchedMs = stream.elapsedMs - startedAt;
  const curl = curlOfStream(walk, Math.ceil(heartbeatMs / 1000));
  if (kind === 'http') stream.abort();
  yield judge(walk, stream, signs, watchedMs, curl);
}

function judge(
  walk: Walk,
  stream: WatchedExchange,
  signs: WatchedExchange['signs'],
  watchedMs: number,
  curl: string,
): Finding {
  const [first, second] = signs;
  if (first !== undefined) {
    const often = second === undefined ? 'once' : `${second.afterMs - first.afterMs} ms apart`;
    return walk.finding('heartbeat', 'ok', `a sign of life (${first.kind}), ${often}, in ${watchedMs} ms`, { curl });
  }
  if (stream.isOver && walk.kind === 'sse') {
    const remedy = `Something ends idle streams, whose time must be above that between two heartbeats. ${directiveOf(stream.headerLines, 'silence')}`;
    return walk.finding('heartbeat', 'fail', `the idle stream was ended after ${watchedMs} ms`, { remedy, curl });
  }
  const said = `nothing came on the idle stream for ${watchedMs} ms`;
  // A stream of Streamable HTTP that is cut is opened again, and the session goes on.
  if (walk.kind === 'http')
    return walk.finding('heartbeat', 'ok', `${said}; the session does not depend on it`, { curl });
  if (walk.heartbeatMs < TELLING_MS) {
    const why = `many servers send a comment every ${TELLING_MS / 1000} s only`;
    return walk.finding('heartbeat', 'skip', `${said}, too short to tell: ${why}`, { curl });
  }
  const remedy =
    'Proxies cut a stream that is silent for a minute, and the session ends with it: put mcp-drawbridge gateway before the server, which sends a comment every 14 s, or raise the read timeout of each proxy.';
  return walk.finding('heartbeat', 'warn', said, { remedy, curl });
}

/** The stream on which a server of Streamable HTTP may speak by itself; undefined where it has none. */
async function openStream(walk: Walk): Promise<WatchedExchange | undefined> {
  const { session, path } = walk;
  const headers = `Accept: text/event-stream\r\n${session?.headers() ?? ''}`;
  const exchange = walk.request(
    { method: 'GET', path, headers },
    session === undefined ? {} : { onEvent: session.take },
  );
  const isAnswered = await exchange.answered(walk.timeoutMs).catch((thrown: unknown) => {
    if (walk.signal.aborted) throw thrown;
    return false;
  });
  if (isAnswered && exchange.status === 200 && exchange.isEventStream) return exchange;
  exchange.abort();
  return undefined;
}
