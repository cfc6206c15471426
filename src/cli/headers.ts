import { usageError } from './report.ts';

const NAME_AND_VALUE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/s;
const UNSENDABLE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;

/** `Name: value` pairs as given with `option`. Throws `usage` without quoting a value. */
export function parseHeaders(
  pairs: readonly string[],
  option: '--header' | '--upstream-header',
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, pair] of pairs.entries()) {
    const [, name, value] = NAME_AND_VALUE.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw usageError(`${option} takes a name, a colon and a value`, {
        why: pairs.length === 1 ? 'what it was given is not that' : `number ${index + 1} of them is not that`,
        hint: `Such as ${option} "Authorization:Bearer …"`,
      });
    }
    if (value.trim() === '') {
      throw usageError(`the header ${name} has no value`, {
        why: 'nothing follows the colon: a shell splits at spaces, and a variable may not be set',
        hint: `Quote it as one: ${option} "${name}:…"`,
      });
    }
    if (UNSENDABLE.test(value)) {
      throw usageError(`the header ${name} cannot be sent`, {
        why: 'its value has a line break or another character that HTTP does not allow',
        hint: `Correct the value given with ${option}.`,
      });
    }
    headers[name] = value;
  }
  return headers;
}

/** What must not be shown of them: each value, and what follows the scheme of a credential. */
export function secretsOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/).slice(1)]);
}
