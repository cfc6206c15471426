import { expect, it } from 'vitest';
import { parseYamlConfig } from '../../src/cli/yaml-config.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { optionsPage } from '../../src/config/options-page.ts';
import { parseOptions } from '../../src/config/parse-options.ts';
import { fencesOf, listDocs, readDoc } from '../parts/markdown.ts';

it('docs/configuration.md is what npm run docs makes of the options', () => {
  expect(readDoc('configuration.md')).toBe(optionsPage(GATEWAY_COMMAND_OPTIONS));
});

/** Its fences are the files of clients, which clients.test.ts reads. */
const OF_CLIENTS = 'clients.md';
const pages = listDocs().filter((name) => name !== OF_CLIENTS);
const examples = pages.flatMap((name) =>
  fencesOf(readDoc(name))
    .filter(({ language }) => language === 'yaml')
    .map(({ text }) => ({ name, text })),
);

it.each(examples)('the configuration in docs/$name is one that the gateway takes', ({ text }) => {
  const { values } = parseOptions(GATEWAY_COMMAND_OPTIONS, {
    args: ['--config', 'drawbridge.yaml'],
    env: {},
    readFile: () => text,
    parseConfig: parseYamlConfig,
  });
  expect(values.upstream ?? values.command).toContainEqual(expect.stringMatching(/^(http|postgres-mcp\/)/));
});
