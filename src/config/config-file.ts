import { dirname, isAbsolute, join } from 'node:path';
import { DrawbridgeError } from '../errors.ts';
import { nearestName } from './nearest-name.ts';
import { type Option, optionsOfFiles, propertyName } from './option.ts';
import { OptionReader } from './option-reader.ts';

/** A configuration file that was read: its top-level object, and where in the file each of its keys stands. */
export interface ConfigContent {
  readonly content: Record<string, unknown>;
  /** The file, and line and column where they are known: `drawbridge.yaml:3:1`. */
  placeOf(key: string): string;
}

/** Reads a text, such as that of a configuration file, which errors call `what`. Throws `config` without quoting a value. */
export type ConfigParser = (text: string, path: string, what?: string) => ConfigContent;

/**
 * Adds what the configuration file has of options that nothing more important has given. Throws `config`, naming the
 * file and the key; no value is quoted that may be a secret.
 */
export function addFromConfigFile(
  reader: OptionReader,
  table: readonly Option[],
  readFile: (path: string) => string,
  parse: ConfigParser = parseJson,
): void {
  const naming = table.find(({ isConfigFile }) => isConfigFile === true);
  const path = naming === undefined ? undefined : reader.values.get(naming.name);
  if (naming === undefined || typeof path !== 'string') return;
  const text = readConfigText(path, reader.origins.get(naming.name) ?? `--${naming.name}`, readFile);
  addFromContent(reader, table, parse(text, path), dirname(path));
}

/** Relative paths start at `folder`. */
function addFromContent(
  reader: OptionReader,
  table: readonly Option[],
  { content, placeOf }: ConfigContent,
  folder: string,
): void {
  const options = new Map(optionsOfFiles(table).flatMap((option) => keysOf(option).map((key) => [key, option])));
  const seen = new Map<Option, string>();
  const isGiven = new Set(reader.values.keys());
  for (const key of Object.keys(content)) {
    // For editors, which check the file by the schema that it names.
    if (key === '$schema') continue;
    const option = options.get(key);
    if (option === undefined) throw unknownKey(key, [...options.values()], placeOf(key));
    if (seen.has(option)) {
      throw new DrawbridgeError('config', `"${seen.get(option)}" and "${key}" in ${placeOf(key)} are the same option`, {
        hint: 'Leave one of the two out.',
      });
    }
    seen.set(option, key);
  }
  // In the order of the table, so that it means the same whatever the order in the file.
  for (const option of table) {
    const key = seen.get(option);
    if (key === undefined) continue;
    const where = `"${key}" in ${placeOf(key)}`;
    if (option.kind === 'group') {
      const group = readGroup(option, content[key], where, folder);
      reader.putValue(option, () => group, where);
      continue;
    }
    const texts = readValue(option, content[key], where, folder);
    if (isGiven.has(option.name)) continue;
    if (option.kind === 'flag') reader.putFlag(option, content[key] === true, where);
    else for (const text of texts) reader.put(option, text, where);
  }
}

/** The values of each object of a group, by its name. Throws `config`, naming the object and what is wrong with it. */
export function readGroup(
  { members = [], memberNames, value }: Option,
  group: unknown,
  where: string,
  folder: string,
): Record<string, unknown> {
  if (!isObject(group)) throw wrongKind(where, 'an object of objects', group);
  const entries = Object.entries(group).map(([name, content]) => {
    const place = `${JSON.stringify(name.slice(0, 60))} of ${where}`;
    if (memberNames !== undefined) checkName(name, memberNames, place);
    if (!isObject(content)) throw wrongKind(place, `an ${value}`, content);
    const reader = new OptionReader(members);
    addFromContent(reader, members, { content, placeOf: () => place }, folder);
    reader.addDefaults();
    return [name, Object.fromEntries(reader.values)] as const;
  });
  return Object.fromEntries(entries);
}

function checkName(name: string, { pattern, taken }: NonNullable<Option['memberNames']>, place: string): void {
  if (pattern.test(name) && !taken.includes(name)) return;
  throw new DrawbridgeError('config', `the name ${place} cannot be used`, {
    why: taken.includes(name) ? 'it has a use already' : `it does not match ${pattern.source}`,
    hint: 'Use letters, digits, - and _, such as "db".',
  });
}

function keysOf(option: Option): string[] {
  const property = propertyName(option);
  return property === option.name ? [property] : [property, option.name];
}

function readConfigText(path: string, origin: string, readFile: (path: string) => string): string {
  try {
    // A byte order mark is what some editors on Windows begin a file with.
    return readFile(path).replace(/^\ufeff/, '');
  } catch (thrown) {
    const why = (thrown as NodeJS.ErrnoException).code ?? (thrown as Error).message;
    throw new DrawbridgeError('config', `cannot read the configuration file ${path}`, {
      why: `${why}; it is named with ${origin}`,
    });
  }
}

