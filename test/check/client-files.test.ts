import { describe, expect, it } from 'vitest';
import { checkClientFiles } from '../../src/check/client-files.ts';
import type { Finding } from '../../src/check/finding.ts';
import { MCP_CLIENTS } from '../../src/clients/catalog.ts';
import { addEntry } from '../../src/clients/files/edit.ts';
import { type MemoryMachineOptions, memoryMachine } from '../parts/memory-machine.ts';

type Platform = MemoryMachineOptions['platform'];
const PLATFORMS = ['win32', 'darwin', 'linux'] as const;

function clientOf(id: string) {
  return MCP_CLIENTS.find((client) => client.id === id)!;
}

/** Where a client has its file on such a machine. */
function fileOf(id: string, platform: Platform): string {
  return clientOf(id).locate(memoryMachine({ platform }))[0]!;
}

async function findings(options: MemoryMachineOptions): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const finding of checkClientFiles(memoryMachine(options))) found.push(finding);
  return found;
}

const wrong = (found: readonly Finding[]): Finding[] =>
  found.filter(({ verdict }) => verdict === 'warn' || verdict === 'fail');

/** What is said of one file of one client. */
async function judge(
  id: string,
  platform: Platform,
  text: string | Buffer,
  more: Partial<MemoryMachineOptions> = {},
): Promise<Finding[]> {
  return wrong(await findings({ platform, ...more, files: { [fileOf(id, platform)]: text, ...more.files } }));
}

const servers = (entry: object, name = 'db'): string => JSON.stringify({ mcpServers: { [name]: entry } }, undefined, 2);
const npx = (...args: string[]): object => ({ command: 'npx', args: ['-y', 'mcp-drawbridge', ...args] });
const cmd = (...args: string[]): object => ({ command: 'cmd', args: ['/c', 'npx', '-y', 'mcp-drawbridge', ...args] });

