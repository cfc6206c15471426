import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { BRIDGE_OPTIONS } from '../../src/config/bridge-options.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { fileSchema, jsonSchema } from '../../src/config/json-schema.ts';

const schema = fileSchema(GATEWAY_COMMAND_OPTIONS, 'Gateway');
const properties = schema['properties'] as Record<string, { minimum?: number; enum?: string[]; default?: unknown }>;
const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(schema);
const UPSTREAM = 'http://127.0.0.1:9/sse';

describe('the JSON Schema of the gateway’s configuration file', () => {
  it.each([
    { upstream: UPSTREAM, keyFile: 'keys.json' },
    { upstream: UPSTREAM, auth: 'none', allowedHosts: ['db.example'], 'allowed-origins': [] },
    { upstream: UPSTREAM, limitCalls: 1, limitRequests: '10r/s', limitTool: { a: 5, b: 'rate=5r/m burst=10' } },
    { upstream: UPSTREAM, upstreamHeader: { 'X-A': 'b' }, sessionIdle: 1.5, acme: ['a.example'], noHttp2: true },
  ])('accepts %j', (options) => {
    expect(validate(options), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    { options: { upstream: '' }, path: '/upstream', keyword: 'minLength' },
    { options: { upstream: UPSTREAM, maxSesions: 1 }, path: '', keyword: 'additionalProperties' },
    { options: { upstream: UPSTREAM, family: 5 }, path: '/family', keyword: 'enum' },
    { options: { upstream: UPSTREAM, auth: 'maybe' }, path: '/auth', keyword: 'enum' },
    { options: { upstream: UPSTREAM, limitCalls: 0 }, path: '/limitCalls', keyword: 'minimum' },
    { options: { upstream: UPSTREAM, limitCalls: 1.5 }, path: '/limitCalls', keyword: 'anyOf' },
    { options: { upstream: UPSTREAM, limitTool: { a: true } }, path: '/limitTool/a', keyword: 'anyOf' },
    { options: { upstream: UPSTREAM, allowedHosts: 'db.example' }, path: '/allowedHosts', keyword: 'type' },
    { options: { upstream: UPSTREAM, allowedOrigins: [1] }, path: '/allowedOrigins/0', keyword: 'type' },
    { options: { upstream: UPSTREAM, 'check-config': true }, path: '', keyword: 'additionalProperties' },
  ])('refuses $options', ({ options, path, keyword }) => {
    expect(validate(options)).toBe(false);
    expect(validate.errors).toContainEqual(expect.objectContaining({ instancePath: path, keyword }));
  });

  it('has defaults that it accepts itself', () => {
    const defaults = Object.entries(properties).flatMap(([name, property]) =>
      property.default === undefined ? [] : [[name, property.default]],
    );
    expect(defaults.length).toBeGreaterThan(5);
    expect(validate({ upstream: UPSTREAM, ...Object.fromEntries(defaults) })).toBe(true);
  });

  it('describes every kind of option', () => {
    expect(
      jsonSchema(
        [
          { name: 'a-text', kind: 'text', help: 'A' },
          { name: 'a-flag', kind: 'flag', help: 'B' },
          { name: 'a-number', kind: 'integer', min: 2, max: 9, default: 3, help: 'C' },
          { name: 'a-choice', kind: 'choice', choices: ['x', 'y'], default: 'x', help: 'D' },
          { name: 'a-list', kind: 'list', help: 'E' },
          { name: 'a-time', kind: 'seconds', min: 0.5, default: 2.5, help: 'F' },
          { name: 'an-object', kind: 'text', isJson: true, help: 'G' },
          { name: 'an-empty-text', kind: 'text', mayBeEmpty: true, help: 'H' },
        ],
        'Title',
      ),
    ).toEqual({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'Title',
      type: 'object',
      additionalProperties: false,
      properties: {
        aText: { type: 'string', minLength: 1, description: 'A' },
        aFlag: { type: 'boolean', description: 'B' },
        aNumber: { type: 'integer', minimum: 2, maximum: 9, description: 'C', default: 3 },
        aChoice: { enum: ['x', 'y'], description: 'D', default: 'x' },
        aList: { type: 'array', items: { type: 'string' }, description: 'E' },
        aTime: { type: 'number', minimum: 0.5, description: 'F', default: 2.5 },
        anObject: { anyOf: [{ type: 'object' }, { type: 'string', minLength: 1 }], description: 'G' },
        anEmptyText: { type: 'string', description: 'H' },
      },
    });
  });
});

describe('the JSON Schema of the bridge’s configuration file', () => {
  const isRight = new Ajv2020({ strict: true, allErrors: true }).compile(fileSchema(BRIDGE_OPTIONS, 'Bridge'));

  it.each([
    {},
    { $schema: './bridge.schema.json', url: 'http://127.0.0.1:8000/sse', callbackPort: 3334 },
    { header: { 'X-Key': 'a' }, connectTimeout: 0.5, debug: true, transport: 'http-only' },
    { header: ['X-Key: a'], 'connect-timeout': 5, 'ignore-tool': ['delete*'], resource: '' },
    { staticOauthClientInfo: { client_id: 'a' }, authorizeParam: { audience: 'a' } },
  ])('accepts %j', (content) => {
    expect(isRight(content), JSON.stringify(isRight.errors)).toBe(true);
  });

  it.each([
    [],
    { hedaer: {} },
    { header: 'X-Key: a' },
    { header: { 'X-Key': 1 } },
    { connectTimeout: '5' },
    { connectTimeout: 0 },
    { transport: 'smoke' },
    { help: true },
    { config: 'other.json' },
  ])('refuses %j', (content) => {
    expect(isRight(content)).toBe(false);
  });
});
