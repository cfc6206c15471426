import { parse as parseToml } from '@decimalturn/toml-patch';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { MCP_CLIENTS } from '../../src/clients/catalog.ts';
import { addEntry } from '../../src/clients/files/edit.ts';
import { renderEntry } from '../../src/clients/render.ts';
import type { Entry, EntryValue } from '../../src/clients/server-entry.ts';
import { machineOf } from '../parts/machines.ts';

const READ = { json: JSON.parse, toml: parseToml, yaml: parseYaml };
const server = {
  name: 'postgres',
  url: new URL('https://db.example.com/mcp?a=1&b=%20'),
  transport: 'http',
  token: { variable: 'MCP_TOKEN' },
} as const;

it.each(
  MCP_CLIENTS.flatMap((client) => client.ways('http').map((way) => ({ client, way }))),
)('the entry of $client.id ($way) reads as what it is, and is what an empty file gets', ({ client, way }) => {
  const entry = client.describe(server, machineOf('linux'), way);
  const read = READ[entry.format](renderEntry(entry));
  const at = entry.path.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], read);
  expect(at).toEqual(entry.member === undefined ? entry.value : [entry.value]);
  expect(READ[entry.format](addEntry('', 'file', entry))).toEqual(read);
});

it.each(['json', 'toml', 'yaml'] as const)('any text in %s is read back as it is', (format) => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme-ascii' }),
    fc.constantFrom('yes', 'null', '1.0', '~', '- a', 'a: b', '#', '"', '\\n'),
  );
  const value = fc.dictionary(
    fc.stringMatching(/^[a-zA-Z_][\w.-]{0,8}$/),
    fc.oneof(text, fc.boolean(), fc.integer(), fc.array(text)),
    { minKeys: 1 },
  );
  fc.assert(
    fc.property(value, (one) => {
      const entry: Entry = { format, path: ['a', 'b'], value: one as EntryValue, way: 'direct', notes: [] };
      expect(READ[format](renderEntry(entry))).toEqual({ a: { b: one } });
    }),
    { numRuns: 300 },
  );
});
