import { DrawbridgeError } from '../errors.ts';
import { addFromConfigFile, type ConfigParser, parseJson, readGroup } from './config-file.ts';
import { nearestName } from './nearest-name.ts';
import { environmentName, type Option, type OptionValues } from './option.ts';
import { clip, OptionReader } from './option-reader.ts';

export interface OptionSources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads the configuration file, and what a `_FILE` variable names. */
  readonly readFile: (path: string) => string;
  /** Reads the configuration file's text; JSON unless given. */
  readonly parseConfig?: ConfigParser;
}

export interface ParsedOptions<T extends readonly Option[]> {
  readonly values: OptionValues<T>;
  /** Where each value was given, by the option's name: `--header`, `DRAWBRIDGE_HEADER`, `"header" in <file>`. */
  readonly origins: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
  /** What followed `--`; undefined where there was no `--`. */
  readonly rest: readonly string[] | undefined;
}

/**
 * Reads options from the command line (`--name value` or `--name=value`, in any order); those not given there from the
 * environment; then from the configuration file, where the table has an option that names one. Throws `usage` or
 * `config`, naming the option and where it came from.
 */
export function parseOptions<const T extends readonly Option[]>(table: T, sources: OptionSources): ParsedOptions<T> {
  const reader = new OptionReader(table);
  const { positionals, rest } = addFromArguments(reader, table, sources);
  const given = new Set(reader.values.keys());
  for (const option of table) {
    // A list of the command line takes the place of the environment's; it is not added to.
    if (!given.has(option.name)) addFromEnvironment(reader, table, option, sources);
  }
  addFromConfigFile(reader, table, sources.readFile, sources.parseConfig);
  reader.addDefaults();
  return {
    values: Object.fromEntries(reader.values) as OptionValues<T>,
    origins: reader.origins,
    positionals,
    rest,
  };
}

function addFromArguments(
  reader: OptionReader,
  table: readonly Option[],
  { args, parseConfig }: OptionSources,
): { positionals: string[]; rest: string[] | undefined } {
  const positionals: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === '--') return { positionals, rest: args.slice(index + 1) };
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const option = findOption(table, equals === -1 ? arg : arg.slice(0, equals));
    const name = `--${option.name}`;
    if (option.kind === 'flag') {
      if (equals !== -1) {
        throw new DrawbridgeError('usage', `${name} takes no value`, { hint: `Write ${name} alone.` });
      }
      reader.putFlag(option, true, name);
      continue;
    }
    const text = equals === -1 ? args[++index] : arg.slice(equals + 1);
    if (text === undefined || (equals === -1 && text.startsWith('--'))) {
      throw new DrawbridgeError('usage', `${name} needs a value`, {
        why: text === undefined ? 'nothing follows it' : 'another option follows it',
        hint: `Such as ${name} ${exampleOf(option)}`,
      });
    }
    putText(reader, option, text, name, parseConfig);
  }
  return { positionals, rest: undefined };
}

function exampleOf(option: Option): string {
  if (option.choices !== undefined) return option.choices[0]!;
  if (option.kind === 'integer' || option.kind === 'seconds') return String(option.default ?? 1);
  return `<${option.value}>`;
}

function findOption(table: readonly Option[], given: string): Option {
  const named = table.filter(({ isArgument }) => isArgument !== true);
  const found = named.find(
    ({ name, short }) => given === `--${name}` || (short !== undefined && given === `-${short}`),
  );
  if (found !== undefined) return found;
  const nearest = nearestName(
    given,
    named.map(({ name }) => `--${name}`),
  );
  throw new DrawbridgeError('usage', `unknown option '${clip(given)}'`, {
    ...(nearest === undefined ? {} : { hint: `Did you mean '${nearest}'?` }),
  });
}

function addFromEnvironment(
  reader: OptionReader,
  table: readonly Option[],
  option: Option,
  { env, readFile, parseConfig }: OptionSources,
): void {
  if (option.hasNoTwin === true) return;
  const name = environmentName(option);
  const text = env[name];
  if (text !== undefined && text !== '') {
    putFromEnvironment(reader, option, text, name, parseConfig);
    return;
  }
  const fileName = `${name}_FILE`;
  const path = option.isSecret ? env[fileName] : undefined;
  if (path === undefined || path === '') return;
  // `--header-file` has a twin of its own, which is what the file of a secret `--header` would be called.
  if (table.some((other) => environmentName(other) === fileName)) return;
  putFromEnvironment(reader, option, readSecret(path, fileName, readFile), fileName, parseConfig);
}

function putText(reader: OptionReader, option: Option, text: string, where: string, parse?: ConfigParser): void {
  if (option.kind !== 'group') reader.put(option, text, where);
  else {
    const { content } = (parse ?? parseJson)(text, where, 'the object');
    reader.putValue(option, () => readGroup(option, content, where, ''), where);
  }
}

function putFromEnvironment(
  reader: OptionReader,
  option: Option,
  text: string,
  name: string,
  parse: ConfigParser | undefined,
): void {
  if (option.kind === 'flag') {
    if (!['1', 'true', '0', 'false'].includes(text)) {
      throw new DrawbridgeError('usage', `${name} must be 1 or 0`, {
        why: `${JSON.stringify(clip(text))} is neither`,
        hint: `Correct it, or give --${option.name} itself.`,
      });
    }
    reader.putFlag(option, text === '1' || text === 'true', name);
  } else if (option.kind === 'list') {
    for (const line of text.split('\n')) if (line.trim() !== '') reader.put(option, line.trim(), name);
  } else putText(reader, option, text, name, parse);
}

function readSecret(path: string, name: string, readFile: (path: string) => string): string {
  try {
    return readFile(path).trimEnd();
  } catch (thrown) {
    const why = (thrown as NodeJS.ErrnoException).code ?? (thrown as Error).message;
    throw new DrawbridgeError('config', `cannot read ${path}`, { why: `${why}; it is named in ${name}` });
  }
}
