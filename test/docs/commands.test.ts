import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBridgeSettings } from '../../src/cli/bridge-settings.ts';
import { readCheckSettings } from '../../src/cli/check-settings.ts';
import { CLIENTS_OPTIONS, readServer } from '../../src/cli/clients-options.ts';
import { KEYS_OPTIONS } from '../../src/cli/keys-options.ts';
import { findClient } from '../../src/clients/catalog.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { parseOptions } from '../../src/config/parse-options.ts';
import { codeOf, fencesOf } from '../parts/markdown.ts';
import { ROOT } from '../parts/package.ts';

const PAGES = ['.', 'docs', 'test/security'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: folder === 'docs', encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);
const SHELLS = ['sh', 'powershell'];
/** Ours, as it is started in a shell, whatever stands before it; a comment behind it is left out. */
const OURS =
  /(?:^|[ (])(?:npx(?:\.cmd)?(?: -y)? mcp-drawbridge|node \S*mcp-drawbridge\.cjs)(?=$|[ )])(?<given>(?:"[^"]*"|'[^']*'|[^"'#)])*)/;
const ACTIONS = ['add', 'list', 'rotate', 'revoke'];
/** What stands for something of the reader's, outside of fences. */
const EXAMPLES: Readonly<Record<string, string>> = { url: 'http://127.0.0.1:8000/sse', name: 'cursor' };

const COMMANDS = PAGES.flatMap((page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const fenced = fencesOf(text).filter(({ language }) => SHELLS.includes(language));
  const lines = fenced.flatMap((fence) => fence.text.replaceAll('\\\n', ' ').split('\n'));
  return [...lines, ...codeOf(text).map(withExamples)].flatMap((line) => {
    const given = OURS.exec(line)?.groups?.['given'];
    return given === undefined ? [] : [{ page, line, args: wordsOf(given) }];
  });
});

describe('the pages', () => {
  it('have commands of every kind', () => {
    const kinds = new Set(COMMANDS.map(({ args: [first = ''] }) => first).filter((first) => /^[a-z]+$/.test(first)));
    expect([...kinds].sort()).toEqual(['check', 'clients', 'gateway', 'keys']);
    expect(COMMANDS.length).toBeGreaterThan(20);
  });

  it.each(COMMANDS)('$page: $line', ({ args, line }) => {
    const names = [...line.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name!, 'given']);
    expect(() => accept(args, Object.fromEntries(names) as Record<string, string>)).not.toThrow();
  });

  it.each([
    'npx mcp-drawbridge chekc http://127.0.0.1:8000/sse',
    'npx mcp-drawbridge check http://127.0.0.1:8000/sse --untill http',
    'npx mcp-drawbridge check --until nowhere',
    'npx mcp-drawbridge clients nobody',
    'npx mcp-drawbridge keys ad alice',
    'npx mcp-drawbridge gateway --port eighty',
    'X=1 npx mcp-drawbridge gateway http://127.0.0.1:8000/sse',
  ])('would not be accepted with a mistake: %s', (line) => {
    expect(() => accept(wordsOf(OURS.exec(line)!.groups!['given']!), {})).toThrow();
  });
});

/** Throws where the command would refuse what it is given. */
function accept([command = '', ...args]: readonly string[], env: Readonly<Record<string, string>>): void {
  const sources = { args, env, readFile: () => '{}' };
  if (command === 'check') readCheckSettings(args, env, sources.readFile);
  else if (command === 'clients') {
    const { values, positionals } = parseOptions(CLIENTS_OPTIONS, sources);
    readServer(values, positionals[1]);
    expect(positionals.slice(0, 1).every((name) => findClient(name) !== undefined)).toBe(true);
  } else if (command === 'keys') {
    const [action] = parseOptions(KEYS_OPTIONS, sources).positionals;
    expect(ACTIONS).toContain(action);
  } else if (command === 'gateway') expect(parseOptions(GATEWAY_COMMAND_OPTIONS, sources).positionals).toEqual([]);
  else readBridgeSettings(command === '' ? args : [command, ...args], env);
}

/** Splits as a shell does, as far as the pages go. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double = '', single = '') => double + single));
}

function withExamples(code: string): string {
  return code.replace(/<(\w+)>/g, (all, name: string) => EXAMPLES[name] ?? all);
}
