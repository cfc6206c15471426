import type { DrawbridgeError } from '../errors.ts';
import { idKey, type Peeked, peek } from './peek.ts';
import { AMBIGUOUS, soleMember } from './ranges.ts';
import { skipSpace } from './scan.ts';

/** One JSON-RPC message, carried as the bytes it arrived in; what routing needs was peeked, never parsed. */
export interface Message extends Peeked {
  readonly bytes: Buffer;
  /** The key of the id in a table of pending requests; undefined where the message has no id. */
  readonly key: string | undefined;
  /** Why this package made the message, where it is an error reply of its own. */
  readonly failure?: DrawbridgeError;
}

/** Peeks at `bytes`, which must not change afterwards. Never throws: what is no message has kind `invalid`. */
export function readMessage(bytes: Buffer): Message {
  const { kind, id, method } = peek(bytes);
  return { bytes, kind, id, method, key: id === undefined ? undefined : idKey(id) };
}

/**
 * A JSON-RPC error answer (JSON-RPC 2.0 §5.1) for the request with this id text; `null` where no id is known. The
 * message says what happened and why, `data.reason` is the error's code, `data.hint` what to try, `data.retryAfterMs` when, where that is known.
 */
export function errorReply(id: string | undefined, error: DrawbridgeError): Message {
  const body = JSON.stringify({
    code: error.rpcCode,
    message: error.sentence,
    data: { reason: error.code, hint: error.hint, retryAfterMs: error.retryAfterMs, ...error.versions },
  });
  const bytes = Buffer.from(`{"jsonrpc":"2.0","id":${id ?? 'null'},"error":${body}}`);
  return {
    bytes,
    kind: 'response',
    id,
    method: undefined,
    key: id === undefined ? undefined : idKey(id),
    failure: error,
  };
}

/**
 * The error answer that names no request (`"id":null`, or no id at all) as the answer to the request with this id text;
 * every other byte stays. Undefined for any other message.
 */
export function nameRequest(message: Message, id: string): Message | undefined {
  const { bytes, kind } = message;
  if (kind !== 'response' || (message.id !== undefined && message.id !== 'null')) return undefined;
  const start = skipSpace(bytes, 0);
  const given = soleMember(bytes, start, 'id');
  if (given === AMBIGUOUS || typeof soleMember(bytes, start, 'error') !== 'object') return undefined;
  const [before, after, text] =
    given === undefined ? [start + 1, start + 1, `"id":${id},`] : [given.start, given.end, id];
  return readMessage(Buffer.concat([bytes.subarray(0, before), Buffer.from(text), bytes.subarray(after)]));
}

/** The protocol version that an initialize result settles on; undefined for any other message. */
export function protocolVersionOf(message: Message): string | undefined {
  try {
    const { result } = JSON.parse(message.bytes.toString()) as { result?: { protocolVersion?: unknown } };
    const version = result?.protocolVersion;
    return typeof version === 'string' && /^[\w.-]{1,32}$/.test(version) ? version : undefined;
  } catch {
    return undefined;
  }
}
