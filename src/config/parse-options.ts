import { DrawbridgeError } from '../errors.ts';
import { environmentName, type Option, type OptionValues } from './option.ts';

export interface OptionSources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads the file that a `_FILE` variable names. */
  readonly readFile: (path: string) => string;
}

export interface ParsedOptions<T extends readonly Option[]> {
  readonly values: OptionValues<T>;
  readonly positionals: readonly string[];
  /** What followed `--`; undefined where there was no `--`. */
  readonly rest: readonly string[] | undefined;
}

/**
 * Reads options from the command line (`--name value` or `--name=value`, in any order) and, for those not given there,
 * from the environment. Throws `usage`, naming the option and where it came from.
 */
export function parseOptions<const T extends readonly Option[]>(table: T, sources: OptionSources): ParsedOptions<T> {
  const values = new Map<string, unknown>();
  const positionals: string[] = [];
  let rest: string[] | undefined;
  const { args } = sources;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === '--') {
      rest = args.slice(index + 1);
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const given = equals === -1 ? arg : arg.slice(0, equals);
    const option = findOption(table, given);
    const name = `--${option.name}`;
    if (option.kind === 'flag') {
      if (equals !== -1) {
        throw new DrawbridgeError('usage', `${name} takes no value`, { hint: `Write ${name} alone.` });
      }
      values.set(option.name, true);
      continue;
    }
    const text = equals === -1 ? args[++index] : arg.slice(equals + 1);
    if (text === undefined || (equals === -1 && text.startsWith('--'))) {
      throw new DrawbridgeError('usage', `${name} needs a value`, {
        why: text === undefined ? 'nothing follows it' : 'another option follows it',
        hint: `Such as ${name} ${option.choices?.[0] ?? (option.kind === 'integer' ? (option.default ?? 1) : `<${option.value}>`)}`,
      });
    }
    put(values, option, text, name);
  }
  for (const option of table) addFromEnvironment(values, option, sources);
  return { values: Object.fromEntries(values) as OptionValues<T>, positionals, rest };
}

function findOption(table: readonly Option[], given: string): Option {
  const found = table.find(
    ({ name, short }) => given === `--${name}` || (short !== undefined && given === `-${short}`),
  );
  if (found !== undefined) return found;
  const names = table.map(({ name }) => `--${name}`);
  const nearest = nearestName(given, names);
  throw new DrawbridgeError('usage', `unknown option '${clip(given)}'`, {
    ...(nearest === undefined ? {} : { hint: `Did you mean '${nearest}'?` }),
  });
}

function addFromEnvironment(values: Map<string, unknown>, option: Option, { env, readFile }: OptionSources): void {
  if (!values.has(option.name) && option.hasNoTwin !== true) {
    const name = environmentName(option);
    const text = env[name];
    const path = option.isSecret ? env[`${name}_FILE`] : undefined;
    if (text !== undefined && text !== '') putFromEnvironment(values, option, text, name);
    else if (path !== undefined && path !== '')
      putFromEnvironment(values, option, readSecret(path, `${name}_FILE`, readFile), `${name}_FILE`);
  }
  if (!values.has(option.name) && option.default !== undefined) values.set(option.name, option.default);
}

function putFromEnvironment(values: Map<string, unknown>, option: Option, text: string, name: string): void {
  if (option.kind === 'flag') {
    if (!['1', 'true', '0', 'false'].includes(text)) {
      throw new DrawbridgeError('usage', `${name} must be 1 or 0`, {
        why: `${JSON.stringify(clip(text))} is neither`,
        hint: `Correct it, or give --${option.name} itself.`,
      });
    }
    if (text === '1' || text === 'true') values.set(option.name, true);
  } else if (option.kind === 'list') {
    for (const line of text.split('\n')) if (line.trim() !== '') put(values, option, line.trim(), name);
  } else put(values, option, text, name);
}

function readSecret(path: string, name: string, readFile: (path: string) => string): string {
  try {
    return readFile(path).trimEnd();
  } catch (thrown) {
    const why = (thrown as NodeJS.ErrnoException).code ?? (thrown as Error).message;
    throw new DrawbridgeError('config', `cannot read ${path}`, { why: `${why}; it is named in ${name}` });
  }
}

/** `where` is what the value is blamed on; the value itself is quoted only where it cannot be a secret. */
function put(values: Map<string, unknown>, option: Option, text: string, where: string): void {
  const quoted = option.isSecret ? 'it' : JSON.stringify(clip(text));
  switch (option.kind) {
    case 'list':
      values.set(option.name, [...((values.get(option.name) as string[] | undefined) ?? []), text]);
      return;
    case 'integer': {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
      const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!(number >= min && number <= max)) {
        throw new DrawbridgeError('usage', `${where} must be a whole number from ${min} to ${max}`, {
          why: `${quoted} is not`,
        });
      }
      values.set(option.name, number);
      return;
    }
    case 'choice':
      if (!option.choices?.includes(text)) {
        throw new DrawbridgeError('usage', `${where} must be one of ${option.choices?.join(', ')}`, {
          why: `${quoted} is not`,
        });
      }
      values.set(option.name, text);
      return;
    default:
      if (text === '')
        throw new DrawbridgeError('usage', `${where} must not be empty`, {
          hint: `Such as ${where} <${option.value}>`,
        });
      values.set(option.name, text);
  }
}

/** The name that differs least, if it differs in no more than a third of its letters. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(given.slice(0, 64), name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest !== undefined && least <= Math.max(2, nearest.length / 3) ? nearest : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_value, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
