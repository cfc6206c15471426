import { parse as parseTomlText } from '@decimalturn/toml-patch';
import { parse as parseJsonc } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';
import { parse as parseYamlText } from 'yaml';
import type { Entry } from '../../../src/clients/server-entry.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { add, CONTINUE_ENTRY, GOOSE_ENTRY, JSON_ENTRY, lines, remove, TOML_ENTRY, URL_ } from './entries.ts';

/** What an operator may have in such a file, and what it becomes. */
const JSON_FILES: readonly (readonly [what: string, before: string, after: string])[] = [
  [
    'nothing',
    '',
    lines(
      '{',
      '  "mcpServers": {',
      '    "postgres": {',
      `      "url": "${URL_}",`,
      '      "headers": {',
      '        "Authorization": "Bearer x"',
      '      }',
      '    }',
      '  }',
      '}',
    ),
  ],
  [
    'an empty object',
    '{}',
    lines(
      '{',
      '  "mcpServers": {',
      '    "postgres": {',
      `      "url": "${URL_}",`,
      '      "headers": {',
      '        "Authorization": "Bearer x"',
      '      }',
      '    }',
      '  }',
      '}',
    ).trimEnd(),
  ],
  [
    'another server, with a comment behind it',
    lines('{', '\t"mcpServers": {', '\t\t// mine', '\t\t"other": { "command": "x" } // keep', '\t}', '}'),
    lines(
      '{',
      '\t"mcpServers": {',
      '\t\t// mine',
      '\t\t"other": { "command": "x" }, // keep',
      '\t\t"postgres": {',
      `\t\t\t"url": "${URL_}",`,
      '\t\t\t"headers": {',
      '\t\t\t\t"Authorization": "Bearer x"',
      '\t\t\t}',
      '\t\t}',
      '\t}',
      '}',
    ),
  ],
  [
    'a comma at the end',
    lines('{', '    "mcpServers": {', '        "other": {},', '    },', '    "theme": "dark",', '}'),
    lines(
      '{',
      '    "mcpServers": {',
      '        "other": {},',
      '        "postgres": {',
      `            "url": "${URL_}",`,
      '            "headers": {',
      '                "Authorization": "Bearer x"',
      '            }',
      '        },',
      '    },',
      '    "theme": "dark",',
      '}',
    ),
  ],
];

