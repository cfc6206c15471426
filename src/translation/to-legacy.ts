import { DrawbridgeError } from '../errors.ts';
import { findField } from '../message/fields.ts';
import type { Message } from '../message/message.ts';
import { type Replacement, splice } from '../message/splice.ts';

/** The requests of 2026-07-28 that a legacy server answers as they are. */
const SHARED_METHODS = new Set([
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
]);

/** Whether a legacy server has this method of 2026-07-28 too. */
export function isShared(method: string | undefined): boolean {
  return method !== undefined && SHARED_METHODS.has(method);
}

export interface LegacyRequest {
  readonly message: Message;
  /** The token under which the client wants to be told of progress, as its own JSON text; in the message it is the id. */
  readonly progressToken: string | undefined;
}

/**
 * A request as it goes to a session that many clients share: under an id of ours, and with that id as its progress
 * token. The rest stays; servers pass over the members of `_meta` that they do not know (MCP, basic protocol, `_meta`).
 * Throws `invalid_request` where the id cannot be replaced for certain.
 */
export function toLegacy(request: Message, id: number): LegacyRequest {
  const own = findField(request, ['id']);
  if (own === undefined) throw new DrawbridgeError('invalid_request', 'the id occurs twice');
  const replacements: Replacement[] = [{ at: own, text: String(id) }];
  const token = findField(request, ['params', '_meta', 'progressToken']);
  if (token === undefined) return { message: splice(request, replacements), progressToken: undefined };
  replacements.push({ at: token, text: String(id) });
  return {
    message: splice(request, replacements),
    progressToken: request.bytes.toString('utf8', token.start, token.end),
  };
}
