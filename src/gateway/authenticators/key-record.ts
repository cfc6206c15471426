import { parseRate } from '../limits/rate.ts';
import type { KeyRecord } from './key-file.ts';

/** Throws, with what follows `keys[3]` in the message. */
export type Fail = (why: string) => never;

const MEMBERS = ['name', 'hash', 'created', 'expires', 'scopes', 'tools', 'limitCalls', 'previous'];
const HASH = /^sha256:[0-9a-f]{64}$/;
/** ISO 8601 with a zone: a time that means another moment on another machine is none. */
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;
/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;
const TOOL = /^[\x21-\x7e]{1,128}$/;
const MAX_ENTRIES = 1000;

/** Whether a text is a time that a key can end at; a date alone is its midnight in UTC. */
export function isTime(text: unknown): text is string {
  return typeof text === 'string' && TIME.test(text) && !Number.isNaN(Date.parse(text));
}

export function isScope(text: unknown): text is string {
  return typeof text === 'string' && SCOPE.test(text);
}

/** Whether a text is the name of a tool, in which `*` may stand for any characters. */
export function isToolPattern(text: unknown): text is string {
  return typeof text === 'string' && TOOL.test(text);
}

/** What stands for one key in a file, each member checked and no other let through. */
export function readKeyRecord(entry: Readonly<Record<string, unknown>>, name: string, fail: Fail): KeyRecord {
  refuseUnknown(entry, MEMBERS, name, fail);
  const { hash, created, expires, scopes, tools, limitCalls, previous } = entry;
  if (!isHash(hash)) return fail(`.hash of "${name}" is not sha256:<64 hex digits>`);
  if (expires !== undefined && !isTime(expires))
    return fail(`.expires of "${name}" is not a time such as 2030-01-31T00:00:00Z`);
  if (limitCalls !== undefined) {
    try {
      parseRate(limitCalls as string, 'limitCalls');
    } catch {
      return fail(`.limitCalls of "${name}" is not a rate such as "5r/m burst=10"`);
    }
  }
  return {
    name,
    hash,
    created: typeof created === 'string' ? created : '',
    ...(expires === undefined ? {} : { expires }),
    ...(scopes === undefined ? {} : { scopes: readList(scopes, isScope, `.scopes of "${name}"`, fail) }),
    ...(tools === undefined ? {} : { tools: readTools(tools, name, fail) }),
    ...(limitCalls === undefined ? {} : { limitCalls: limitCalls as string | number }),
    ...(previous === undefined ? {} : { previous: readPrevious(previous, name, fail) }),
  };
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value);
}

function readTools(value: unknown, name: string, fail: Fail): NonNullable<KeyRecord['tools']> {
  if (!isObject(value)) return fail(`.tools of "${name}" is not an object with allow, deny or both`);
  refuseUnknown(value, ['allow', 'deny'], name, fail, '.tools');
  const { allow, deny } = value;
  return {
    ...(allow === undefined ? {} : { allow: readList(allow, isToolPattern, `.tools.allow of "${name}"`, fail) }),
    ...(deny === undefined ? {} : { deny: readList(deny, isToolPattern, `.tools.deny of "${name}"`, fail) }),
  };
}

function readPrevious(value: unknown, name: string, fail: Fail): NonNullable<KeyRecord['previous']> {
  if (!isObject(value)) return fail(`.previous of "${name}" is not an object`);
  refuseUnknown(value, ['hash', 'expires'], name, fail, '.previous');
  const { hash, expires } = value;
  if (!isHash(hash) || !isTime(expires)) return fail(`.previous of "${name}" has no hash and time of its end`);
  return { hash, expires };
}

function readList(
  value: unknown,
  isEntry: (entry: unknown) => entry is string,
  where: string,
  fail: Fail,
): readonly string[] {
  if (Array.isArray(value) && value.length <= MAX_ENTRIES && value.every(isEntry)) return value;
  return fail(`${where} is not a list of at most ${MAX_ENTRIES} names`);
}

function refuseUnknown(
  entry: Readonly<Record<string, unknown>>,
  members: readonly string[],
  name: string,
  fail: Fail,
  where = '',
): void {
  const unknown = Object.keys(entry).find((member) => !members.includes(member));
  if (unknown !== undefined)
    fail(`${where} of "${name}" has the unknown member ${JSON.stringify(unknown.slice(0, 60))}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
