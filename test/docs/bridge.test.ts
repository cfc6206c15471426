import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readBridgeSettings } from '../../src/cli/bridge-settings.ts';
import { CHECK_OPTIONS } from '../../src/cli/check-options.ts';
import { CLIENTS_OPTIONS } from '../../src/cli/clients-options.ts';
import { KEYS_OPTIONS } from '../../src/cli/keys-options.ts';
import { BRIDGE_OPTIONS } from '../../src/config/bridge-options.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { environmentName, type Option, optionsOfFiles, propertyName } from '../../src/config/option.ts';
import { codeOf, fencesOf, listDocs, readDoc } from '../parts/markdown.ts';

const FAULTS = readFileSync(new URL('../faults/run.mjs', import.meta.url), 'utf8');
const OPTIONS: readonly Option[] = BRIDGE_OPTIONS;
/** One stands for any, the other is misspelt on purpose. */
const NO_OPTIONS = ['--flag', '--allow-htp'];
/** How many arguments lead to our own: those of `npx -y mcp-drawbridge`, and the same after `cmd /c`. */
const BEFORE_OURS: Readonly<Record<string, number>> = { npx: 2, cmd: 4 };
/** Of the other commands. */
const OTHER_OPTIONS: readonly Option[] = [...KEYS_OPTIONS, ...CLIENTS_OPTIONS, ...CHECK_OPTIONS];
/** Lines of a page that start something else, or are of another file. */
const OTHER_PROGRAMS = /^npm(\.cmd)? (install|root)|^HEALTHCHECK|\buv pip |bin\/postgres-mcp .*--transport/;
const BRIDGE = readDoc('bridge.md');

describe.each(listDocs())('docs/%s', (name) => {
  const text = readDoc(name);

  it('has entries of a client that are JSON, start this program, and are accepted', () => {
    for (const { mcpServers } of fencesOf(text).filter(isJson).map(parsed).filter(isEntry)) {
      for (const { command, args, env } of Object.values(mcpServers).filter(isStarted)) {
        expect(args.splice(0, BEFORE_OURS[command] ?? 1).at(-1)).toMatch(/mcp-drawbridge(\.cjs)?$/);
        expect(readBridgeSettings(args, readable(env))).toHaveProperty('options.url');
      }
    }
  });

  it('names only options that exist', () => {
    const options = [...OPTIONS, ...GATEWAY_COMMAND_OPTIONS, ...OTHER_OPTIONS].filter(
      (option: Option) => option.isArgument !== true,
    );
    const known = [...options.map(({ name: option }) => `--${option}`), ...NO_OPTIONS];
    const lines = [...codeOf(text), ...fencesOf(text).flatMap((fence) => fence.text.split('\n'))];
    for (const line of lines.filter((code) => !OTHER_PROGRAMS.test(code))) {
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
    const known = [...OPTIONS, ...GATEWAY_COMMAND_OPTIONS, ...OTHER_OPTIONS].flatMap((option) => [
      environmentName(option),
      `${environmentName(option)}_FILE`,
    ]);
    expect((text.match(/DRAWBRIDGE_[A-Z_\d]*[A-Z\d]/g) ?? []).filter((variable) => !known.includes(variable))).toEqual(
      [],
    );
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
