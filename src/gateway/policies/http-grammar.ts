import type { IncomingMessage } from 'node:http';
import { DrawbridgeError } from '../../errors.ts';
import type { Policy } from '../refusal.ts';

/** Headers of which a second one makes the request mean two things. */
const SINGLE = new Set([
  'host',
  'content-length',
  'content-type',
  'authorization',
  'origin',
  'mcp-session-id',
  'mcp-protocol-version',
  'x-api-key',
]);

/**
 * Refuses what Node's parser lets through but two readers could read differently: repeated single headers, a length
 * beside a transfer coding, an absolute request target.
 */
export const httpGrammar: Policy = ({ req }) => {
  const repeated = findRepeated(req);
  if (repeated !== undefined) return refuse(`the header ${repeated} occurs twice`);
  const { headers } = req;
  if (headers['transfer-encoding'] !== undefined && headers['content-length'] !== undefined) {
    return refuse('it has both a Content-Length and a Transfer-Encoding');
  }
  if (headers.host === undefined) return refuse('it has no Host header');
  if (!req.url?.startsWith('/')) return refuse('its target is not a path');
  return undefined;
};

function findRepeated({ headers, rawHeaders }: IncomingMessage): string | undefined {
  // Node joins or drops what is repeated: where nothing was, nothing is.
  if (Object.keys(headers).length * 2 === rawHeaders.length) return undefined;
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

function refuse(why: string): { error: DrawbridgeError; closes: boolean } {
  return { error: new DrawbridgeError('bad_request', 'the request is ambiguous', { why }), closes: true };
}
