import { parse as parseToml } from '@decimalturn/toml-patch';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { CLIENTS_OPTIONS } from '../../src/cli/clients-options.ts';
import { MCP_CLIENTS } from '../../src/clients/catalog.ts';
import { renderEntry } from '../../src/clients/render.ts';
import { helpRows } from '../parts/help.ts';
import { machineOf } from '../parts/machines.ts';
import { codeOf, fencesOf, readDoc, rowsOf, sectionsOf } from '../parts/markdown.ts';

const READ = { json: JSON.parse, toml: parseToml, yaml: parseYaml };
const SECTIONS = sectionsOf(readDoc('clients.md'), 2);
const bodyOf = (heading: string): string => SECTIONS.find((section) => section.heading === heading)!.body;
const SERVER = {
  name: 'postgres',
  url: new URL('https://db.example.com/mcp'),
  transport: 'http',
  token: { variable: 'MCP_TOKEN' },
} as const;

/** As the page writes a path of the machines in test/parts. */
const shown = (path: string): string =>
  path
    .replace(/^\/(Users|home)\/ada/, '~')
    .replace('C:\\Users\\ada\\AppData\\Roaming', '%APPDATA%')
    .replace('C:\\Users\\ada', '%USERPROFILE%');

describe('docs/clients.md', () => {
  const rows = rowsOf(bodyOf('Which way'));

  it.each(MCP_CLIENTS)('has the files of $id and its ways', (client) => {
    const [title, , files, http, sse] = rows.find(([, id]) => id === `\`${client.id}\``)!;
    expect([title, http, sse]).toEqual([client.title, client.ways('http')[0], client.ways('sse')[0]]);
    const listed = codeOf(files!);
    for (const platform of ['darwin', 'linux', 'win32'] as const) {
      const path = shown(client.locate(machineOf(platform))[0]!);
      // A path that begins at the home folder is written once for all systems.
      const same = path.replace('%USERPROFILE%', '~').replaceAll('\\', '/');
      expect(
        [path, same].some((one) => listed.includes(one)),
        path,
      ).toBe(true);
    }
  });

  it('has the entry of every client, and no other', () => {
    const body = bodyOf('The entries');
    const fences = fencesOf(body).map(({ language, text }) => READ[language as keyof typeof READ](text));
    const titles = [...body.matchAll(/^(.+):\n\n```/gm)].map(([, list]) => list!.split(', '));
    expect(titles.flat().sort()).toEqual(MCP_CLIENTS.map(({ title }) => title).sort());
    for (const client of MCP_CLIENTS) {
      const entry = client.describe(SERVER, machineOf('linux'));
      const index = titles.findIndex((list) => list.includes(client.title));
      expect(fences[index]).toEqual(READ[entry.format](renderEntry(entry)));
    }
  });

  it('has the options as --help has them', () => {
    const rows = rowsOf(readDoc('clients.md')).filter(([option]) => option?.startsWith('`--'));
    expect(rows).toEqual(helpRows(CLIENTS_OPTIONS));
  });

  it('names options that there are', () => {
    const named = codeOf(readDoc('clients.md')).flatMap((code) => code.match(/--[a-z-]+/g) ?? []);
    const known = [...CLIENTS_OPTIONS.map(({ name }) => `--${name}`), '--ssh'];
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});
