import { DrawbridgeError } from '../../errors.ts';
import { errorReply } from '../../message/message.ts';
import { securityHeaders } from '../security-headers.ts';
import type { CertificateSource, ChallengeSource } from './certificate-source.ts';
import type { Handler } from './http1-server.ts';

const CHALLENGES = '/.well-known/acme-challenge/';
/** Headers that say who sends a request; whoever sends them in the clear must hear of it, and not be helped to. */
const CREDENTIALS = ['authorization', 'proxy-authorization', 'x-api-key', 'cookie', 'mcp-session-id'] as const;

/**
 * Plain HTTP beside TLS: sends browsers and the like to the public URL with 308, whatever Host they named. A request
 * with a credential or a body is refused, so that a client that is configured wrongly fails from its first request on.
 */
export function createRedirectHandler(
  publicUrl: URL,
  source: CertificateSource | ChallengeSource | undefined,
): Handler {
  const headers = securityHeaders({ isTls: false });
  return (req, res) => {
    const path = req.url ?? '';
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) !== 0;
    const hasCredential = CREDENTIALS.some((name) => req.headers[name] !== undefined) || path.startsWith('/t/');
    if (isRead && !hasBody && path.startsWith(CHALLENGES) && source !== undefined && 'challengeAnswer' in source) {
      const answer = source.challengeAnswer(path);
      if (answer !== undefined) {
        res.writeHead(200, [
          'Content-Type',
          'text/plain',
          'Content-Length',
          String(Buffer.byteLength(answer)),
          ...headers,
        ]);
        res.end(answer);
        return;
      }
    }
    const target = isRead && !hasBody && !hasCredential ? targetOf(path, publicUrl) : undefined;
    if (target !== undefined) {
      res.writeHead(308, ['Location', target, 'Content-Length', '0', ...headers]);
      res.end();
      return;
    }
    const error = new DrawbridgeError('bad_request', 'this is not served over plain HTTP', {
      status: 403,
      hint: `Use ${publicUrl.origin}.`,
    });
    const body = errorReply(undefined, error).bytes;
    const length = String(body.length);
    res.writeHead(403, [
      'Content-Type',
      'application/json',
      'Content-Length',
      length,
      ...headers,
      'Connection',
      'close',
    ]);
    res.end(body);
  };
}

/** The same path at the public URL; undefined for a target that is no path. */
function targetOf(path: string, publicUrl: URL): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const target = URL.canParse(publicUrl.origin + path) ? new URL(publicUrl.origin + path) : undefined;
  return target?.origin === publicUrl.origin ? target.href : undefined;
}
