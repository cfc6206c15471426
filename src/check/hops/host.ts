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
  const plain = [`Host: ${FOREIGN}`, `Origin: http://${FOREIGN}`];
  const client = walk.newClient({ hostHeader: FOREIGN });
  const headers = `Origin: http://${FOREIGN}\r\nAccept: application/json, text/event-stream\r\n`;
  const body = requestBody('1', 'ping');
  const exchange =
    kind === 'http'
      ? walk.request(
          { method: 'POST', path, headers: `Content-Type: application/json\r\n${headers}`, body: Buffer.from(body) },
          { client },
        )
      : walk.request({ method: 'GET', path, headers }, { client });
  await exchange.answered(walk.timeoutMs);
  const { status } = exchange;
  exchange.abort();
  const curl = walk.curl({
    isAnonymous: true,
    plain: kind === 'http' ? [...plain, 'Content-Type: application/json'] : plain,
    ...(kind === 'http' ? { body } : {}),
  });
  if ([401, 403, 421].includes(status)) {
    yield walk.finding('host', 'ok', `a foreign Host is refused: HTTP ${status}`, { curl });
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