describe('what is wrong is said, with its place and a remedy', () => {
  it.each<[name: string, id: string, on: readonly Platform[], text: string, verdict: string, said: RegExp]>([
    [
      'a file that does not parse',
      'cursor',
      PLATFORMS,
      '{\n  "mcpServers": {\n    "db" {}\n  }\n}',
      'fail',
      /^Cursor: does not parse: line 3, column 10: .*mcp\.json\)$/,
    ],
    [
      'a TOML file that does not parse',
      'codex',
      PLATFORMS,
      '[mcp_servers.db]\nurl = \n',
      'fail',
      /^Codex: does not parse: line \d+, column \d+/,
    ],
    [
      'a YAML file that does not parse',
      'goose',
      PLATFORMS,
      'extensions:\n  - a: [1\n',
      'fail',
      /^Goose: does not parse: line \d+, column \d+/,
    ],
    [
      'a comment where JSON is strict',
      'claude-desktop',
      PLATFORMS,
      '{ // my servers\n "mcpServers": {} }',
      'fail',
      /comment or a comma at the end/,
    ],
    [
      'a url in Claude Desktop',
      'claude-desktop',
      PLATFORMS,
      servers({ url: 'https://db.example.com/mcp' }),
      'fail',
      /"db" has a url, and Claude Desktop starts programs only.*\.json:3\)$/,
    ],
    [
      'mcp-remote',
      'claude-desktop',
      ['darwin', 'linux'],
      servers({ command: 'npx', args: ['mcp-remote', 'https://db.example.com/mcp'] }),
      'warn',
      /starts mcp-remote/,
    ],
    [
      'mcp-remote of a version, on Windows',
      'cursor',
      ['win32'],
      servers({ command: 'cmd', args: ['/c', 'npx', 'mcp-remote@0.1.29', 'https://db.example.com/mcp'] }),
      'warn',
      /starts mcp-remote/,
    ],
    [
      'localhost',
      'cursor',
      PLATFORMS,
      servers({ url: 'http://localhost:8000/mcp' }),
      'warn',
      /has localhost in its URL/,
    ],
    [
      'http to another machine',
      'cursor',
      PLATFORMS,
      servers({ url: 'http://10.0.0.5:8000/mcp' }),
      'warn',
      /reaches 10\.0\.0\.5:8000 over http/,
    ],
    [
      'a space in an argument',
      'claude-desktop',
      ['win32'],
      servers(cmd('https://db.example.com/mcp', '--header', 'X-Team: ${TEAM}')),
      'warn',
      /argument with a space/,
    ],
    [
      'a bare npx',
      'cursor',
      ['win32'],
      servers(npx('https://db.example.com/mcp')),
      'warn',
      /starts npx, which is a script on Windows/,
    ],
    [
      'Node under Program Files in a shell',
      'windsurf',
      ['win32'],
      servers({ command: 'cmd', args: ['/c', 'C:\\Program Files\\nodejs\\npx.cmd', '-y', 'x'] }),
      'fail',
      /under C:\\Program Files through a shell/,
    ],
    [
      'a Node.js of a removed version',
      'cursor',
      ['darwin', 'linux'],
      servers({ command: '/home/ada/.nvm/versions/node/v18.1.0/bin/node', args: ['/opt/x.cjs'] }),
      'fail',
      /v18\.1\.0\/bin\/node, which is not there/,
    ],
    [
      'a script that is not there',
      'cursor',
      ['darwin', 'linux'],
      servers({ command: 'node', args: ['/opt/gone.cjs'] }),
      'fail',
      /\/opt\/gone\.cjs, which is not there/,
    ],
    [
      'a script that is not there, on Windows',
      'cursor',
      ['win32'],
      servers({ command: 'node', args: ['C:\\gone.cjs'] }),
      'fail',
      /C:\\gone\.cjs, which is not there/,
    ],
    [
      'a path with ~',
      'cursor',
      ['darwin', 'linux'],
      servers({ command: '~/bin/x', args: [] }),
      'fail',
      /no shell is there that knows what ~ is/,
    ],
    [
      'a command that is not found',
      'windsurf',
      PLATFORMS,
      servers({ command: 'uvx', args: ['postgres-mcp'] }),
      'fail',
      /starts uvx, which is in no folder of the PATH/,
    ],
    [
      'a key in args',
      'cursor',
      ['darwin', 'linux'],
      servers(npx('https://db.example.com/mcp', '--header', 'Authorization:Bearer mdb_abcdefgh12345')),
      'warn',
      /has a secret in its args/,
    ],
    [
      'a password in a URL in args',
      'cursor',
      ['darwin', 'linux'],
      servers({ command: 'npx', args: ['postgres-mcp', 'postgresql://kwild:hunter2secret@127.0.0.1/kwild'] }),
      'warn',
      /has a secret in its args/,
    ],
    [
      'a token as a flag',
      'cursor',
      ['darwin', 'linux'],
      servers({ command: 'npx', args: ['x', '--api-key', 'abcdef'] }),
      'warn',
      /has a secret in its args/,
    ],
    [
      'an address of SSE in Codex',
      'codex',
      PLATFORMS,
      '[mcp_servers.db]\nurl = "https://db.example.com/sse"\n',
      'fail',
      /"db" has an address of legacy SSE, which Codex does not speak.*config\.toml:1\)$/,
    ],
    [
      'url for Streamable HTTP in Gemini',
      'gemini-cli',
      PLATFORMS,
      servers({ url: 'https://db.example.com/mcp' }),
      'fail',
      /has url, which is legacy SSE there/,
    ],
    [
      'httpUrl for SSE in Gemini',
      'gemini-cli',
      PLATFORMS,
      servers({ httpUrl: 'https://db.example.com/sse' }),
      'fail',
      /has httpUrl, which is Streamable HTTP/,
    ],
    [
      'url in Windsurf',
      'windsurf',
      PLATFORMS,
      servers({ url: 'https://db.example.com/mcp' }),
      'fail',
      /has url, which Windsurf does not read/,
    ],
    [
      'no type in Cline',
      'cline',
      PLATFORMS,
      servers({ url: 'https://db.example.com/mcp' }),
      'fail',
      /no type, which Cline takes for legacy SSE/,
    ],
    [
      'the type of others in Cline',
      'cline',
      PLATFORMS,
      servers({ type: 'http', url: 'https://db.example.com/mcp' }),
      'fail',
      /the type "http", which Cline does not know/,
    ],
    [
      'no type in Claude Code',
      'claude-code',
      PLATFORMS,
      servers({ url: 'https://db.example.com/mcp' }),
      'fail',
      /no type, which Claude Code takes for a program/,
    ],
    [
      'the key of others in VS Code',
      'vscode',
      PLATFORMS,
      servers({ type: 'http', url: 'https://db.example.com/mcp' }),
      'fail',
      /has servers under mcpServers, and VS Code \(Copilot\) reads servers/,
    ],
    [
      'the same server twice',
      'cursor',
      ['darwin', 'linux'],
      JSON.stringify({ mcpServers: { a: { url: 'http://127.0.0.1:8000/mcp' }, b: npx('http://127.0.0.1:8000/sse') } }),
      'warn',
      /"b" is the same server as "a", once directly and once through a bridge/,
    ],
    [
      'a byte order mark',
      'cursor',
      PLATFORMS,
      `\ufeff${servers({ url: 'https://db.example.com/mcp' })}`,
      'warn',
      /begins with a byte order mark/,
    ],
  ])('%s', async (_name, id, on, text, verdict, said) => {
    for (const platform of on) {
      const found = await judge(id, platform, text);
      expect(
        found.map((each) => each.said),
        platform,
      ).toEqual([expect.stringMatching(said)]);
      expect(found[0]).toMatchObject({ hop: 'clients', verdict, remedy: expect.stringMatching(/\S/) });
      expect(JSON.stringify(found)).not.toMatch(/hunter2secret|mdb_abcdefgh|abcdef"/);
    }
  });

  it('the line is that of the entry, and not of one whose name only begins so', async () => {
    const text =
      '[mcp_servers.db2]\nurl = "https://x.example/mcp"\n\n[mcp_servers.db]\nurl = "https://db.example.com/sse"\n';
    expect((await judge('codex', 'linux', text))[0]?.said).toContain('config.toml:4)');
  });

  it('UTF-16 is named as what it is', async () => {
    const text = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(servers({ url: 'x' }), 'utf16le')]);
    expect((await judge('cursor', 'win32', text))[0]?.said).toMatch(/is UTF-16/);
  });

  it('several files of Claude Desktop are all named', async () => {
    const local =
      'C:\\Users\\ada\\AppData\\Local\\Packages\\Claude_abc\\LocalCache\\Roaming\\Claude\\claude_desktop_config.json';
    const roaming = 'C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json';
    const found = wrong(await findings({ platform: 'win32', files: { [local]: '{}', [roaming]: '{}' } }));
    expect(found).toHaveLength(1);
    expect(found[0]?.said).toContain('Packages\\Claude_abc');
    expect(found[0]?.said).toContain('~\\AppData\\Roaming\\Claude');
  });

  it.each(['darwin', 'linux'] as const)('a file with a key that others can read is named, on %s', async (platform) => {
    const text = servers({ url: 'https://db.example.com/mcp', headers: { Authorization: 'Bearer mdb_abcdefgh12345' } });
    expect((await judge('cursor', platform, text, { isOpen: true }))[0]).toMatchObject({
      said: expect.stringContaining('other users of this machine can read it'),
      remedy: expect.stringContaining('chmod 600'),
    });
    expect(await judge('cursor', platform, text)).toEqual([]);
    const referred = servers({ url: 'https://db.example.com/mcp', headers: { Authorization: 'Bearer ${env:TOKEN}' } });
    expect(await judge('cursor', platform, referred, { isOpen: true })).toEqual([]);
  });

  it('a file that cannot be read is told, and the others are read', async () => {
    const machine = memoryMachine({
      platform: 'linux',
      files: { [fileOf('cursor', 'linux')]: servers({ url: 'http://localhost/mcp' }) },
    });
    const locked = fileOf('windsurf', 'linux');
    const found: Finding[] = [];
    const isFile = (path: string): boolean => path === locked || machine.isFile(path);
    for await (const finding of checkClientFiles({ ...machine, isFile })) found.push(finding);
    expect(wrong(found).map(({ said }) => said)).toEqual([
      expect.stringContaining('Cursor: "db" has localhost'),
      expect.stringContaining('Windsurf: cannot be read: ENOENT'),
    ]);
  });

  it('a Node.js that only a shell finds is named for Claude Desktop', async () => {
    const npxPath = '/Users/ada/.nvm/versions/node/v22.1.0/bin/npx';
    const found = await judge('claude-desktop', 'darwin', servers(npx('https://db.example.com/mcp')), {
      files: { [npxPath]: '' },
      env: { PATH: '/Users/ada/.nvm/versions/node/v22.1.0/bin' },
    });
    expect(found[0]?.said).toMatch(/only the shell of a version manager finds/);
  });

  it('what Claude Code keeps for this folder alone is looked at too', async () => {
    const text = JSON.stringify({
      projects: { '/project': { mcpServers: { db: { url: 'https://x.example/mcp' } } } },
    });
    expect((await judge('claude-code', 'linux', text))[0]?.said).toMatch(/"db" has a URL and no type/);
  });

  it('a project’s file is looked at too', async () => {
    const path = clientOf('cursor').locateProject!(memoryMachine({ platform: 'linux' }));
    const found = wrong(
      await findings({ platform: 'linux', files: { [path]: servers({ url: 'http://localhost/mcp' }) } }),
    );
    expect(found[0]?.said).toContain('/project/.cursor/mcp.json:3');
  });
});

