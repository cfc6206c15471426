import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { readBridgeSettings } from '../../src/cli/bridge-settings.ts';
import { BRIDGE_OPTIONS } from '../../src/config/bridge-options.ts';
import { fileSchema } from '../../src/config/json-schema.ts';
import { environmentName, type Option } from '../../src/config/option.ts';
import { parseOptions } from '../../src/config/parse-options.ts';

const TEXT = readFileSync(new URL('../../docs/from-mcp-remote.md', import.meta.url), 'utf8');
const URL_TEXT = 'https://example.com/mcp';
const INFO = '{"client_id":"a","client_secret":"b"}';

/** Every flag of mcp-remote 0.15.1, as somebody may use it. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  '--help': [],
  '-h': [],
  '--version': [],
  '--header': ['X-Key:a'],
  '--header-file': ['/dev/null'],
  '--allow-http': [],
  '--debug': [],
  '--silent': [],
  '--transport': ['http-first'],
  '--protocol': ['legacy'],
  '--enable-proxy': [],
  '--ipv4': [],
  '--connect-timeout': ['10'],
  '--headers-timeout': ['300'],
  '--body-timeout': ['300'],
  '--keep-alive': [],
  '--ping-interval': ['30'],
  '--disable-cookies': [],
  '--ignore-tool': ['delete*'],
  '--host': ['localhost'],
  '--callback-path': ['/oauth/callback'],
  '--auth-timeout': ['30'],
  '--auth-success-url': ['https://example.com/done'],
  '--resource': ['https://example.com/mcp'],
  '--disable-resource-parameter': [],
  '--authorize-param': ['prompt=consent'],
  '--static-oauth-client-metadata': ['{"scope":"a"}'],
  '--static-oauth-client-info': [INFO],
  '--client-metadata-url': ['https://example.com/client.json'],
  '--device-code': [],
  '--client-credentials': ['--static-oauth-client-info', INFO],
  '--token-endpoint': ['https://example.com/token', '--client-credentials', '--static-oauth-client-info', INFO],
  '--use-id-token': [],
};

const rowsOf = (heading: string): string[] => {
  const section = TEXT.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return section.split('\n').filter((line) => line.startsWith('| '));
};

describe('docs/from-mcp-remote.md', () => {
  it.each(Object.entries(FLAGS))('%s of mcp-remote has its row, and is taken', (flag, values) => {
    const first = rowsOf('Flags').map((row) => row.split('|')[1]);
    expect(first.filter((cell) => cell?.includes(`\`${flag}\``))).toHaveLength(1);
    expect(() => readBridgeSettings([URL_TEXT, flag, ...values], {})).not.toThrow();
    expect(() => readBridgeSettings([flag, ...values, URL_TEXT], {})).not.toThrow();
    const [value, ...more] = values;
    if (value !== undefined && !value.startsWith('-')) {
      expect(() => readBridgeSettings([`${flag}=${value}`, ...more, URL_TEXT], {})).not.toThrow();
    }
  });

  it('knows no flag of mcp-remote that the list above lacks', () => {
    const flags = rowsOf('Flags').flatMap((row) => row.split('|')[1]?.match(/`-[\w-]+`/g) ?? []);
    expect(
      flags
        .map((flag) => flag.slice(1, -1))
        .filter((flag) => flag !== '-y')
        .sort(),
    ).toEqual(Object.keys(FLAGS).sort());
  });

  it('names every option that is only here, and no other', () => {
    const theirs = [...Object.keys(FLAGS), '--yes'];
    const [, sentence = ''] = /^Only here: ([\s\S]*?)\. See/m.exec(TEXT) ?? [];
    const options: readonly Option[] = BRIDGE_OPTIONS;
    const ours = options.filter(({ isArgument }) => isArgument !== true).map(({ name }) => `--${name}`);
    expect(sentence.match(/--[\w-]+/g)?.sort()).toEqual(ours.filter((flag) => !theirs.includes(flag)).sort());
  });

  it('has fences that are what they seem: entries of a client, and a configuration file', () => {
    const fences = [...TEXT.matchAll(/^```json\n(.*?)\n```$/gms)].map(([, text]) => JSON.parse(text!));
    expect(fences).toHaveLength(3);
    const [first, second, file] = fences;
    for (const { mcpServers } of [first, second]) {
      const { command, args, env } = mcpServers.postgres;
      expect([command, ...args.slice(0, 2)]).toEqual(['npx', '-y', 'mcp-drawbridge']);
      const settings = readBridgeSettings(args.slice(2), asciiOf(env));
      expect(settings).toMatchObject({ options: { url: new URL(URL_TEXT) } });
      expect(settings).toHaveProperty('options.headers.Authorization');
    }
    const isRight = new Ajv2020({ strict: true }).compile(fileSchema(BRIDGE_OPTIONS, 'Bridge'));
    expect(isRight(file), JSON.stringify(isRight.errors)).toBe(true);
    const { values } = parseOptions(BRIDGE_OPTIONS, {
      args: ['--config', 'a.json'],
      env: {},
      readFile: () => JSON.stringify(file),
    });
    expect(values).toMatchObject({ url: URL_TEXT, 'request-timeout': 600, 'ignore-tool': ['drop_*'] });
  });

  it('names files of secrets that are read', () => {
    const options: readonly Option[] = BRIDGE_OPTIONS;
    const named = [...new Set(TEXT.match(/DRAWBRIDGE_\w+_FILE/g))].sort();
    const read = options.filter(({ isSecret }) => isSecret).map((option) => `${environmentName(option)}_FILE`);
    expect(named).toEqual(read.sort());
  });

  it('has the change of one word in its first screenful', () => {
    const screenful = TEXT.split('\n').slice(0, 20).join('\n');
    expect(screenful).toContain('claude_desktop_config.json');
    expect(screenful).toContain('"mcp-drawbridge"');
    expect(screenful).toContain('It was `"mcp-remote"`');
  });
});

/** An ellipsis stands for a secret, and cannot be sent. */
function asciiOf(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('…', 'key-of-mine')]));
}
