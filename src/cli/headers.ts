import { readTextFile } from './read-file.ts';
import { usageError } from './report.ts';
import { expandVariables } from './variables.ts';

const NAME_AND_VALUE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/s;
const UNSENDABLE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;
/** The first word of a credential, which is none without a second. */
const SCHEME_ALONE = /^(bearer|basic|token|apikey|digest)$/i;

export interface HeaderSource {
  /** Where they are given, such as `--header`, `DRAWBRIDGE_HEADER` or the path of a file. */
  readonly where: string;
  /** They are the lines of a file: empty ones and those that begin with # are none. */
  readonly isFile?: boolean;
  /** `${NAME}` in a value is taken from there. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** `Name: value` pairs; of two with the same name the later counts. Throws `usage` without quoting a value. */
export function parseHeaders(pairs: readonly string[], source: HeaderSource): Record<string, string> {
  const { where, isFile, env } = source;
  const headers = new Map<string, [name: string, value: string]>();
  for (const [index, pair] of pairs.entries()) {
    if (isFile && /^\s*(#|$)/.test(pair)) continue;
    const [, name, raw] = NAME_AND_VALUE.exec(pair.trim()) ?? [];
    if (name === undefined || raw === undefined) throw notAPair(source, index, pairs.length);
    const value = env === undefined ? raw : expandVariables(raw, env, `the header ${name} in ${where}`);
    if (value.trim() === '' || SCHEME_ALONE.test(value.trim())) {
      throw usageError(`the header ${name} has no ${value.trim() === '' ? 'value' : 'credential'}`, {
        why: `nothing follows the ${value.trim() === '' ? 'colon' : 'scheme'}: a shell splits at spaces, and a variable may not be set`,
        hint: isFile ? `Complete it in ${where}.` : `Quote it as one: ${where} "${name}:…"`,
      });
    }
    if (UNSENDABLE.test(value)) {
      throw usageError(`the header ${name} cannot be sent`, {
        why: 'its value has a line break or another character that HTTP does not allow',
        hint: `Correct the value given with ${where}.`,
      });
    }
    headers.set(name.toLowerCase(), [name, value.trim()]);
  }
  return Object.fromEntries(headers.values());
}

/** The later sets win, whatever the case of the names. */
function mergeHeaders(sets: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const entries = sets.flatMap((headers) => Object.entries(headers));
  return Object.fromEntries(new Map(entries.map((entry) => [entry[0].toLowerCase(), entry])).values());
}

function notAPair({ where, isFile }: HeaderSource, index: number, count: number): Error {
  if (isFile) {
    return usageError(`${where} has a line that is no header`, {
      why: `line ${index + 1} is not a name, a colon and a value`,
      hint: 'Write lines such as Authorization: Bearer …, and # before comments.',
    });
  }
  return usageError(`${where} takes a name, a colon and a value`, {
    why: count === 1 ? 'what it was given is not that' : `number ${index + 1} of them is not that`,
    hint: `Such as ${where} "Authorization:Bearer …"`,
  });
}

/** What `--header` and `--header-file` give. Files come first, so that what is said more directly counts. */
export function readGivenHeaders(
  given: { readonly header?: readonly string[]; readonly 'header-file'?: readonly string[] },
  origins: ReadonlyMap<string, string>,
  env: NonNullable<HeaderSource['env']>,
): Record<string, string> {
  const files = (given['header-file'] ?? []).map((path) => {
    const text = readTextFile(path, origins.get('header-file') ?? '--header-file').replace(/^\ufeff/, '');
    return parseHeaders(text.split(/\r\n|\r|\n/), { where: path, isFile: true, env });
  });
  const direct = parseHeaders(given.header ?? [], { where: origins.get('header') ?? '--header', env });
  return mergeHeaders([...files, direct]);
}