/** JSON alone. */
export const parseJson: ConfigParser = (text, path, what = 'the configuration file') => {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (thrown) {
    // The message may quote the text, which may be a secret.
    const position = / at position \d+.*$/.exec((thrown as Error).message)?.[0] ?? '';
    throw new DrawbridgeError('config', `${what} ${path} cannot be used`, {
      why: `it is not JSON${position}`,
      hint: 'Look for a missing quote, a comma after the last entry, a comment.',
    });
  }
  return { content: asObject(content, path, what, 'a JSON object'), placeOf: () => path };
};

/** Throws `config` where the text holds something else than an object. */
export function asObject(content: unknown, path: string, what: string, kind: string): Record<string, unknown> {
  if (isObject(content)) return content;
  throw new DrawbridgeError('config', `${what} ${path} must be ${kind}`, {
    why: `it is ${kindOf(content)}`,
    hint: 'Such as { "url": "http://127.0.0.1:8000/sse" }',
  });
}

function unknownKey(key: string, options: readonly Option[], path: string): DrawbridgeError {
  const nearest = nearestName(key, options.flatMap(keysOf));
  return new DrawbridgeError('config', `unknown key ${JSON.stringify(key.slice(0, 60))} in ${path}`, {
    hint: nearest === undefined ? 'Keys are the names of options, as --help lists them.' : `Did you mean "${nearest}"?`,
  });
}

/** The value as the texts that the command line would have; throws where its kind is another. */
function readValue(option: Option, value: unknown, where: string, folder: string): string[] {
  const expect = (isRight: boolean, kind: string): void => {
    if (!isRight) throw wrongKind(where, kind, value);
  };
  switch (option.kind) {
    case 'flag':
      expect(typeof value === 'boolean', 'true or false');
      return [];
    case 'integer':
    case 'seconds':
      expect(typeof value === 'number', 'a number');
      return [String(value)];
    case 'list': {
      if (option.mayBeOne && typeof value === 'string') return [option.isPath ? fromFolder(folder, value) : value];
      const isPairs = option.separator !== undefined && isObject(value);
      const list = isPairs ? Object.values(value).map((entry) => rateText(option, entry)) : value;
      const others = option.separator === undefined ? '' : 'an object of texts or ';
      const kind = `${option.mayBeOne ? 'a text or ' : others}a list of texts`;
      expect(Array.isArray(list) && list.every((entry) => typeof entry === 'string'), kind);
      if (isPairs) return Object.entries(value).map(([name, text]) => `${name}${option.separator}${text}`);
      return (value as string[]).map((text) => (option.isPath ? fromFolder(folder, text) : text));
    }
    default: {
      if (option.isJson && isObject(value)) return [JSON.stringify(value)];
      // 600 a minute, TLS 1.2, family 4.
      const isNumber = typeof value === 'number' && (option.isRate || option.choices?.includes(String(value)));
      if (isNumber) return [String(value)];
      expect(typeof value === 'string', textKindOf(option));
      return [localText(option, value as string, folder)];
    }
  }
}

function wrongKind(where: string, kind: string, value: unknown): DrawbridgeError {
  return new DrawbridgeError('config', `${where} must be ${kind}`, { why: `it is ${kindOf(value)}` });
}

function rateText(option: Option, value: unknown): unknown {
  return option.isRate && typeof value === 'number' ? String(value) : value;
}

function textKindOf({ isJson, choices }: Option): string {
  if (choices !== undefined) return `one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`;
  return isJson ? 'an object or a text' : 'a text';
}

function localText(option: Option, text: string, folder: string): string {
  if (option.isPath) return fromFolder(folder, text);
  return option.isJson && text.startsWith('@') ? `@${fromFolder(folder, text.slice(1))}` : text;
}

/** A path that begins with `~` is the home folder's, whatever folder it stands in. */
function fromFolder(folder: string, path: string): string {
  return path === '' || path.startsWith('~') || isAbsolute(path) ? path : join(folder, path);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** In words, since the value itself may be a secret. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) {
    const other = value.findIndex((entry) => typeof entry !== 'string');
    return other === -1 ? 'a list' : `a list, of which number ${other + 1} is ${kindOf(value[other])}`;
  }
  if (typeof value === 'object') {
    const other = Object.entries(value).find(([, entry]) => typeof entry !== 'string');
    return other === undefined ? 'an object' : `an object, of which "${other[0]}" is ${kindOf(other[1])}`;
  }
  return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
}
