import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addEntry, removeEntry } from '../../../src/clients/files/edit.ts';
import { readTree } from '../../../src/clients/files/read-tree.ts';
import type { Entry } from '../../../src/clients/server-entry.ts';

const VALUE = { url: 'http://127.0.0.1:8080/mcp', headers: { A: 'b' } };
const JSON_ENTRY: Entry = { format: 'json', path: ['mcpServers', 'postgres'], value: VALUE, way: 'direct', notes: [] };
const TOML_ENTRY: Entry = { ...JSON_ENTRY, format: 'toml', path: ['mcp_servers', 'postgres'] };
const MAPPING: Entry = { ...JSON_ENTRY, format: 'yaml', path: ['extensions', 'postgres'] };
const LIST: Entry = {
  ...MAPPING,
  path: ['mcpServers'],
  member: { key: 'name', is: 'postgres' },
  value: { name: 'postgres', ...VALUE },
};

const add = (text: string, entry: Entry): string => addEntry(text, 'the-file', entry);
const remove = (text: string, entry: Entry): string => removeEntry(text, 'the-file', entry);

/** The entry is there, once; the values and the bytes from before are there again without it. */
function expectNoTrace(text: string, entry: Entry): void {
  const added = add(text, entry);
  const tree = readTree(added, 'the-file', entry.format);
  expect(JSON.stringify(tree.content)).toContain(JSON.stringify(entry.value));
  expect(add(added, entry)).toBe(added);
  expect(remove(added, entry)).toBe(text);
}

