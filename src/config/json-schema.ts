import { type Option, propertyName } from './option.ts';

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

function propertySchema(option: Option): Record<string, unknown> {
  const common = {
    description: option.help,
    ...(option.default === undefined ? {} : { default: option.default }),
  };
  switch (option.kind) {
    case 'integer':
      return {
        type: 'integer',
        minimum: option.min ?? 0,
        ...(option.max === undefined ? {} : { maximum: option.max }),
        ...common,
      };
    case 'flag':
      return { type: 'boolean', ...common };
    case 'choice':
      return { enum: option.choices, ...common };
    case 'list':
      return { type: 'array', items: { type: 'string' }, ...common };
    default:
      return { type: 'string', minLength: 1, ...common };
  }
}
