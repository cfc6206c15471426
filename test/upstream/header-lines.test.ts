import { expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { headerLines } from '../../src/upstream/upstream-options.ts';

it('writes each header as a line', () => {
  expect(headerLines({ Authorization: 'Bearer x', 'X-Tenant': 'a b' })).toBe(
    'Authorization: Bearer x\r\nX-Tenant: a b\r\n',
  );
});

it.each([
  'Host',
  'content-length',
  'Transfer-Encoding',
  'Connection',
  'Accept',
  'Mcp-Session-Id',
  'MCP-PROTOCOL-VERSION',
  'Mcp-Method',
  'mcp-name',
])('refuses %s, which is written already, without quoting its value', (name) => {
  expect(() => headerLines({ [name]: 'hunter2' })).toThrow(
    new DrawbridgeError('config', `the header ${name} cannot be set`, {
      why: 'it is written with every request already',
    }),
  );
});

it.each([
  ['X-A\r\nX-B', 'v'],
  ['X A', 'v'],
  ['', 'v'],
  ['X-A', 'a\r\nX-B: b'],
  ['X-A', 'a\0b'],
  ['X-A', '🏰'],
])('refuses %j: %j, which would be another header or none', (name, value) => {
  expect(() => headerLines({ [name]: value })).toThrow('cannot be sent');
});
