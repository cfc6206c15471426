import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { mirroredValue, standardLines } from '../../src/translation/mirrored-value.ts';
import { ToolHeaders } from '../../src/translation/tool-headers.ts';
import { messageOf } from '../parts/memory-transport.ts';

const tool = (name: string, inputSchema: unknown): string => JSON.stringify({ name, inputSchema });
const listOf = (...tools: string[]): ReturnType<typeof messageOf> =>
  messageOf(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${tools.join(' , ')}],"ttlMs":12345678901234567890}}`);
const object = (properties: unknown): unknown => ({ type: 'object', properties });
const callOf = (name: string, args: string): ReturnType<typeof messageOf> =>
  messageOf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`);

function learnt(properties: unknown): ToolHeaders {
  const headers = new ToolHeaders(silentLogger);
  headers.learn(listOf(tool('a', object(properties))));
  return headers;
}

describe('arguments that a tool wants mirrored', () => {
  it('become headers, each value as it stands in the body', () => {
    const headers = learnt({
      region: { type: 'string', 'x-mcp-header': 'Region' },
      count: { type: 'integer', 'x-mcp-header': 'Count' },
      deep: object({ on: { type: 'boolean', 'x-mcp-header': 'On' } }),
    });
    const lines = headers.linesFor(callOf('a', '{"region":"eu","count":12345678901234567890,"deep":{"on":true}}'));
    expect(lines).toBe('Mcp-Param-Region: eu\r\nMcp-Param-Count: 12345678901234567890\r\nMcp-Param-On: true\r\n');
  });

  it.each([
    '{}',
    '{"region":null}',
    '{"region":{}}',
    '{"region":[]}',
    'null',
    '"text"',
    '{"region":"a","region":"b"}',
  ])('make no header where there is no one value: %s', (args) => {
    const headers = learnt({ region: { type: 'string', 'x-mcp-header': 'Region' } });
    expect(headers.linesFor(callOf('a', args))).toBe('');
  });

  it('are not those of another tool, nor of another request, nor those of a list before', () => {
    const headers = learnt({ region: { type: 'string', 'x-mcp-header': 'Region' } });
    expect(headers.linesFor(callOf('b', '{"region":"eu"}'))).toBe('');
    expect(headers.linesFor(messageOf('{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"a"}}'))).toBe(
      '',
    );
    headers.learn(listOf(tool('a', object({ region: { type: 'string' } }))));
    expect(headers.linesFor(callOf('a', '{"region":"eu"}'))).toBe('');
  });
});

describe('a tool whose annotations are not as they must be', () => {
  it.each([
    ['on a number', object({ a: { type: 'number', 'x-mcp-header': 'A' } })],
    ['on an object', object({ a: { type: 'object', 'x-mcp-header': 'A' } })],
    ['without a type', object({ a: { 'x-mcp-header': 'A' } })],
    ['at the root', { type: 'object', 'x-mcp-header': 'A' }],
    ['within items', object({ a: { type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } } })],
    ['within anyOf', { anyOf: [object({ a: { type: 'string', 'x-mcp-header': 'A' } })] }],
    ['an empty name', object({ a: { type: 'string', 'x-mcp-header': '' } })],
    ['a name that ends the line', object({ a: { type: 'string', 'x-mcp-header': 'A\r\nHost' } })],
    ['a name that is no text', object({ a: { type: 'string', 'x-mcp-header': 1 } })],
    [
      'the same name twice',
      object({ a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } }),
    ],
  ])('is left out of the list: %s', (_what, schema) => {
    const headers = new ToolHeaders(silentLogger);
    const good = tool('good', object({ a: { type: 'string', 'x-mcp-header': 'A' } }));
    expect(headers.learn(listOf(tool('bad', schema), good)).bytes.toString()).toBe(listOf(good).bytes.toString());
    expect(headers.linesFor(callOf('bad', '{"a":"b"}'))).toBe('');
    expect(headers.linesFor(callOf('good', '{"a":"b"}'))).toBe('Mcp-Param-A: b\r\n');
  });

  it('is not one that only calls an argument so, or has it in an example', () => {
    const headers = new ToolHeaders(silentLogger);
    const named = tool('a', object({ 'x-mcp-header': { type: 'string' }, b: { default: { 'x-mcp-header': 'A' } } }));
    const list = listOf(named);
    expect(headers.learn(list)).toBe(list);
  });
});

describe('a value in a header', () => {
  it.each([
    ['plain', 'plain'],
    ['a b', 'a b'],
    ['', ''],
    [' a', '=?base64?IGE=?='],
    ['a\r\nb', '=?base64?YQ0KYg==?='],
    ['z\u00fcrich', '=?base64?esO8cmljaA==?='],
    ['=?base64?YQ==?=', '=?base64?PT9iYXNlNjQ/WVE9PT89?='],
  ])('%j is %j', (text, value) => {
    expect(mirroredValue(text)).toBe(value);
  });

  it('says the method, and the name or URI that there is', () => {
    const read = messageOf('{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:///b"}}');
    expect(standardLines(read)).toBe(
      'MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: resources/read\r\nMcp-Name: a:///b\r\n',
    );
    const list = messageOf('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"a"}}');
    expect(standardLines(list)).toBe('MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n');
  });
});