describe('an entry put into a file and taken out again leaves no trace:', () => {
  it.each([
    '{"mcpServers":{"a":{}}}',
    '{"mcpServers":{"a":{}},"b":1}\n',
    '{ "mcpServers": { "a": {} } }\n',
    '{\n  "mcpServers": {}\n}\n',
    '{\n  "mcpServers": {\n    // none yet\n  }\n}\n',
    '{\n  "mcpServers": { // none yet }\n  }\n}\n',
    '{\n  "mcpServers": { /* none */ }\n}\n',
    '{\n  "mcpServers": {\n    "a": {}\n    // tail\n  }\n}\n',
    '{\n  "mcpServers": {\n    "a": {}, \t\n    // tail\n  }\n}\n',
    '{\n  "mcpServers": {\n    "a": {} /* x */ , // y\n  }\n}\n',
    '{\n  "mcpServers": {\n    "a": {}\n    // c\n    ,\n  }\n}\n',
    '{\n  "mcpServers": {\n    "a": {}\n    , "b": {}\n  }\n}\n',
    '{\n  "mcpServers": {\n    "a": {} }\n}\n',
    '{\n  "mcpServers": {\n    "a": {} /* of\n  lines */\n  }\n}\n',
    '{\n  "a": 1, "mcpServers": {"q": 1,}, }',
    '{\r\t"mcpServers": {\r\t\t"a": {}\r\t}\r}',
  ])('JSON %j', (text) => expectNoTrace(text, JSON_ENTRY));

  it.each([
    '',
    '# c',
    '[a]\nb=1',
    '[mcp_servers]\nother = { command = "x" }\n',
    'mcp_servers = { a = { x = 1 } } # c\n# d\ny = 2\n',
    '[mcp_servers.a]\nx=1\n\n\n',
    'mcp_servers.a.x = 1\n',
    '[mcp_servers.a]\r\nx=1 # c\r\n\r\n# tail\r\n',
    'notes = """\n[mcp_servers.postgres]\n"""\n[[list]]\nx = 1',
  ])('TOML %j', (text) => expectNoTrace(text, TOML_ENTRY));

  it.each([
    'extensions:\n  a: 1\n  # tail\n# end\n',
    'extensions:\n  a: |\n    text\n    more\n\n\nlast: 1\n',
    'extensions:\n  a: |+\n    text\n\n',
    'extensions:\n  a: &x { y: 1 }\n  b: *x\n',
    '---\nextensions: # c\n    a: 1 # d\n...\n',
    'extensions: {}\n',
    'extensions: {a: 1 # c\n}\n',
    'extensions: {\n  a: 1,\n}\n',
    '"extensions":\r\n  "a": "of\r\n    lines"\r\n\r\n# z\r\nlast: 1',
    '? extensions\n: a: 1\n',
  ])('a mapping of YAML %j', (text) => expectNoTrace(text, MAPPING));

  it.each([
    'mcpServers:\n- name: a\n# t\nx: 1\n',
    'mcpServers:\n  - { name: a }\n  - {name: b} # c\n',
    'mcpServers: [{name: a}] # c\n',
    'mcpServers:\n  -\n    name: a\n',
    'mcpServers:\n  - # c-d\n    name: a\n',
    'mcpServers:\n  - name: a\n    d: |\n      - x\n\n  - uses: q-q\n',
  ])('a list of YAML %j', (text) => expectNoTrace(text, LIST));

  const eols = fc.constantFrom('\n', '\r\n');
  const blanks = fc.constantFrom('', '# alone', '   # [mcp_servers.postgres]', '  ');
  const name = fc.stringMatching(/^[a-z]{1,6}$/).filter((one) => one !== 'postgres');

  it('TOML of any tables, comments and line ends', () => {
    const table = fc.record({
      header: fc.oneof(
        name.map((one) => `[mcp_servers.${one}]`),
        name.map((one) => `[ mcp_servers . "${one} x".env ]`),
      ),
      lines: fc.array(
        fc
          .constantFrom('# x', 'K = "v" # c', 'L = [ # ]', '', "'q.r'.s = 1", 'M = """', 'D = 1979-05-27')
          .map((line) =>
            line === 'L = [ # ]' ? 'L = [ # ]\n  1,\n]' : line === 'M = """' ? 'M = """\n[a]\n"""' : line,
          ),
        { maxLength: 4 },
      ),
      before: blanks,
    });
    const file = fc.record({
      eol: eols,
      top: fc.constantFrom('', 'model = "o3" # best', '# first'),
      tables: fc.uniqueArray(table, { selector: ({ header }) => header, maxLength: 4 }),
      end: fc.boolean(),
    });
    fc.assert(
      fc.property(file, ({ eol, top, tables, end }) => {
        const unique = tables.map(({ header, lines, before }) => [before, header, ...new Set(lines)].join('\n'));
        const text = [top, ...unique].join('\n').replaceAll('\n', eol) + (end ? eol : '');
        expectNoTrace(text, TOML_ENTRY);
      }),
      { numRuns: 500 },
    );
  });

  it('YAML of any mappings or lists, comments, indents and line ends', () => {
    const value = fc.constantFrom(
      '1',
      '"a: b" # c',
      '|\n          text\n          # no comment',
      '{ x: [1,  2] }',
      '>-\n          folded\n\n          on',
      '',
    );
    const file = fc.record({
      eol: eols,
      isList: fc.boolean(),
      indent: fc.constantFrom('  ', '    '),
      servers: fc.uniqueArray(fc.record({ name, value, before: blanks }), {
        selector: (server) => server.name,
        minLength: 1,
        maxLength: 4,
      }),
      after: fc.constantFrom('', '\n# tail', 'last: 1', '\n\nlast: |\n  x', '  # tail of it'),
      end: fc.boolean(),
    });
    fc.assert(
      fc.property(file, ({ eol, isList, indent, servers, after, end }) => {
        const items = servers.map((server) => {
          const first = isList
            ? `${indent}- name: ${server.name}\n${indent}  ${server.name}x:`
            : `${indent}${server.name}:`;
          return `${server.before}\n${first} ${server.value}`;
        });
        const text = ['# mine', isList ? 'mcpServers:' : 'extensions: # all', ...items, after].join('\n');
        expectNoTrace(text.replaceAll('\n', eol) + (end ? eol : ''), isList ? LIST : MAPPING);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what could not be changed without changing another value', () => {
  it.each([
    ['is refused behind an anchor', 'extensions: &e\n  a: 1\nother: *e\n'],
    ['is refused in an alias', 'base: &e {a: 1}\nextensions: *e\n'],
    ['is refused in one of several documents', '---\na: 1\n---\nb: 2\n'],
  ])('%s', (_how, text) => {
    expect(() => add(text, MAPPING)).toThrow(expect.objectContaining({ code: 'config' }));
  });
});

it('a table that is left empty stays, where the entry was the only one', () => {
  expect(remove(add('{}', JSON_ENTRY), JSON_ENTRY)).toBe('{\n  "mcpServers": {}\n}');
  expect(remove(add('extensions: # c\nlast: 1\n', MAPPING), MAPPING)).toBe('extensions: {} # c\nlast: 1\n');
});

it('what stands on the line of an entry that is removed does not end up in a comment', () => {
  const text = '{ "mcpServers": { // first\n  "postgres": {}, "b": 2 } }';
  expect(remove(text, JSON_ENTRY)).toBe('{ "mcpServers": { // first\n  "b": 2 } }');
  expect(remove('{ "mcpServers": { "a": 1, // c\n  "postgres": {} } }', JSON_ENTRY)).toMatch(/"a": 1 \/\/ c\n/);
});
