/** Entries in each format, and what is done with them. */
import { addEntry, removeEntry } from '../../../src/clients/files/edit.ts';
import type { Entry } from '../../../src/clients/server-entry.ts';

export const URL_ = 'http://127.0.0.1:8080/mcp';
export const JSON_ENTRY: Entry = {
  format: 'json',
  path: ['mcpServers', 'postgres'],
  value: { url: URL_, headers: { Authorization: 'Bearer x' } },
  way: 'direct',
  notes: [],
};
export const TOML_ENTRY: Entry = {
  ...JSON_ENTRY,
  format: 'toml',
  path: ['mcp_servers', 'postgres'],
  value: { url: URL_, env: { A: 'b' } },
};
export const GOOSE_ENTRY: Entry = {
  ...JSON_ENTRY,
  format: 'yaml',
  path: ['extensions', 'postgres'],
  value: { type: 'sse', uri: URL_, enabled: true },
};
export const CONTINUE_ENTRY: Entry = {
  ...JSON_ENTRY,
  format: 'yaml',
  path: ['mcpServers'],
  member: { key: 'name', is: 'postgres' },
  value: { name: 'postgres', type: 'sse', url: URL_ },
};

export const add = (text: string, entry: Entry) => addEntry(text, 'the-file', entry);
export const remove = (text: string, entry: Entry) => removeEntry(text, 'the-file', entry);
export const lines = (...all: string[]): string => `${all.join('\n')}\n`;
