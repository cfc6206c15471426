import { parse as parseToml } from '@decimalturn/toml-patch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTree } from '../../../src/clients/files/read-tree.ts';
import { splitToml } from '../../../src/clients/files/toml-statements.ts';

describe('the tree of a file', () => {
  it('of JSON has the values, and the line of each member’s name', () => {
    const text =
      '\ufeff{\n  // servers\n  "mcpServers": {\n    "a": {\n      "args": ["x",\n        "y"] },\n    "__proto__": 1\n  },\n}';
    const tree = readTree(text, 'the-file', 'json');
    expect(tree.hasMark).toBe(true);
    expect(JSON.stringify(tree.content)).toBe('{"mcpServers":{"a":{"args":["x","y"]},"__proto__":1}}');
    expect(tree.lineOf([])).toBe(1);
    expect(tree.lineOf(['mcpServers', 'a'])).toBe(4);
    expect(tree.lineOf(['mcpServers', 'a', 'args', 1])).toBe(6);
    expect(tree.lineOf(['mcpServers', '__proto__'])).toBe(7);
    expect(tree.lineOf(['mcpServers', 'b'])).toBeUndefined();
    expect(tree.lineOf(['mcpServers', 'a', 'constructor'])).toBeUndefined();
  });

  it('of YAML has them too, in lists as well, with aliases followed', () => {
    const text = 'base: &b\n  command: x\nmcpServers:\n  - name: a\n    url: u\n  - *b\nempty:\n';
    const { content, lineOf } = readTree(text, 'the-file', 'yaml');
    expect(content).toEqual({
      base: { command: 'x' },
      mcpServers: [{ name: 'a', url: 'u' }, { command: 'x' }],
      empty: null,
    });
    expect(
      [[], ['mcpServers'], ['mcpServers', 0], ['mcpServers', 0, 'url'], ['mcpServers', 1], ['empty']].map(lineOf),
    ).toEqual([1, 3, 4, 5, 6, 7]);
    expect(lineOf(['none', 'x'])).toBeUndefined();
    expect(lineOf(['mcpServers', 0, 'url', 'deeper'])).toBeUndefined();
  });

  it('of TOML has them too, in tables, dotted keys, inline tables and arrays of tables', () => {
    const text = [
      'a.b = 1 # one',
      'notes = """',
      '[mcp_servers.no]',
      '""""',
      '[mcp_servers."x.y"]',
      'args = [ # ]',
      '  "[z]",',
      ']',
      'env = { K = "v" }',
      '[[list]]',
      'n = 1',
      '[[list]]',
      'n = 2',
      '[list.inner]',
      'm = 3',
    ].join('\r\n');
    const { content, lineOf } = readTree(text, 'the-file', 'toml');
    expect(content).toMatchObject({
      mcp_servers: { 'x.y': { env: { K: 'v' } } },
      list: [{ n: 1 }, { inner: { m: 3 } }],
    });
    const paths = [
      ['a', 'b'],
      ['mcp_servers', 'x.y'],
      ['mcp_servers', 'x.y', 'env', 'K'],
      ['list', 0, 'n'],
      ['list', 1, 'n'],
      ['list', 1, 'inner', 'm'],
    ];
    expect(paths.map(lineOf)).toEqual([1, 5, 9, 11, 13, 15]);
    expect(lineOf(['mcp_servers', 'no'])).toBeUndefined();
    expect(lineOf(['list', 2])).toBeUndefined();
  });

  it.each(['json', 'toml', 'yaml'] as const)('of an empty %s file is nothing', (format) => {
    expect(readTree('\n', 'the-file', format).content).toBeUndefined();
  });

  it('that cannot be read says where', () => {
    const said = (why: string): object =>
      expect.objectContaining({ code: 'config', why: expect.stringContaining(why) });
    expect(() => readTree('{\n "a" 1}', 'the-file', 'json')).toThrow(said('line 2'));
    expect(() => readTree('a = 1\na = 2\n', 'the-file', 'toml')).toThrow(said('line 2, column 1'));
    expect(() => readTree('a: 1\na: 2\n', 'the-file', 'yaml')).toThrow(said('line 2, column 1'));
  });
});

it('a TOML text is split into as many statements as it has, each with its own text', () => {
  const key = fc.oneof(
    fc.stringMatching(/^[a-z-]{1,5}$/),
    fc.stringMatching(/^"[a-z.# \]=]{1,5}"$/),
    fc.stringMatching(/^'[a-z.#\\ ]{1,5}'$/),
  );
  const value = fc.constantFrom(
    '1',
    '"a # b"',
    "'c\\'",
    '[1, # ]\n 2]',
    '{ x = "}" }',
    '"""\n[no]\n\\""""',
    "'''\n[no]\n'''",
    '1979-05-27 07:32:00',
  );
  const pair = fc.tuple(key, value, fc.constantFrom('', ' # note [x]'));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'), (pairs, eol) => {
      const statements = pairs.map(([name, is, note], index) =>
        `k${index}.${name} = ${is}${note}`.replaceAll('\n', eol),
      );
      const text = ['# first', ...statements, '', '[last."t.u"]', 'z = 1'].join(eol);
      parseToml(text);
      const split = splitToml(text);
      expect(split.map(({ from, to }) => text.slice(from, to))).toEqual([...statements, '[last."t.u"]', 'z = 1']);
      expect(split.at(-1)?.path).toEqual(['last', 't.u', 'z']);
    }),
    { numRuns: 500 },
  );
});