describe('files in order', () => {
  const cases = PLATFORMS.flatMap((platform) => MCP_CLIENTS.map(({ id }) => [platform, id] as const));
  it.each(cases)('on %s, what clients writes for %s finds nothing wrong', async (platform, id) => {
    const client = clientOf(id);
    for (const transport of ['sse', 'http'] as const) {
      for (const way of client.ways(transport)) {
        const url = new URL(`https://db.example.com/${transport === 'sse' ? 'sse' : 'mcp'}`);
        const machine = memoryMachine({ platform });
        const entry = client.describe({ name: 'postgres', url, transport }, machine, way);
        const path = client.locate(machine)[0]!;
        const found = await findings({ platform, files: { [path]: addEntry('', path, entry), ...PROGRAM } });
        expect(found, `${way} ${transport}`).toEqual([
          { hop: 'clients', verdict: 'ok', said: expect.stringContaining(`${client.title}: postgres`) },
        ]);
      }
    }
  });

  it('a file without servers is passed over, and so is an entry that is switched off', async () => {
    for (const text of ['', '{}', servers({ url: 'http://localhost/mcp', disabled: true })]) {
      const found = await findings({ platform: 'linux', files: { [fileOf('cursor', 'linux')]: text } });
      expect(found).toEqual([{ hop: 'clients', verdict: 'skip', said: 'Cursor: no MCP server in ~/.cursor/mcp.json' }]);
    }
  });

  it('a machine without files says so', async () => {
    expect(await findings({ platform: 'darwin' })).toEqual([
      { hop: 'clients', verdict: 'skip', said: 'no MCP client has a file on this machine' },
    ]);
  });

  it.each([
    '[]',
    '"text"',
    'null',
    '{"mcpServers":[]}',
    '{"mcpServers":{"a":1,"b":null,"c":[]}}',
    '{"mcpServers":{"a":{"command":7,"args":"x","env":[]}}}',
  ])('%s breaks nothing', async (text) => {
    const found = await findings({ platform: 'linux', files: { [fileOf('cursor', 'linux')]: text } });
    expect(found).toHaveLength(1);
    expect(wrong(found)).toEqual([]);
  });
});

/** What the entry of a bridge may name. */
const PROGRAM = {
  [memoryMachine({ platform: 'win32' }).binPath]: '',
  [memoryMachine({ platform: 'linux' }).binPath]: '',
};
