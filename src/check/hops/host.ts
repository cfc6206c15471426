import type { Finding } from '../finding.ts';
import { requestBody } from '../mcp-session.ts';
import type { Walk } from '../walk-state.ts';

/** A name that is nobody's (RFC 6761 §6.4). */
const FOREIGN = 'drawbridge-check.invalid';

/**
 * Whether a request for a foreign Host is refused, as it must be where web pages could reach the server by a name of
 * their own (DNS rebinding). No credential is sent, since such a page has none.
 */
export async function* lookAtHost(walk: Walk): AsyncGenerator<Finding> {
  const { isTls, isDirect, kind, path } = walk;
  if (isTls) {
    yield walk.finding(
      'host',
      'skip',
      'in https the certificate says it: a page of another name does not get through TLS',
    );
    return;
  }
  if (!isDirect) {
    yield walk.finding('host', 'skip', 'what is on the way there goes by the Host');
    return;
  }
  // A page sends its origin with a POST, and with a GET of what it takes for its own origin it does not.
  const lines =
    kind === 'http'
      ? [`Origin: http://${FOREIGN}`, 'Content-Type: application/json', 'Accept: application/json, text/event-stream']
      : ['Accept: text/event-stream'];
  const headers = lines.map((line) => `${line}\r\n`).join('');
  const body = requestBody('1', 'ping');
  const request =
    kind === 'http'
      ? ({ method: 'POST', path, headers, body: Buffer.from(body) } as const)
      : ({ method: 'GET', path, headers } as const);
  const exchange = walk.request(request, { client: walk.newClient({ hostHeader: FOREIGN }) });
  await exchange.answered(walk.timeoutMs);
  const { status } = exchange;
  // A ping without a session is refused with 400, for which the Host has been accepted.
  // Proxies such as Caddy answer names that are not theirs with 200 and nothing in it.
  const isOfServer = exchange.isEventStream || /json/.test(exchange.header('content-type') ?? '');
  const isAccepted =
    kind === 'sse' ? exchange.isEventStream : status === 200 ? isOfServer : [202, 400, 406].includes(status);
  exchange.abort();
  const plain = [`Host: ${FOREIGN}`, ...lines];
  const curl = walk.curl({ isAnonymous: true, plain, ...(kind === 'http' ? { body } : {}) });
  if (!isAccepted) {
    const what = status >= 400 ? 'is refused' : 'does not lead to the MCP server';
    yield walk.finding('host', 'ok', `a foreign Host ${what}: HTTP ${status}`, { curl });
  } else if (walk.isLoopback) {
    yield walk.finding('host', 'warn', `a foreign Host is accepted: HTTP ${status}`, {
      remedy:
        'Any web page that is open in a browser on this machine can use the server, by DNS rebinding: let the server accept its own Host names alone, or put mcp-drawbridge gateway before it.',
      curl,
    });
  } else {
    yield walk.finding('host', 'ok', `a foreign Host is accepted: HTTP ${status}; that matters on private networks`, {
      curl,
    });
  }
}
