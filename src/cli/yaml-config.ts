import { isAlias, isMap, isScalar, LineCounter, parseAllDocuments, visit } from 'yaml';
import { asObject, type ConfigParser } from '../config/config-file.ts';
import { DrawbridgeError } from '../errors.ts';

const MAX_CONFIG_CHARS = 1024 * 1024;

/**
 * Reads YAML 1.2, and with it JSON, into one object, and knows line and column of each key. Throws `config` naming the
 * place, for what is no YAML, for a key that occurs twice, for aliases and for more than one document; no value is quoted.
 */
export const parseYamlConfig: ConfigParser = (text, path, what = 'the configuration file') => {
  const broken = (place: string, why: string): DrawbridgeError =>
    new DrawbridgeError('config', `${what} cannot be used at ${place}`, {
      why,
      hint: 'Look there, and at the line before.',
    });
  if (text.length > MAX_CONFIG_CHARS) throw broken(path, `it is longer than ${MAX_CONFIG_CHARS} characters`);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (!Array.isArray(documents) || documents.length === 0) return { content: {}, placeOf: () => path };
  const [document, second] = documents;
  if (document === undefined) return { content: {}, placeOf: () => path };
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) throw broken(placeAt(fault.pos[0]), REASONS[fault.code] ?? 'it is not YAML');
  if (second !== undefined) throw broken(placeAt(second.range[0]), 'there is a second document');
  visit(document, {
    Alias: (_key, node) => {
      throw broken(placeAt(node.range?.[0] ?? 0), 'an alias is not taken; write the value again');
    },
  });
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { content: {}, placeOf: () => path };
  const places = new Map<string, string>();
  if (isMap(contents)) {
    for (const { key } of contents.items) {
      if (!isScalar(key) || isAlias(key)) throw broken(path, 'a key is not a text');
      places.set(String(key.value), placeAt(key.range?.[0] ?? 0));
    }
  }
  const content = asObject(document.toJS({ maxAliasCount: 0 }), path, what, 'an object of options');
  return { content, placeOf: (key) => places.get(key) ?? path };
};

const REASONS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'the key occurs twice',
  TAB_AS_INDENT: 'a tab is used to indent; YAML wants spaces',
  BAD_INDENT: 'the indentation is wrong',
  MISSING_CHAR: 'a quote, bracket or colon is missing',
};
