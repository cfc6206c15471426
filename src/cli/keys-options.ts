import type { Option, OptionValues } from '../config/option.ts';
import type { KeyRecord } from '../gateway/authenticators/key-file.ts';
import { isScope, isTime, isToolPattern } from '../gateway/authenticators/key-record.ts';
import { parseRate } from '../gateway/limits/rate.ts';
import { usageError } from './report.ts';

/** What a new key may be given besides its name. */
const KEY_RECORD_OPTIONS = [
  {
    name: 'expires',
    kind: 'text',
    value: 'time',
    hasNoTwin: true,
    help: 'When a new key ends: 90d, 12h, or an ISO 8601 time',
  },
  { name: 'scope', kind: 'list', value: 'name', hasNoTwin: true, help: 'A scope that a new key has; repeatable' },
  {
    name: 'allow-tool',
    kind: 'list',
    value: 'pattern',
    hasNoTwin: true,
    help: 'A tool that a new key may call, * for any characters; repeatable (default all)',
  },
  {
    name: 'deny-tool',
    kind: 'list',
    value: 'pattern',
    hasNoTwin: true,
    help: 'A tool that a new key may not call; repeatable',
  },
  {
    name: 'limit-calls',
    kind: 'text',
    value: 'rate',
    hasNoTwin: true,
    help: 'Tool calls of a new key, such as "5r/m burst=10", in place of the gateway’s own limit',
  },
] as const satisfies readonly Option[];

/** The options of `mcp-drawbridge keys`. */
export const KEYS_OPTIONS = [
  { name: 'key-file', kind: 'text', value: 'file', default: 'keys.json', help: 'The file of access keys' },
  ...KEY_RECORD_OPTIONS,
  {
    name: 'grace',
    kind: 'text',
    value: 'time',
    hasNoTwin: true,
    help: 'How long the old key stays valid besides the new one after rotate: 24h (default not at all)',
  },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: 'Show this text' },
] as const satisfies readonly Option[];

type Values = OptionValues<typeof KEY_RECORD_OPTIONS>;

const DURATION = /^(\d{1,5})([mhdw])$/;
const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** The part of a key's record that the options say; throws `usage` naming the option. */
export function readKeyRecordOptions(values: Values): Omit<KeyRecord, 'name' | 'hash' | 'created'> {
  const { expires, scope, 'allow-tool': allow, 'deny-tool': deny, 'limit-calls': limitCalls } = values;
  checkEach(scope, isScope, '--scope', 'a scope: printable ASCII without spaces, quotes and backslashes');
  checkEach(allow, isToolPattern, '--allow-tool', 'the name of a tool');
  checkEach(deny, isToolPattern, '--deny-tool', 'the name of a tool');
  if (limitCalls !== undefined) parseRate(limitCalls, '--limit-calls');
  const tools = { ...(allow === undefined ? {} : { allow }), ...(deny === undefined ? {} : { deny }) };
  return {
    ...(expires === undefined ? {} : { expires: readEnd(expires, '--expires') }),
    ...(scope === undefined ? {} : { scopes: scope }),
    ...(allow === undefined && deny === undefined ? {} : { tools }),
    ...(limitCalls === undefined ? {} : { limitCalls }),
  };
}

/** `90d` from now, or a time, as ISO 8601; throws `usage` for what is neither or has passed already. */
export function readEnd(text: string, name: string): string {
  const [, count, unit] = DURATION.exec(text) ?? [];
  const end =
    count !== undefined
      ? Date.now() + Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
      : isTime(text)
        ? Date.parse(text)
        : Number.NaN;
  if (end > Date.now()) return new Date(end).toISOString();
  throw usageError(`${name} must be a time to come`, {
    why: `${JSON.stringify(text.slice(0, 60))} is ${Number.isNaN(end) ? 'none' : 'none any more'}`,
    hint: `Such as ${name} 90d, 12h, 30m, or 2030-01-31T00:00:00Z`,
  });
}

function checkEach(
  list: readonly string[] | undefined,
  isEntry: (text: unknown) => boolean,
  name: string,
  what: string,
): void {
  const wrong = list?.find((entry) => !isEntry(entry));
  if (wrong !== undefined) throw usageError(`${name} ${JSON.stringify(wrong.slice(0, 60))} is not ${what}`);
}
