import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readBridgeSettings } from '../../src/cli/bridge-settings.ts';
import { CLIENTS_OPTIONS } from '../../src/cli/clients-options.ts';
import { KEYS_OPTIONS } from '../../src/cli/keys-options.ts';
import { BRIDGE_OPTIONS } from '../../src/config/bridge-options.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { environmentName, type Option, optionsOfFiles, propertyName } from '../../src/config/option.ts';
import { anchorOf, codeOf, fencesOf, listDocs, readDoc } from '../parts/markdown.ts';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const FAULTS = readFileSync(new URL('../faults/run.mjs', import.meta.url), 'utf8');
const OPTIONS: readonly Option[] = BRIDGE_OPTIONS;
/** One stands for any, the other is misspelt on purpose. */
const NO_OPTIONS = ['--flag', '--allow-htp'];
/** Of `keys` and of `clients` alone. */
const KEY_OPTIONS: readonly Option[] = KEYS_OPTIONS;
const ENTRY_OPTIONS: readonly Option[] = CLIENTS_OPTIONS;
const BRIDGE = readDoc('bridge.md');

describe.each(listDocs())('docs/%s', (name) => {
  const text = readDoc(name);

  it('has entries of a client that are JSON, start this program, and are accepted', () => {
    for (const { mcpServers } of fencesOf(text).filter(isJson).map(parsed).filter(isEntry)) {
      for (const { command, args, env } of Object.values(mcpServers).filter(isStarted)) {
        expect(args.splice(0, command === 'npx' ? 2 : 1).at(-1)).toMatch(/mcp-drawbridge(\.cjs)?$/);
        expect(readBridgeSettings(args, readable(env))).toHaveProperty('options.url');
      }
    }
  });

  it('names only options that exist', () => {
    const options = [...OPTIONS, ...GATEWAY_COMMAND_OPTIONS, ...KEY_OPTIONS, ...ENTRY_OPTIONS].filter(
      (option: Option) => option.isArgument !== true,
    );
    const known = [...options.map(({ name: option }) => `--${option}`), ...NO_OPTIONS];
    const lines = [...codeOf(text), ...fencesOf(text).flatMap((fence) => fence.text.split('\n'))];
    for (const line of lines.filter((code) => !code.startsWith('npm install'))) {
      const named = withoutCommand(line).match(/(?<![\w-])--[a-z][\w-]*/g) ?? [];
      const isOfSuite = line.startsWith('npm run faults');
      const exists = (option: string): boolean => (isOfSuite ? FAULTS.includes(option) : known.includes(option));
      expect(
        named.filter((option) => !exists(option)),
        line,
      ).toEqual([]);
    }
  });

  it('names only variables of ours that exist', () => {
    const known = [...OPTIONS, ...GATEWAY_COMMAND_OPTIONS, ...ENTRY_OPTIONS].flatMap((option) => [
      environmentName(option),
      `${environmentName(option)}_FILE`,
    ]);
    expect((text.match(/DRAWBRIDGE_[A-Z_\d]*[A-Z\d]/g) ?? []).filter((variable) => !known.includes(variable))).toEqual(
      [],
    );
  });

  it('links to files and headings that exist', () => {
    for (const [, path = '', anchor] of text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
      if (/^https?:/.test(path)) continue;
      const file = path === '' ? join(DOCS, name) : join(dirname(join(DOCS, name)), path);
      expect(existsSync(file), path).toBe(true);
      if (anchor === undefined) continue;
      const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
      expect(headings.map(anchorOf)).toContain(anchor);
    }
  });

  it('has the defaults of the options that it gives a number of seconds for', () => {
    for (const [, seconds, option] of text.matchAll(/\b(\d+) s \(`--([\w-]+)`\)/g)) {
      expect(`${option} ${defaultOf(option!)}`).toBe(`${option} ${seconds}`);
    }
  });
});

describe('docs/bridge.md', () => {
  it('has the number of seconds of each option that has a default in its promises', () => {
    const given = [...BRIDGE.matchAll(/\b\d+ s \(`--([\w-]+)`\)/g)].map(([, option]) => option);
    expect(given.sort()).toEqual(['hold', 'initialize-timeout', 'ping-interval', 'pong-timeout']);
  });

  it('says of an option that it is off where it is', () => {
    const items = BRIDGE.split(/^- /m).filter((item) => /\bOff by default\b/.test(item));
    expect(items.map((item) => defaultOf(/^`--([\w-]+)/.exec(item)?.[1] ?? ''))).toEqual([0, 0]);
  });

  it('shows how an option becomes a variable and a member of a file', () => {
    const hold = OPTIONS.find(({ name }) => name === 'hold')!;
    expect(BRIDGE).toContain(`\`--hold\` is \`${environmentName(hold)}\``);
    expect(optionsOfFiles(OPTIONS).map(propertyName)).toContain('hold');
  });
});

interface Entry {
  readonly mcpServers: Readonly<Record<string, Started | { readonly command?: never }>>;
}

interface Started {
  command: string;
  args: string[];
  env?: Readonly<Record<string, string>>;
}

/** Other entries have the address of a server, which the client reaches itself. */
function isStarted(entry: Entry['mcpServers'][string]): entry is Started {
  return entry.command !== undefined;
}

/** The options of a server that the gateway starts are its own. */
function withoutCommand(line: string): string {
  return line.replace(/(^command: |\s-- ).*/, '');
}

function isJson({ language }: { readonly language: string }): boolean {
  return language === 'json';
}

function parsed({ text }: { readonly text: string }): object {
  return JSON.parse(text) as object;
}

function isEntry(content: object): content is Entry {
  return 'mcpServers' in content;
}

/** Files that only the reader has are an empty one here; an ellipsis stands for a secret, and cannot be sent. */
function readable(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const values = Object.entries(env).map(([name, value]) => [
    name,
    name.endsWith('_FILE') ? '/dev/null' : value.replace('…', 'key-of-mine'),
  ]);
  return Object.fromEntries(values) as Record<string, string>;
}

function defaultOf(name: string): string | number | undefined {
  return OPTIONS.find((option) => option.name === name)?.default;
}
