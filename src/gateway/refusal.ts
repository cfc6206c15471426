import type { IncomingMessage } from 'node:http';
import { retryAfterHeader } from '../downstream/json-answer.ts';
import { SseDownstream } from '../downstream/sse.ts';
import type { DrawbridgeError } from '../errors.ts';
import { errorReply } from '../message/message.ts';
import { endWithLastAnswer } from './last-answer.ts';
import { withoutInternals } from './public-error.ts';
import type { RequestContext } from './request-context.ts';

/** A policy's no: what the client is told. The body is a JSON-RPC error, with the id of the request where it is known. */
export interface Refusal {
  readonly error: DrawbridgeError;
  /** Further headers as a flat list of names and values, such as `Retry-After`. */
  readonly headers?: readonly string[];
  /**
   * Whether the connection is closed afterwards, because what follows on it cannot be trusted or need not be read. `at once`:
   * without waiting for the client to have sent what it is sending.
   */
  readonly closes?: boolean | 'at once';
  /** Whether a request on a legacy SSE session is answered on its stream, where a model reads it, and the POST with 202. */
  readonly goesToStream?: boolean;
}

/** The policy has answered the request itself, and nothing is left to do. */
export const ANSWERED = 'answered';

export type Verdict = Refusal | typeof ANSWERED | undefined;

/** A policy: may this request pass? It lets it through with undefined, refuses it, or has answered it. */
export type Policy = (context: RequestContext) => Verdict | Promise<Verdict>;

/** On a stream, whose reader may be slow, an id is repeated up to this length. */
const MAX_STREAM_ID_CHARS = 1024;
/** What is still to come of a refused body is read and thrown away up to here, so that a small one costs no connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/** Answers the request with the refusal, if it can still be answered. */
export function writeRefusal(context: RequestContext, refusal: Refusal): void {
  const { req, res } = context;
  if (res.headersSent || res.destroyed) return;
  const error = withoutInternals(refusal.error);
  if (refusal.goesToStream === true && sendToStream(context, error)) {
    res.writeHead(202, ['Content-Length', '0', ...context.headers]);
    res.end();
    return;
  }
  const request = context.message?.kind === 'request' ? context.message.id : undefined;
  const body = errorReply(request, error).bytes;
  const headers = [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
    ...context.headers,
  ];
  headers.push(...(refusal.headers ?? retryAfterHeader(error)));
  const { closes = false } = refusal;
  const isLast = closes !== false || hasMuchToCome(req);
  if (isLast) headers.push('Connection', 'close');
  res.writeHead(error.status, headers);
  if (isLast && closes !== 'at once') endWithLastAnswer(req, res, body);
  else res.end(body);
}

/** Answers a request of a legacy SSE session where its client waits for the answer; false where there is no such place. */
function sendToStream({ message, session }: RequestContext, error: DrawbridgeError): boolean {
  const { kind, id = '' } = message ?? {};
  if (kind !== 'request' || id.length > MAX_STREAM_ID_CHARS) return false;
  if (!(session?.downstream instanceof SseDownstream) || !session.downstream.isInUse) return false;
  session.downstream.send(errorReply(id, error));
  return true;
}

/** Whether reading the rest of the request would cost more than a new connection; a client that waits for 100 may send none. */
function hasMuchToCome({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  const length = headers['content-length'];
  return length === undefined
    ? headers['transfer-encoding'] !== undefined
    : Number(length) > MAX_DISCARDED_BYTES || headers.expect !== undefined;
}
