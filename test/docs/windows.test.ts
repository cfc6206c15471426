import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseYamlConfig } from '../../src/cli/yaml-config.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { parseOptions } from '../../src/config/parse-options.ts';
import { fencesOf, readDoc } from '../parts/markdown.ts';
import { ROOT } from '../parts/package.ts';

const page = readDoc('windows.md');
const entries = fencesOf(page)
  .filter(({ language }) => language === 'json')
  .flatMap(({ text }) =>
    Object.values((JSON.parse(text) as { mcpServers: Record<string, { args: string[] }> }).mcpServers),
  );
const START = String.raw`C:\drawbridge\node_modules\mcp-drawbridge\bin\mcp-drawbridge.cjs gateway --config C:\drawbridge\gateway.yaml`;

describe('docs/windows.md', () => {
  it('has no argument with a space in it, which clients on Windows split', () => {
    expect(entries.length).toBeGreaterThan(1);
    for (const { args } of entries) expect(args.filter((arg) => /\s/.test(arg))).toEqual([]);
  });

  it('has a configuration that the gateway takes', () => {
    const [yaml] = fencesOf(page).filter(({ language }) => language === 'yaml');
    const { values } = parseOptions(GATEWAY_COMMAND_OPTIONS, {
      args: ['--config', 'gateway.yaml'],
      env: {},
      readFile: () => yaml!.text,
      parseConfig: parseYamlConfig,
    });
    expect(values).toMatchObject({ 'key-file': String.raw`C:\drawbridge\keys.json`, port: 8080 });
  });

  it.each(['task', 'winsw'])('starts the same command by mcp-drawbridge-%s.xml, with no space in a path', (name) => {
    const xml = readFileSync(join(ROOT, `docs/deploy/windows/mcp-drawbridge-${name}.xml`), 'utf8');
    expect(xml).toContain(START);
    expect(page).toContain(`deploy/windows/mcp-drawbridge-${name}.xml`);
    // Register-ScheduledTask is given text, which is in no encoding any more.
    expect(xml.split('\n')[0]).toBe('<?xml version="1.0"?>');
  });
});
