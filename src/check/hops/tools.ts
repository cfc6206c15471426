import { curlOfMessage } from '../curls.ts';
import type { Finding } from '../finding.ts';
import type { Reply } from '../mcp-session.ts';
import type { Walk } from '../walk-state.ts';
import { explainNoAnswer } from './no-answer.ts';

/** A server that goes on for longer lists in a circle. */
const MAX_PAGES = 20;

/** What the server offers, and whether it answers while nothing is asked of its database. */
export async function* lookAtTools(walk: Walk): AsyncGenerator<Finding> {
  const { session } = walk;
  if (session === undefined) return;
  if (session.era === 'legacy' && !('tools' in session.capabilities)) {
    yield walk.finding('tools', 'skip', 'the server says that it has no tools');
    return;
  }
  const curl = curlOfMessage(walk, 'tools/list');
  let [count, ms, pages] = [0, 0, 0];
  for (let cursor: unknown, reply: Reply; pages < MAX_PAGES; ) {
    const asked = session.post('tools/list', cursor === undefined ? {} : { cursor });
    try {
      reply = await session.answerTo(asked);
    } catch (thrown) {
      yield await explainNoAnswer(walk, 'tools', asked, thrown);
      return;
    }
    pages++;
    ms += reply.ms;
    const { tools, nextCursor } = reply.result ?? {};
    if (reply.error !== undefined || !Array.isArray(tools)) {
      const why =
        reply.error === undefined ? 'without a list' : `with an error: ${String(reply.error.message).slice(0, 200)}`;
      const remedy = 'The handshake works and this does not: the log of the MCP server says more.';
      yield walk.finding('tools', 'fail', `tools/list was answered ${why}`, { remedy, curl });
      return;
    }
    count += tools.length;
    cursor = nextCursor;
    if (typeof cursor !== 'string' || cursor === '') break;
  }
  const said = `${count} ${count === 1 ? 'tool' : 'tools'} in ${ms} ms${pages === 1 ? '' : `, ${pages} pages`}`;
  yield walk.finding('tools', 'ok', said, { curl });
}

/** The way there and back, without what the server does besides. */
export async function* lookAtPing(walk: Walk): AsyncGenerator<Finding> {
  const { session } = walk;
  if (session === undefined) return;
  if (session.era === 'modern') {
    yield walk.finding('ping', 'skip', '2026-07-28 has no ping');
    return;
  }
  const asked = session.post('ping');
  let reply: Reply;
  try {
    reply = await session.answerTo(asked);
  } catch (thrown) {
    yield await explainNoAnswer(walk, 'ping', asked, thrown);
    return;
  }
  const curl = curlOfMessage(walk, 'ping');
  if (reply.error === undefined) {
    yield walk.finding('ping', 'ok', `answered in ${reply.ms} ms`, { curl });
    return;
  }
  yield walk.finding('ping', 'warn', `refused: ${String(reply.error.message).slice(0, 200)}`, {
    remedy: 'Every server must answer a ping; clients and bridges take one that does not for dead.',
    curl,
  });
}