describe('a JSON file with', () => {
  it.each(JSON_FILES)('%s takes the entry, and everything else stays as it was', (_what, before, after) => {
    expect(add(before, JSON_ENTRY)).toBe(after);
    expect(add(after, JSON_ENTRY)).toBe(after);
  });

  it.each(JSON_FILES.slice(2))('%s is the same again when the entry is removed', (_what, before, after) => {
    expect(remove(after, JSON_ENTRY)).toBe(before);
    expect(remove(before, JSON_ENTRY)).toBe(before);
  });

  it('an older entry has it replaced, where it stands', () => {
    const before = lines(
      '{ "mcpServers": {',
      '  "postgres": { "command": "npx", "args": ["mcp-remote"] }, // first',
      '  "z": {}',
      '} }',
    );
    const after = add(before, JSON_ENTRY);
    expect(after).toContain('// first\n  "z": {}\n} }');
    expect(parseJsonc(after)).toEqual({ mcpServers: { postgres: JSON_ENTRY.value, z: {} } });
  });

  it('Windows line ends and a byte order mark keeps both', () => {
    const before = '\ufeff{\r\n  "mcpServers": {\r\n    "a": {}\r\n  }\r\n}\r\n';
    const after = add(before, JSON_ENTRY);
    expect(after.startsWith('\ufeff{\r\n')).toBe(true);
    expect(after.replaceAll('\r\n', '')).not.toContain('\n');
    expect(remove(after, JSON_ENTRY)).toBe(before);
  });

  it('what a client asks for besides gets it once', () => {
    const input = {
      path: ['inputs'],
      value: { type: 'promptString', id: 'TOKEN' },
      member: { key: 'id', is: 'TOKEN' },
    };
    const entry: Entry = { ...JSON_ENTRY, path: ['servers', 'postgres'], also: [input] };
    const once = add('{}', entry);
    expect(parseJsonc(once)).toEqual({ inputs: [input.value], servers: { postgres: entry.value } });
    expect(add(once, entry)).toBe(once);
    const beside = add('{ "inputs": [ { "id": "OTHER" } ] }', entry);
    expect(parseJsonc(beside)).toMatchObject({ inputs: [{ id: 'OTHER' }, input.value] });
  });

  it('names that mean something to JavaScript keeps them as names', () => {
    const before = '{ "__proto__": { "a": 1 }, "constructor": 2, "mcpServers": { "toString": {} } }';
    const after = add(before, { ...JSON_ENTRY, path: ['mcpServers', '__proto__'] });
    expect(after).toContain('"__proto__": { "a": 1 }, "constructor": 2');
    expect(after.match(/"__proto__"/g)).toHaveLength(2);
    expect(remove(after, { ...JSON_ENTRY, path: ['mcpServers', '__proto__'] })).not.toMatch(/"__proto__": \{\s*"url"/);
  });
});

describe('a TOML file', () => {
  const before = lines(
    '# mine',
    'model = "o3" # best',
    '',
    '[mcp_servers.other]',
    "command = 'x' # keep",
    'args = [',
    '  "a", # one',
    ']',
    '',
    '# about the rest',
    '[tui]',
    'theme = "dark"',
  );

  it('takes the entry as a table at its end', () => {
    const after = add(before, TOML_ENTRY);
    expect(after).toBe(`${before}\n[mcp_servers.postgres]\nurl = "${URL_}"\n\n[mcp_servers.postgres.env]\nA = "b"\n`);
    expect(add(after, TOML_ENTRY)).toBe(after);
    expect(remove(after, TOML_ENTRY)).toBe(before);
  });

  it('that is empty is begun, and one without an end of its last line is gone on with', () => {
    expect(add('', TOML_ENTRY)).toMatch(/^\[mcp_servers\.postgres\]\n/);
    expect(add('a = 1', TOML_ENTRY)).toMatch(/^a = 1\n\n\[mcp_servers\.postgres\]\n/);
  });

  it('has an older table replaced where it stands, what follows it kept', () => {
    const old = lines(
      '[mcp_servers.postgres]',
      'command = "npx"',
      'args = ["mcp-remote", "http://x/sse"]',
      '',
      '# about the rest',
      '[tui]',
      'theme = "dark"',
    );
    const after = add(old, TOML_ENTRY);
    expect(after).toContain('\n\n# about the rest\n[tui]\ntheme = "dark"\n');
    expect(parseTomlText(after)).toEqual({ mcp_servers: { postgres: TOML_ENTRY.value }, tui: { theme: 'dark' } });
  });

  it('in which the entry is written on one line is changed too', () => {
    const old = lines('mcp_servers.postgres = { url = "http://old/mcp" } # one line', 'model = "o3"');
    const after = add(old, TOML_ENTRY);
    expect(parseTomlText(after)).toEqual({ mcp_servers: { postgres: TOML_ENTRY.value }, model: 'o3' });
    expect(after).toContain('model = "o3"');
    expect(parseTomlText(remove(after, TOML_ENTRY))).not.toHaveProperty('mcp_servers.postgres');
  });

  it('whose text looks like a header in a string of several lines is read as it is meant', () => {
    const old = lines(
      'notes = """',
      '[mcp_servers.postgres]',
      'url = "no"',
      '"""',
      '[mcp_servers.postgres]',
      'url = "http://old/mcp"',
    );
    const after = add(old, TOML_ENTRY);
    expect(parseTomlText(after)).toEqual({
      notes: '[mcp_servers.postgres]\nurl = "no"\n',
      mcp_servers: { postgres: TOML_ENTRY.value },
    });
  });
});

describe('a YAML file', () => {
  it.each<[string, Entry, string]>([
    [
      'a mapping',
      GOOSE_ENTRY,
      lines(
        '# mine',
        'GOOSE_MODEL: "x"   # keep',
        'extensions:',
        '    developer:',
        '        enabled: true',
        '',
        'last: 1',
      ),
    ],
    [
      'a list',
      CONTINUE_ENTRY,
      lines('name: me', 'mcpServers:', '  - name: other   # keep', '    command: x', '    args: [ a,  b ]', 'last: 1'),
    ],
    ['a list without an indent', CONTINUE_ENTRY, lines('mcpServers:', '- name: other', '  command: x', 'last: 1')],
    ['a list at the end', CONTINUE_ENTRY, 'mcpServers:\n  - name: other\n    command: x'],
  ])('with %s takes the entry as the others stand, and is the same again without it', (_what, entry, before) => {
    const after = add(before, entry);
    const kept = after.split('\n').filter((line) => before.split('\n').includes(line));
    expect(kept).toEqual(before.split('\n'));
    expect(JSON.stringify(parseYamlText(after))).toContain(JSON.stringify(entry.value));
    expect(add(after, entry)).toBe(after);
    expect(remove(after, entry)).toBe(before);
  });

  it.each<[string, Entry, string]>([
    ['nothing', GOOSE_ENTRY, ''],
    ['a comment alone', CONTINUE_ENTRY, '# mine\n'],
    ['no such key', CONTINUE_ENTRY, 'name: me\n'],
    ['the key without a value', GOOSE_ENTRY, 'extensions:\nlast: 1\n'],
    ['an empty mapping', GOOSE_ENTRY, 'extensions: {}\nlast: 1\n'],
    ['an empty list', CONTINUE_ENTRY, 'mcpServers: []\nlast: 1\n'],
    ['a mapping on one line', GOOSE_ENTRY, 'extensions: { a: { enabled: true } } # keep\n'],
  ])('with %s takes the entry', (_what, entry, before) => {
    const after = add(before, entry);
    expect(JSON.stringify(parseYamlText(after))).toContain(JSON.stringify(entry.value));
    for (const line of before.split('\n').filter((one) => /^(name|last|#)/.test(one)))
      expect(after.split('\n')).toContain(line);
    expect(add(after, entry)).toBe(after);
    expect(JSON.stringify(parseYamlText(remove(after, entry)) ?? null)).not.toContain(URL_);
  });
});

describe('a file that cannot take the entry is refused, with the place in it:', () => {
  it.each<[string, Entry, string, RegExp]>([
    ['JSON that breaks off', JSON_ENTRY, '{\n  "mcpServers": {\n', /line 3, column 1: close brace expected/],
    ['JSON with a mistake', JSON_ENTRY, '{\n  "a": 1\n  "b": 2\n}', /line 3, column 3: comma expected/],
    [
      'JSON with a key twice',
      JSON_ENTRY,
      '{ "mcpServers": {}, "mcpServers": {} }',
      /line 1, column 21: mcpServers stands there twice/,
    ],
    ['JSON that is a list', JSON_ENTRY, '[]', /the whole of it is not an object/],
    ['JSON whose servers are a list', JSON_ENTRY, '{ "mcpServers": [] }', /mcpServers is not an object/],
    [
      'JSON whose inputs are no list',
      { ...JSON_ENTRY, path: ['inputs'], member: { key: 'id', is: 'x' } },
      '{ "inputs": {} }',
      /inputs is not a list/,
    ],
    ['TOML with a mistake', TOML_ENTRY, 'a = 1\nb = = 2\n', /line 2, column \d+/],
    ['TOML whose servers are a text', TOML_ENTRY, 'mcp_servers = "x"\n', /mcp_servers is not a table/],
    ['YAML with a mistake', GOOSE_ENTRY, 'a: 1\n b: 2\n', /line 1, column 4: Nested mappings/],
    ['YAML that is a list', GOOSE_ENTRY, '- a\n', /the whole of it is not a mapping/],
    ['YAML whose extensions are a list', GOOSE_ENTRY, 'extensions: [a]\n', /extensions is not a mapping/],
    ['YAML whose servers are a mapping', CONTINUE_ENTRY, 'mcpServers: { a: 1 }\n', /mcpServers is not a list/],
  ])('%s', (_what, entry, text, why) => {
    const thrown = ((): unknown => {
      try {
        return add(text, entry);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(DrawbridgeError);
    expect(thrown).toMatchObject({
      code: 'config',
      message: expect.stringContaining('the-file'),
      why: expect.stringMatching(why),
    });
  });
});
