import { parse as parseTomlText } from '@decimalturn/toml-patch';
import fc from 'fast-check';
import { parse as parseJsonc } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';
import { parse as parseYamlText } from 'yaml';
import { add, GOOSE_ENTRY, JSON_ENTRY, lines, remove, TOML_ENTRY } from './entries.ts';

const READ = {
  json: (text: string) => parseJsonc(text),
  toml: (text: string) => parseTomlText(text),
  yaml: (text: string) => parseYamlText(text),
};

describe('whatever stands in a file', () => {
  const name = fc.stringMatching(/^[a-z]{1,6}$/).filter((one) => one !== 'postgres');
  const indents = fc.constantFrom('  ', '    ', '\t');
  const eols = fc.constantFrom('\n', '\r\n');
  const servers = fc.uniqueArray(name, { minLength: 1, maxLength: 4 });
  const comment = fc.constantFrom('', ' // note', ' /* a, b */');
  const alone = fc.constantFrom('', '// alone', '/* { "x": 1 } */');

  it('JSON has the entry added and taken away without a trace', () => {
    const file = fc.record({
      indents,
      eols,
      servers,
      comment,
      alone,
      ownComma: fc.boolean(),
      before: fc.boolean(),
      after: fc.boolean(),
    });
    fc.assert(
      fc.property(file, ({ indents: indent, eols: eol, servers: names, ownComma, ...more }) => {
        const members = names.map((one, index) => {
          const comma = index < names.length - 1 || ownComma ? ',' : '';
          return `${indent.repeat(2)}"${one}": { "command": "${one}" }${comma}${more.comment}`;
        });
        const text = [
          '{',
          ...(more.before ? [`${indent}"first": [1, 2],`] : []),
          `${indent}"mcpServers": {`,
          ...(more.alone === '' ? [] : [indent.repeat(2) + more.alone]),
          ...members,
          `${indent}}${more.after ? ',' : ''}`,
          ...(more.after ? [`${indent}"last": null`] : []),
          '}',
          '',
        ].join(eol);
        const added = add(text, JSON_ENTRY);
        const { mcpServers, ...rest } = parseJsonc(added);
        const { mcpServers: old, ...oldRest } = parseJsonc(text);
        expect(rest).toEqual(oldRest);
        expect(mcpServers).toEqual({ ...old, postgres: JSON_ENTRY.value });
        expect(remove(added, JSON_ENTRY)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it.each(['json', 'toml', 'yaml'] as const)('%s made of any values keeps them all', (format) => {
    const entry = { json: JSON_ENTRY, toml: TOML_ENTRY, yaml: GOOSE_ENTRY }[format];
    const scalar = fc.oneof(fc.stringMatching(/^[ -~]{0,12}$/), fc.integer({ min: -1000, max: 1000 }), fc.boolean());
    const table = fc.dictionary(name, fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), { maxKeys: 4 });
    fc.assert(
      fc.property(fc.dictionary(name, table, { maxKeys: 4 }), (value) => {
        const text = JSON.stringify(value, undefined, 2);
        // JSON is YAML too; TOML is written by what writes our entries.
        const before = format === 'toml' ? tomlOf(value) : text;
        const after = add(before, entry);
        const [top] = entry.path;
        expect(READ[format](after)).toEqual({ ...value, [top!]: { ...(value[top!] ?? {}), postgres: entry.value } });
        expect(READ[format](remove(after, entry)) ?? {}).toMatchObject(value);
      }),
      { numRuns: 300 },
    );
  });
});

function tomlOf(value: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string {
  return Object.entries(value)
    .map(([name, table]) =>
      lines(`[${name}]`, ...Object.entries(table).map(([key, one]) => `${key} = ${JSON.stringify(one)}`)),
    )
    .join('\n');
}
