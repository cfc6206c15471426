import { type DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import { FAR_END_DOWN } from '../../upstream/dial/dial-failure.ts';
import { curlOfFirst } from '../curls.ts';
import type { Finding } from '../finding.ts';
import { readRawHead } from '../raw-head.ts';
import type { Walk } from '../walk-state.ts';
import { directiveOf } from './buffering.ts';
import { dialTls } from './tls.ts';

/** Of what is tried only to find out more. */
const LOOK_MS = 2000;

/** Why there was no first response: what is spoken there in place of HTTP, or what holds the response back. */
export async function explainNoResponse(walk: Walk, kind: 'sse' | 'http', error: DrawbridgeError): Promise<Finding> {
  const curl = curlOfFirst(walk);
  if (/compress/.test(error.why ?? '')) {
    const head = await readRawHead(walk, kind).catch(() => '');
    const said = `the response is compressed (Content-Encoding: ${/^content-encoding:\s*(.*)$/im.exec(head)?.[1] ?? 'unknown'}), which was not asked for and holds events back`;
    return walk.finding('stream', 'fail', said, { remedy: directiveOf(head, 'compression'), curl });
  }
  if (!walk.isTls && (await speaksTls(walk))) {
    const said = `TLS is spoken on port ${walk.port}, and the URL begins with http://`;
    return walk.finding('tls', 'fail', said, { remedy: 'Begin the URL with https://.', curl });
  }
  if (error.code === 'upstream_timeout' && kind === 'sse' && (await answersElsewhere(walk))) {
    const head = await readRawHead(walk, 'none').catch(() => '');
    const said = `other paths are answered, but the head of the event stream does not come within ${walk.timeoutMs} ms: something buffers it`;
    return walk.finding('stream', 'fail', said, { remedy: directiveOf(head, 'buffering'), curl });
  }
  if (walk.isLoopback && error.hint === FAR_END_DOWN) return walk.failure('ssh', error, curl);
  if (error.code === 'upstream_timeout') {
    const remedy =
      'It takes connections and says nothing: is the MCP server hung, or is another protocol spoken on this port?';
    return walk.finding('http', 'fail', error.sentence, { remedy, curl });
  }
  return walk.failure('http', error, curl);
}

/** Whether a handshake begins; whose certificate it is does not matter. */
async function speaksTls(walk: Walk): Promise<boolean> {
  if (walk.proxy !== undefined) return false;
  const dialling = dialTls(walk);
  try {
    (await walk.within(dialling, 'TLS', LOOK_MS)).destroy();
    return true;
  } catch (thrown) {
    dialling.then((late) => late.destroy()).catch(() => {});
    if (walk.signal.aborted) throw thrown;
    const { code } = toDrawbridgeError(thrown);
    return code === 'upstream_untrusted' || code === 'upstream_refused';
  }
}

async function answersElsewhere(walk: Walk): Promise<boolean> {
  const exchange = walk.request({ method: 'GET', path: '/drawbridge-check', headers: walk.ownHeaders });
  try {
    return await exchange.answered(Math.min(LOOK_MS, walk.timeoutMs));
  } catch (thrown) {
    if (walk.signal.aborted) throw thrown;
    return false;
  } finally {
    exchange.abort();
  }
}
