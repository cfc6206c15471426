import { isUtf8 } from 'node:buffer';
import { DrawbridgeError } from '../errors.ts';
import { findJsonFault, MAX_JSON_DEPTH } from './json-check.ts';
import type { Message } from './message.ts';
import { AMBIGUOUS, soleMember } from './ranges.ts';
import { skipSpace } from './scan.ts';

/** Why the bytes of a line can be no message or batch, whatever stands in them; undefined where they are JSON. */
export function findTextFault(bytes: Buffer): DrawbridgeError | undefined {
  if (!isUtf8(bytes)) return new DrawbridgeError('parse_error', 'the line is not UTF-8');
  const fault = findJsonFault(bytes);
  if (fault === undefined) return undefined;
  if (fault.isTooDeep) {
    return new DrawbridgeError('invalid_request', `the line is nested deeper than ${MAX_JSON_DEPTH}`);
  }
  const why =
    fault.at === bytes.length
      ? `it ends too early, after ${fault.at} bytes`
      : `${describe(bytes[fault.at]!)} cannot stand at byte ${fault.at}`;
  return new DrawbridgeError('parse_error', 'the line is not JSON', { why });
}

/**
 * Why a message of well-formed JSON is none that can be passed on; undefined where it is one. Its routing must mean the
 * same to the server as to us: an `id` that only the server reads would wait for ever for its answer.
 */
export function findShapeFault(message: Message): DrawbridgeError | undefined {
  const { bytes, kind, id } = message;
  if (kind === 'invalid' || kind === 'batch') {
    return new DrawbridgeError('invalid_request', 'the line is JSON, but no JSON-RPC message');
  }
  if (kind !== 'response' && id !== undefined && !isRequestId(id)) {
    return new DrawbridgeError('invalid_request', 'the id is neither a string nor a number');
  }
  const start = skipSpace(bytes, 0);
  const found = soleMember(bytes, start, 'id');
  if (found === AMBIGUOUS || (found === undefined) !== (id === undefined)) {
    return new DrawbridgeError('invalid_request', 'the id occurs twice or is escaped');
  }
  const method = soleMember(bytes, start, 'method');
  if (kind === 'response') {
    return method === undefined
      ? undefined
      : new DrawbridgeError('invalid_request', 'it is both a request and an answer');
  }
  if (typeof method === 'object') return undefined;
  return new DrawbridgeError('invalid_request', 'the method occurs twice or is escaped');
}

/**
 * The id under which a line that is refused can be answered; undefined where it has none, and for an answer, whose id
 * would be taken for that of a request of the client's own.
 */
export function replyIdOf(message: Pick<Message, 'kind' | 'id'>): string | undefined {
  const { kind, id } = message;
  // In bytes that are no UTF-8 the id may have lost what makes it the client's.
  const isKnown = kind !== 'response' && id !== undefined && !id.includes('\ufffd') && isRequestId(id);
  return isKnown ? id : undefined;
}

/** A string or a number, in well-formed JSON. */
function isRequestId(id: string): boolean {
  return /^["\d-]/.test(id) && findJsonFault(Buffer.from(id)) === undefined;
}

function describe(byte: number): string {
  return byte > 0x20 && byte < 0x7f
    ? `'${String.fromCharCode(byte)}'`
    : `the byte 0x${byte.toString(16).padStart(2, '0')}`;
}
