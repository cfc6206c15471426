import { describe, expect, it } from 'vitest';
import { BRIDGE_OPTIONS } from '../../src/config/bridge-options.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { environmentNote, formatOptions } from '../../src/config/help.ts';
import type { Option } from '../../src/config/option.ts';
import { runCli } from '../parts/run-cli.ts';

const TABLES: readonly { of: string; table: readonly Option[] }[] = [
  { of: 'the bridge', table: BRIDGE_OPTIONS },
  { of: 'the gateway', table: GATEWAY_COMMAND_OPTIONS },
];

describe.each(TABLES)('help of $of', ({ table }) => {
  const text = formatOptions(table);

  it('has lines of at most 80 columns without space at their ends', () => {
    for (const line of text.split('\n')) {
      expect(line.length, line).toBeLessThanOrEqual(80);
      expect(line).toBe(line.trimEnd());
    }
  });

  it('names each option once, with its choices, its default and every word about it', () => {
    const flat = text.replace(/\s+/g, ' ');
    for (const option of table.filter(({ isArgument }) => isArgument !== true)) {
      expect(text.match(new RegExp(`^  (-\\w, )?--${option.name}(?![\\w-])`, 'gm')), option.name).toHaveLength(1);
      expect(flat).toContain(option.help);
      if (option.default !== undefined) expect(flat).toContain(`${option.help} (default ${option.default})`);
      const values = option.value ?? option.choices?.join('|');
      if (values !== undefined) expect(flat).toContain(`--${option.name} ${values}`);
      for (const choice of option.choices ?? []) expect(flat).toContain(choice);
    }
  });

  it('has sentences that fit a table: a capital or a value first, no full stop', () => {
    for (const { help } of table) expect(help).toMatch(/^([A-Z]|\S+: |\S+\/).*[^.]$/);
  });
});

describe('a table of options', () => {
  it('puts the text of a long name on the next line, and wraps a long text under its first', () => {
    const words = 'words '.repeat(20).trim();
    expect(
      formatOptions([
        { name: 'n', kind: 'integer', default: 3, help: 'A number' },
        { name: 'a-name-that-is-quite-long', kind: 'text', value: 'url', help: words },
        { name: 'yes', short: 'y', kind: 'flag', help: 'A flag' },
      ]),
    ).toBe(
      [
        '  --n n                   A number (default 3)',
        '  --a-name-that-is-quite-long url',
        `${' '.repeat(26)}${'words '.repeat(9).trim()}`,
        `${' '.repeat(26)}${'words '.repeat(9).trim()}`,
        `${' '.repeat(26)}words words`,
        '  -y, --yes               A flag',
      ].join('\n'),
    );
  });

  it('has headings, and leaves out what has no name on the command line', () => {
    expect(
      formatOptions([
        { name: 'url', kind: 'text', isArgument: true, help: 'A URL' },
        { name: 'a', kind: 'flag', heading: 'First', help: 'A flag' },
        { name: 'b', kind: 'seconds', heading: 'Second', default: 0.5, help: 'A time' },
      ]),
    ).toBe(
      [
        'First',
        '  --a                     A flag',
        '',
        'Second',
        '  --b s                   A time (default 0.5)',
      ].join('\n'),
    );
  });

  it('has a note that shows how a name becomes that of a variable', () => {
    expect(environmentNote({ name: 'max-body-bytes', kind: 'integer', help: '' })).toContain(
      '--max-body-bytes is DRAWBRIDGE_MAX_BODY_BYTES',
    );
  });
});

describe('the built command line', () => {
  it.concurrent.each([
    [['--help']],
    [['-h']],
    [[]],
    [['gateway', '--help']],
    [['keys', '--help']],
  ])('prints its help for %j, in 80 columns, and nothing else', async (args) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage$/m);
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('prints its version', async () => {
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});
