import { parse as parseTomlText } from '@decimalturn/toml-patch';
import { parse as parseJsonc } from 'jsonc-parser';
import { expect, it } from 'vitest';
import { parse as parseYamlText } from 'yaml';
import { MCP_CLIENTS } from '../../../src/clients/catalog.ts';
import type { EntryValue } from '../../../src/clients/server-entry.ts';
import { machineOf } from '../../parts/machines.ts';
import { add, CONTINUE_ENTRY, GOOSE_ENTRY, JSON_ENTRY, lines, TOML_ENTRY, URL_ } from './entries.ts';

it('an entry that is there keeps what the user has set besides, with its order and comments', () => {
  const before = lines(
    '{',
    '  "mcpServers": {',
    '    "postgres": {',
    '      // slow at night',
    '      "timeout": 600,',
    '      "url": "http://old/sse", // the old one',
    '      "autoApprove": ["list_schemas"],',
    '      "disabled": true',
    '    }',
    '  }',
    '}',
  );
  expect(add(before, { ...JSON_ENTRY, value: { url: URL_, disabled: false } })).toBe(
    before.replace('http://old/sse', URL_),
  );
});

it('no older way stands beside ours, and no older secret', () => {
  const old = {
    type: 'stdio',
    command: 'npx',
    args: ['-y', 'mcp-remote', 'http://old/sse'],
    env: { API_KEY: 'old' },
    httpUrl: 'http://old/mcp',
    headers: { 'X-Api-Key': 'old', Authorization: 'Bearer old' },
    trust: false,
  };
  const after = add(JSON.stringify({ mcpServers: { postgres: old } }, undefined, 2), JSON_ENTRY);
  expect(parseJsonc(after)).toEqual({ mcpServers: { postgres: { ...(JSON_ENTRY.value as object), trust: false } } });
});

it('in TOML a longer time to start stays', () => {
  const before = lines(
    '[mcp_servers.postgres]',
    'command = "npx"',
    'startup_timeout_sec = 90',
    'enabled_tools = ["list_schemas"]',
    '',
    '[mcp_servers.postgres.tools.list_schemas]',
    'approval_mode = "approve"',
  );
  const after = add(before, { ...TOML_ENTRY, value: { url: URL_, startup_timeout_sec: 30 } });
  expect(parseTomlText(after)).toEqual({
    mcp_servers: {
      postgres: {
        url: URL_,
        startup_timeout_sec: 90,
        enabled_tools: ['list_schemas'],
        tools: { list_schemas: { approval_mode: 'approve' } },
      },
    },
  });
  expect(add(after, { ...TOML_ENTRY, value: { url: URL_, startup_timeout_sec: 30 } })).toBe(after);
});

it('in YAML what has no value stays without one', () => {
  const before = lines(
    'extensions:',
    '  postgres:',
    '    enabled: false',
    '    bundled: null',
    '    available_tools: []',
    '    cmd: uvx',
  );
  const after = add(before, GOOSE_ENTRY);
  expect(parseYamlText(after)).toEqual({
    extensions: { postgres: { enabled: false, bundled: null, available_tools: [], type: 'sse', uri: URL_ } },
  });
  expect(add(after, GOOSE_ENTRY)).toBe(after);
});

it('in a list of YAML too', () => {
  const after = add('mcpServers:\n  - name: postgres\n    command: npx\n    connectionTimeout: 9\n', CONTINUE_ENTRY);
  expect(parseYamlText(after)).toEqual({
    mcpServers: [{ name: 'postgres', connectionTimeout: 9, type: 'sse', url: URL_ }],
  });
});

it('a question for the key that is there already is asked in the user’s words', () => {
  const input = { path: ['inputs'], member: { key: 'id', is: 'T' } };
  const also = [{ ...input, value: { type: 'promptString', id: 'T', description: 'Ours', password: true } }];
  const before = JSON.stringify({ inputs: [{ type: 'promptString', id: 'T', description: 'Mine', password: true }] });
  expect(parseJsonc(add(before, { ...JSON_ENTRY, also }))).toMatchObject({ inputs: [{ description: 'Mine' }] });
});

it.each(MCP_CLIENTS)('$title: one way replaces the other whole', (client) => {
  const server = { name: 'postgres', url: new URL(URL_), transport: 'http', token: { variable: 'T' } } as const;
  for (const way of client.ways('http')) {
    const entry = client.describe(server, machineOf('linux'), way);
    for (const older of client.ways('http')) {
      const text = add(add('', client.describe(server, machineOf('linux'), older)), entry);
      expect(membersOf(text, entry.format)).toEqual(expect.arrayContaining(Object.keys(entry.value as object)));
      const settings = ['disabled', 'enabled', 'timeout', 'tools', 'startup_timeout_sec'];
      const foreign = membersOf(text, entry.format).filter(
        (name) => !Object.hasOwn(entry.value as object, name) && !settings.includes(name),
      );
      expect(foreign).toEqual([]);
    }
  }
});

function membersOf(text: string, format: 'json' | 'toml' | 'yaml'): string[] {
  const content = format === 'json' ? parseJsonc(text) : format === 'toml' ? parseTomlText(text) : parseYamlText(text);
  const { mcpServers, servers, context_servers, mcp_servers, extensions, mcp } = content as Record<string, EntryValue>;
  const all = mcpServers ?? servers ?? context_servers ?? mcp_servers ?? extensions ?? mcp;
  const entry = Array.isArray(all) ? all[0] : (all as { readonly postgres: EntryValue }).postgres;
  return Object.keys(entry as object);
}
