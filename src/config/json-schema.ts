import { type Option, optionsOfFiles, propertyName } from './option.ts';

/** The JSON Schema (2020-12) of an object with these options as properties, for editors and for `createGateway`. */
export function jsonSchema(
  table: readonly Option[],
  title: string,
  required: readonly string[] = [],
): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title,
    type: 'object',
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(table.map((option) => [propertyName(option), propertySchema(option)])),
  };
}

/** The JSON Schema of a configuration file: the same, which may name its schema and has names as on the command line too. */
export function fileSchema(table: readonly Option[], title: string): Record<string, unknown> {
  const options = optionsOfFiles(table);
  const schema = jsonSchema(options, title);
  const dashed = options.filter((option) => propertyName(option) !== option.name);
  return {
    ...schema,
    properties: {
      $schema: { type: 'string' },
      ...(schema['properties'] as object),
      ...Object.fromEntries(dashed.map((option) => [option.name, propertySchema(option)])),
    },
  };
}

/** So many a minute, or as `parseRate` of the gateway reads it. */
const RATE = {
  anyOf: [
    { type: 'integer', minimum: 1 },
    { type: 'string', minLength: 1 },
  ],
};
const TEXTS = { type: 'array', items: { type: 'string' } };

function propertySchema(option: Option): Record<string, unknown> {
  const common = {
    description: option.help,
    ...(option.default === undefined ? {} : { default: option.default }),
  };
  switch (option.kind) {
    case 'integer':
    case 'seconds':
      return {
        type: option.kind === 'integer' ? 'integer' : 'number',
        minimum: option.min ?? 0,
        ...(option.max === undefined ? {} : { maximum: option.max }),
        ...common,
      };
    case 'flag':
      return { type: 'boolean', ...common };
    case 'choice':
      return { enum: [...(option.choices ?? []), ...numbersAmong(option.choices ?? [])], ...common };
    case 'group':
      return { ...groupSchema(option), ...common };
    case 'list':
      if (option.mayBeOne) return { anyOf: [{ type: 'string', minLength: 1 }, TEXTS], ...common };
      if (option.separator === undefined) return { ...TEXTS, ...common };
      return {
        anyOf: [{ type: 'object', additionalProperties: option.isRate ? RATE : { type: 'string' } }, TEXTS],
        ...common,
      };
    default: {
      if (option.isRate) return { ...RATE, ...common };
      const text = option.mayBeEmpty ? { type: 'string' } : { type: 'string', minLength: 1 };
      return option.isJson ? { anyOf: [{ type: 'object' }, text], ...common } : { ...text, ...common };
    }
  }
}

function groupSchema({ members = [], memberNames }: Option): Record<string, unknown> {
  const { $schema, title, ...member } = fileSchema(members, '');
  const { $schema: _named, ...properties } = member['properties'] as Record<string, unknown>;
  const names = { pattern: memberNames?.pattern.source, not: { enum: memberNames?.taken } };
  return {
    type: 'object',
    ...(memberNames === undefined ? {} : { propertyNames: names }),
    additionalProperties: { ...member, properties },
  };
}

/** YAML reads 1.2 and 4 as numbers, and so may they stand there. */
function numbersAmong(choices: readonly string[]): number[] {
  return choices.filter((choice) => String(Number(choice)) === choice).map(Number);
}
