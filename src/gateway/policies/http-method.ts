import { DrawbridgeError } from '../../errors.ts';
import { isModernVersion } from '../../message/era.ts';
import type { Policy, Refusal } from '../refusal.ts';
import type { Route } from '../request-context.ts';

const METHODS: Readonly<Record<Exclude<Route, 'other'>, readonly string[]>> = {
  'sse-stream': ['GET'],
  'sse-message': ['POST'],
  mcp: ['GET', 'POST', 'DELETE'],
};

/** The method, Accept and Content-Type that each MCP route takes. */
export const httpMethod: Policy = ({ req, route }) => {
  if (route === 'other') return undefined;
  const method = req.method ?? '';
  const methods = METHODS[route];
  if (!methods.includes(method)) return refuse(method, methods);
  // Streams that a client opens, and sessions that it ends, are of the legacy era.
  const version = req.headers['mcp-protocol-version'];
  if (route === 'mcp' && method !== 'POST' && typeof version === 'string' && isModernVersion(version))
    return refuse(method, ['POST']);
  if (method === 'POST') return checkPost(req.headers['content-type'], req.headers['content-encoding']);
  if (method === 'GET' && !accepts(req.headers.accept, 'text/event-stream')) {
    return {
      error: new DrawbridgeError('not_acceptable', 'this is an event stream', { hint: 'Accept text/event-stream.' }),
    };
  }
  return undefined;
};

function refuse(method: string, methods: readonly string[]): Refusal {
  const error = new DrawbridgeError('method_not_allowed', `${clip(method)} is not served here`);
  return { error, headers: ['Allow', methods.join(', ')], closes: true };
}

/**
 * JSON in UTF-8 (RFC 8259 §8.1), and nothing that a browser may send without asking first. A body is never decompressed.
 * Accept is not judged: some clients of the older revisions send none, and every answer has one form they know.
 */
function checkPost(contentType: string | undefined, contentEncoding: string | undefined): Refusal | undefined {
  if (contentType === 'application/json' && contentEncoding === undefined) return undefined;
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-8"?$/.test(charset);
  const isPlain = contentEncoding === undefined || contentEncoding.toLowerCase() === 'identity';
  if (type.trim() === 'application/json' && isUtf8 && isPlain) return undefined;
  return {
    error: new DrawbridgeError('unsupported_media_type', 'the body must be plain application/json in UTF-8'),
    closes: true,
  };
}

/** Whether an Accept header, where there is one, has room for the media type (RFC 9110 §12.5.1). */
function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return true;
  const [group] = type.split('/');
  return accept
    .toLowerCase()
    .split(',')
    .some((part) => {
      const [range = '', ...parameters] = part.split(';').map((text) => text.trim());
      return (
        (range === type || range === `${group}/*` || range === '*/*') &&
        !parameters.some((text) => /^q=0(\.0*)?$/.test(text))
      );
    });
}

function clip(method: string): string {
  return method.slice(0, 20);
}
