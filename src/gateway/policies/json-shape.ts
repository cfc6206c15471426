import { isUtf8 } from 'node:buffer';
import { DrawbridgeError, type DrawbridgeErrorCode } from '../../errors.ts';
import { type Message, readMessage } from '../../message/message.ts';
import type { Policy, Refusal } from '../refusal.ts';
import { findAmbiguousMember } from './member-names.ts';

export interface JsonLimits {
  /** Objects and arrays within one another. */
  readonly maxJsonDepth: number;
  /** Members and elements in all. */
  readonly maxJsonElements: number;
}

interface Parsed {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/**
 * Lets pass one JSON-RPC 2.0 message and nothing else. The body is parsed here so that what is forwarded, the same
 * bytes, can mean one thing only: what the peek reads in them must agree with what a parser reads.
 */
export function checkJsonShape(limits: JsonLimits): Policy {
  return (context) => {
    const { body } = context;
    if (body === undefined) return undefined;
    if (!isUtf8(body)) return refuse('parse_error', 'the body is not UTF-8');
    const excess = findExcess(body, limits);
    if (excess !== undefined) return refuse('invalid_request', excess);
    let parsed: Parsed | null;
    try {
      parsed = JSON.parse(body.toString()) as Parsed | null;
    } catch {
      return refuse('parse_error', 'the body is not JSON');
    }
    if (Array.isArray(parsed)) return refuse('invalid_request', 'batches are not part of MCP since 2025-06-18');
    if (typeof parsed !== 'object' || parsed === null)
      return refuse('invalid_request', 'the body is no JSON-RPC message');
    const message = readMessage(body);
    const problem = findAmbiguousMember(body) ?? findProblem(parsed, message);
    if (problem !== undefined) return refuse('invalid_request', problem);
    context.message = message;
    return undefined;
  };
}

function findProblem(parsed: Parsed, { kind, id: idText, method }: Message): string | undefined {
  if (parsed.jsonrpc !== '2.0') return 'jsonrpc is not "2.0"';
  const { id, params } = parsed;
  if (id !== undefined && typeof id !== 'string' && typeof id !== 'number')
    return 'the id is neither a string nor a number';
  if (id !== undefined && (idText === undefined || JSON.parse(idText) !== id))
    return 'the id occurs twice or is escaped';
  if (parsed.method !== undefined) {
    if (typeof parsed.method !== 'string') return 'the method is not a string';
    if (parsed.result !== undefined || parsed.error !== undefined) return 'it is both a request and an answer';
    if (params !== undefined && (typeof params !== 'object' || params === null)) return 'params is no object';
    if (kind !== (id === undefined ? 'notification' : 'request') || method !== parsed.method)
      return 'the method occurs twice or is escaped';
    return undefined;
  }
  if (id === undefined) return 'it has neither a method nor an id';
  if ((parsed.result === undefined) === (parsed.error === undefined))
    return 'an answer has either a result or an error';
  return kind === 'response' ? undefined : 'a member is escaped';
}

/** Counts before anything is built, because building is what deep or wide JSON makes costly. */
function findExcess(body: Buffer, { maxJsonDepth, maxJsonElements }: JsonLimits): string | undefined {
  let depth = 0;
  let elements = 0;
  let isInString = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (isInString) {
      if (byte === 0x5c) index++;
      else if (byte === 0x22) isInString = false;
    } else if (byte === 0x22) isInString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxJsonDepth) return `it is nested deeper than ${maxJsonDepth}`;
      elements++;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === 0x2c && ++elements > maxJsonElements) return `it has more than ${maxJsonElements} elements`;
  }
  return undefined;
}

function refuse(code: DrawbridgeErrorCode, message: string): Refusal {
  return { error: new DrawbridgeError(code, message) };
}
