import { DrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import { AMBIGUOUS, members, type Range, soleMember } from '../message/ranges.ts';
import { OPEN_BRACE, skipSpace } from '../message/scan.ts';
import { type Replacement, splice } from '../message/splice.ts';

/** A member of an object: its name, and its value as JSON text. */
export type Member = readonly [name: string, text: string];

export interface ModernParts {
  /** In place of the request's own id, as JSON text. */
  readonly id?: string;
  /** For `params._meta`. */
  readonly meta: readonly Member[];
  /** For `params`. */
  readonly params?: readonly Member[];
}

/**
 * A legacy request as 2026-07-28 has it: with what it needs in `params._meta`, all other bytes as they were. Throws
 * `invalid_request` or `invalid_params` where two readers could read two requests.
 */
export function toModernRequest(request: Message, { id, meta, params: added = [] }: ModernParts): Message {
  const { bytes } = request;
  const start = skipSpace(bytes, 0);
  const replacements: Replacement[] = [];
  const own = objectMember(bytes, start, 'id');
  if (id !== undefined && own !== undefined) replacements.push({ at: own, text: id });
  const params = objectMember(bytes, start, 'params');
  const wholeMeta: Member = ['_meta', objectOf(meta)];
  if (params === undefined) {
    replacements.push(...setMembers(bytes, start, [['params', objectOf([wholeMeta, ...added])]]));
    return splice(request, replacements);
  }
  if (bytes[params.start] !== OPEN_BRACE) throw new DrawbridgeError('invalid_params', 'params is no object');
  const given = objectMember(bytes, params.start, '_meta');
  if (given === undefined) replacements.push(...setMembers(bytes, params.start, [wholeMeta, ...added]));
  else {
    if (bytes[given.start] !== OPEN_BRACE) throw new DrawbridgeError('invalid_params', 'params._meta is no object');
    replacements.push(...setMembers(bytes, given.start, meta), ...setMembers(bytes, params.start, added));
  }
  return splice(request, replacements);
}

/** The text of an object with these members. */
export function objectOf(list: readonly Member[]): string {
  return `{${list.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}

/** What gives the object that opens at `at` these members; those that it has get their new value in their place. */
function setMembers(bytes: Buffer, at: number, list: readonly Member[]): Replacement[] {
  const replacements: Replacement[] = [];
  const lacking: Member[] = [];
  for (const member of list) {
    const there = objectMember(bytes, at, member[0]);
    if (there === undefined) lacking.push(member);
    else replacements.push({ at: there, text: member[1] });
  }
  if (lacking.length === 0) return replacements;
  let count = 0;
  members(bytes, at, () => count++);
  const text = objectOf(lacking).slice(1, -1) + (count === 0 ? '' : ',');
  return [...replacements, { at: { start: at + 1, end: at + 1 }, text }];
}

function objectMember(bytes: Buffer, at: number, name: string): Range | undefined {
  const found = soleMember(bytes, at, name);
  if (found === AMBIGUOUS) throw new DrawbridgeError('invalid_request', `${name} occurs twice`);
  return found;
}
