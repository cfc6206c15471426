import { errorFromResponse } from '../../upstream/response-errors.ts';
import { curlOfMessage } from '../curls.ts';
import type { Finding } from '../finding.ts';
import { type Asked, INITIALIZE_PARAMS, type McpSession, type Reply } from '../mcp-session.ts';
import type { Walk } from '../walk-state.ts';
import { explainNoAnswer } from './no-answer.ts';
import { serverOf } from './response-verdict.ts';
import { missingPrefix } from './stream.ts';

const QUOTED_BYTES = 1024;
/** What a server of 2026-07-28 alone refuses `initialize` with, beside those that name no such method. */
const MAYBE_MODERN = new Set([-32601, -32600, -32602, -32020, -32021, -32022, -32000]);

/** Whether messages get to the server, and the handshake: its name, its version, the revision that both speak. */
export async function* lookAtHandshake(walk: Walk): AsyncGenerator<Finding> {
  const { session, kind } = walk;
  if (session === undefined) return;
  const asked = walk.initialize ?? session.post('initialize', INITIALIZE_PARAMS);
  if (kind === 'sse') {
    const finding = await judgePost(walk, asked);
    yield finding;
    if (finding.verdict === 'fail') return;
  }
  let reply: Reply;
  try {
    reply = await session.answerTo(asked);
  } catch (thrown) {
    yield await explainNoAnswer(walk, 'initialize', asked, thrown);
    return;
  }
  session.sessionId = kind === 'http' ? asked.exchange.header('mcp-session-id') : undefined;
  if (reply.error !== undefined && kind === 'http' && MAYBE_MODERN.has(Number(reply.error.code))) {
    const discovered = await discover(session);
    if (discovered !== undefined) {
      yield succeeded(walk, discovered, '2026-07-28 alone (initialize is refused, server/discover answered)');
      return;
    }
  }
  const version = reply.result?.['protocolVersion'];
  if (reply.error !== undefined || typeof version !== 'string' || !/^[\w.-]{1,32}$/.test(version)) {
    const { code, message } = reply.error ?? {};
    const said =
      reply.error === undefined
        ? 'initialize was answered without a protocol version'
        : `initialize was refused: ${String(message).slice(0, 200)} (${String(code)})`;
    const remedy = 'The server is reached, and does not begin: its own log says more. Does it reach its database?';
    yield walk.finding('initialize', 'fail', said, { remedy, curl: curlOfInitialize(walk) });
    return;
  }
  session.version = version;
  await session.notify('notifications/initialized');
  yield succeeded(walk, reply, version);
}

function succeeded(walk: Walk, reply: Reply, version: string): Finding {
  const { result = {}, ms } = reply;
  const session = walk.session!;
  const meta = result['_meta'] as Record<string, unknown> | undefined;
  const info = (result['serverInfo'] ?? meta?.['io.modelcontextprotocol/serverInfo']) as
    | Record<string, unknown>
    | undefined;
  session.capabilities = (result['capabilities'] ?? {}) as Record<string, unknown>;
  walk.initialized = reply;
  const name = info === undefined ? 'a server without a name' : `${String(info['name'])} ${String(info['version'])}`;
  const said = `${name.slice(0, 100)}, protocol ${version}, in ${ms} ms`;
  return walk.finding('initialize', 'ok', said, { curl: curlOfInitialize(walk) });
}

/** Whether the server speaks 2026-07-28, by its answer to `server/discover`; undefined where it does not. */
async function discover(session: McpSession): Promise<Reply | undefined> {
  session.era = 'modern';
  const reply = await session.ask('server/discover').catch(() => undefined);
  if (Array.isArray(reply?.result?.['supportedVersions'])) return reply;
  session.era = 'legacy';
  return undefined;
}

async function judgePost(walk: Walk, { exchange }: Asked): Promise<Finding> {
  await exchange.ended(walk.timeoutMs);
  const { status, response, headMs } = exchange;
  const path = walk.postPath?.split('?')[0] ?? '';
  const curl = curlOfInitialize(walk);
  const said = `POST ${path}: HTTP ${status} in ${headMs} ms${serverOf(exchange)}`;
  const fail = (why: string, remedy: string): Finding => walk.finding('post', 'fail', said + why, { remedy, curl });
  if (response === undefined) return fail(', no answer', 'Does the proxy forward POST requests of this path?');
  if (status < 300) return walk.finding('post', 'ok', said, { curl });
  if (status === 404 || status === 405) {
    const prefix = missingPrefix(walk);
    const lacks =
      prefix === undefined
        ? 'the proxy forwards only the event stream'
        : `the endpoint lacks the prefix ${prefix}, by which the proxy knows the server`;
    return fail(
      `: ${lacks}`,
      `Forward ${path} as well as ${walk.url.pathname}${prefix === undefined ? '' : `, or tell the server its prefix ${prefix}`}, or put mcp-drawbridge gateway behind the proxy: its endpoint stands below the path of the stream.`,
    );
  }
  const error = errorFromResponse(walk.url.host, response, exchange.body.toString('utf8', 0, QUOTED_BYTES), true);
  return fail(`: ${error.sentence}`, error.hint);
}

function curlOfInitialize(walk: Walk): string {
  return walk.session?.era === 'modern'
    ? curlOfMessage(walk, 'server/discover')
    : curlOfMessage(walk, 'initialize', INITIALIZE_PARAMS);
}
