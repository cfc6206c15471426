import { isOwnUrl } from '../../upstream/http/redirects.ts';
import { curlOfFirst } from '../curls.ts';
import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';
import { directiveOf } from './buffering.ts';

/** A server sends its first event with the head. */
const FIRST_EVENT_MS = 5000;
/** From the head to the first event, what no network explains. */
const LATE_MS = 1500;
const QUOTED_CHARS = 200;

/** The event stream: whether what the server sends comes at once, and for the legacy transport where to POST. */
export async function* lookAtStream(walk: Walk): AsyncGenerator<Finding> {
  const exchange = walk.first;
  if (exchange === undefined) return;
  const curl = curlOfFirst(walk);
  if (!exchange.isEventStream) {
    yield walk.finding('stream', 'ok', 'answers come as plain JSON, there is nothing to buffer');
    return;
  }
  const boundMs = Math.min(walk.timeoutMs, walk.kind === 'sse' ? FIRST_EVENT_MS : walk.timeoutMs);
  await exchange.until(() => exchange.firstEvent !== undefined || exchange.isOver, boundMs);
  const finding = judgeStream(walk, exchange, curl, boundMs);
  yield finding;
  if (finding.verdict !== 'fail' && walk.kind === 'sse') yield judgeEndpoint(walk, exchange, curl);
}

function judgeStream(walk: Walk, exchange: WatchedExchange, curl: string, boundMs: number): Finding {
  const { headMs, firstByteMs, firstEventMs } = exchange;
  const length = exchange.header('content-length');
  const fail = (said: string): Finding =>
    walk.finding('stream', 'fail', said, { remedy: directiveOf(exchange.headerLines, 'buffering'), curl });
  if (firstByteMs === undefined) {
    return exchange.isOver
      ? walk.finding('stream', 'fail', `the stream ends before its first event, after ${headMs} ms`, {
          remedy: 'The server, or a proxy, closes it: the log of the MCP server may say why.',
          curl,
        })
      : fail(`the head came after ${headMs} ms, but no event within ${boundMs} ms: something buffers the stream`);
  }
  if (length !== undefined && walk.kind === 'sse') {
    return fail(`the stream has a Content-Length of ${length}: it was collected before it was sent`);
  }
  const said = `head after ${headMs} ms, first byte after ${firstByteMs} ms`;
  if (walk.kind === 'sse' && (firstEventMs ?? firstByteMs) - headMs > LATE_MS) {
    const late = `the first event came ${(firstEventMs ?? firstByteMs) - headMs} ms after the head: something holds the stream back`;
    return walk.finding('stream', 'warn', late, { remedy: directiveOf(exchange.headerLines, 'buffering'), curl });
  }
  return walk.finding('stream', 'ok', said, { curl });
}

function judgeEndpoint(walk: Walk, exchange: WatchedExchange, curl: string): Finding {
  const { url } = walk;
  const event = exchange.firstEvent;
  const fail = (said: string, remedy: string): Finding => walk.finding('endpoint', 'fail', said, { remedy, curl });
  if (event?.type !== 'endpoint') {
    const seen = event === undefined ? 'no event came' : `the first event is ${JSON.stringify(event.type)}`;
    return fail(
      `${seen}, where the legacy transport begins with endpoint`,
      'Is this the event stream of an MCP server? Perhaps it speaks Streamable HTTP, at /mcp.',
    );
  }
  const text = event.data.toString();
  const to = URL.canParse(text, url.href) ? new URL(text, url) : undefined;
  const quoted = JSON.stringify(text.slice(0, QUOTED_CHARS));
  if (to === undefined)
    return fail(`the endpoint ${quoted} is no URL`, 'Correct the base path that the server is told.');
  if (!isOwnUrl(to, url, walk.options.hostHeader ?? url.host)) {
    return fail(
      `the endpoint is on another origin: ${to.origin}${to.pathname}`,
      `Clients refuse to POST there. The server must announce a path alone, or ${url.origin}: tell it the URL that its clients use.`,
    );
  }
  walk.postPath = to.pathname + to.search;
  const missing = missingPrefix(walk);
  const note = missing === undefined ? '' : `, without the prefix ${missing} of the URL`;
  return walk.finding('endpoint', 'ok', `messages are POSTed to ${to.pathname}${note}`, { curl });
}

/** What a proxy takes off the path of the stream, and the server's endpoint does not have; undefined where nothing is. */
export function missingPrefix(walk: Walk): string | undefined {
  const { pathname } = walk.url;
  const prefix = pathname.replace(/\/+$/, '').replace(/\/[^/]*$/, '');
  return prefix === '' || walk.postPath?.startsWith(`${prefix}/`) !== false ? undefined : prefix;
}
