import { describe, expect, it } from 'vitest';
import { findClient, MCP_CLIENTS } from '../../src/clients/catalog.ts';
import type { Machine } from '../../src/clients/machine.ts';
import type { EntryValue, ServerToAdd, Way } from '../../src/clients/server-entry.ts';
import { machineOf } from '../parts/machines.ts';

const HTTP: ServerToAdd = { name: 'postgres', url: new URL('https://db.example.com/mcp'), transport: 'http' };
const SSE: ServerToAdd = { name: 'postgres', url: new URL('http://localhost:8000/sse'), transport: 'sse' };
const WITH_TOKEN: ServerToAdd = { ...HTTP, token: { variable: 'MCP_TOKEN' } };
const U = 'https://db.example.com/mcp';

const client = (id: string) => findClient(id)!;
const entryOf = (id: string, server: ServerToAdd, machine: Machine = machineOf('linux'), way?: Way) =>
  client(id).describe(server, machine, way);

/** Each client's file on macOS, Linux and Windows, where nothing is set that moves it. */
const FILES: Readonly<Record<string, readonly [darwin: string, linux: string, win32: string]>> = {
  'claude-desktop': [
    '/Users/ada/Library/Application Support/Claude/claude_desktop_config.json',
    '/home/ada/.config/Claude/claude_desktop_config.json',
    'C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json',
  ],
  'claude-code': ['/Users/ada/.claude.json', '/home/ada/.claude.json', 'C:\\Users\\ada\\.claude.json'],
  cursor: ['/Users/ada/.cursor/mcp.json', '/home/ada/.cursor/mcp.json', 'C:\\Users\\ada\\.cursor\\mcp.json'],
  vscode: [
    '/Users/ada/Library/Application Support/Code/User/mcp.json',
    '/home/ada/.config/Code/User/mcp.json',
    'C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\mcp.json',
  ],
  windsurf: [
    '/Users/ada/.codeium/windsurf/mcp_config.json',
    '/home/ada/.codeium/windsurf/mcp_config.json',
    'C:\\Users\\ada\\.codeium\\windsurf\\mcp_config.json',
  ],
  cline: [
    '/Users/ada/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json',
    '/home/ada/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json',
    'C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\globalStorage\\saoudrizwan.claude-dev\\settings\\cline_mcp_settings.json',
  ],
  codex: ['/Users/ada/.codex/config.toml', '/home/ada/.codex/config.toml', 'C:\\Users\\ada\\.codex\\config.toml'],
  'gemini-cli': [
    '/Users/ada/.gemini/settings.json',
    '/home/ada/.gemini/settings.json',
    'C:\\Users\\ada\\.gemini\\settings.json',
  ],
  zed: [
    '/Users/ada/.config/zed/settings.json',
    '/home/ada/.config/zed/settings.json',
    'C:\\Users\\ada\\AppData\\Roaming\\Zed\\settings.json',
  ],
  continue: [
    '/Users/ada/.continue/config.yaml',
    '/home/ada/.continue/config.yaml',
    'C:\\Users\\ada\\.continue\\config.yaml',
  ],
  'lm-studio': ['/Users/ada/.lmstudio/mcp.json', '/home/ada/.lmstudio/mcp.json', 'C:\\Users\\ada\\.lmstudio\\mcp.json'],
  goose: [
    '/Users/ada/.config/goose/config.yaml',
    '/home/ada/.config/goose/config.yaml',
    'C:\\Users\\ada\\AppData\\Roaming\\Block\\goose\\config\\config.yaml',
  ],
  opencode: [
    '/Users/ada/.config/opencode/opencode.json',
    '/home/ada/.config/opencode/opencode.json',
    'C:\\Users\\ada\\.config\\opencode\\opencode.json',
  ],
  'copilot-cli': [
    '/Users/ada/.copilot/mcp-config.json',
    '/home/ada/.copilot/mcp-config.json',
    'C:\\Users\\ada\\.copilot\\mcp-config.json',
  ],
  'cline-cli': [
    '/Users/ada/.cline/data/settings/cline_mcp_settings.json',
    '/home/ada/.cline/data/settings/cline_mcp_settings.json',
    'C:\\Users\\ada\\.cline\\data\\settings\\cline_mcp_settings.json',
  ],
  junie: ['/Users/ada/.junie/mcp/mcp.json', '/home/ada/.junie/mcp/mcp.json', 'C:\\Users\\ada\\.junie\\mcp\\mcp.json'],
  kiro: [
    '/Users/ada/.kiro/settings/mcp.json',
    '/home/ada/.kiro/settings/mcp.json',
    'C:\\Users\\ada\\.kiro\\settings\\mcp.json',
  ],
  antigravity: [
    '/Users/ada/.gemini/antigravity/mcp_config.json',
    '/home/ada/.gemini/antigravity/mcp_config.json',
    'C:\\Users\\ada\\.gemini\\antigravity\\mcp_config.json',
  ],
  'windsurf-jetbrains': [
    '/Users/ada/.codeium/mcp_config.json',
    '/home/ada/.codeium/mcp_config.json',
    'C:\\Users\\ada\\.codeium\\mcp_config.json',
  ],
};

const NPX = { command: 'npx', args: ['-y', 'mcp-drawbridge', U] };
const BEARER = (value: string) => ({ headers: { Authorization: `Bearer ${value}` } });

/** What stands in the file: the place, the entry for the URL itself with a key in a variable, and the one for the bridge. */
const ENTRIES: Readonly<
  Record<string, readonly [path: readonly string[], direct: EntryValue | undefined, bridge: EntryValue]>
> = {
  'claude-desktop': [['mcpServers', 'postgres'], undefined, NPX],
  'claude-code': [
    ['mcpServers', 'postgres'],
    { type: 'http', url: U, ...BEARER('${MCP_TOKEN}') },
    { type: 'stdio', ...NPX },
  ],
  cursor: [['mcpServers', 'postgres'], { url: U, ...BEARER('${env:MCP_TOKEN}') }, NPX],
  vscode: [
    ['servers', 'postgres'],
    { type: 'http', url: U, ...BEARER('${input:MCP_TOKEN}') },
    { type: 'stdio', ...NPX },
  ],
  windsurf: [['mcpServers', 'postgres'], { serverUrl: U, ...BEARER('${env:MCP_TOKEN}') }, NPX],
  cline: [
    ['mcpServers', 'postgres'],
    { type: 'streamableHttp', url: U, ...BEARER('MCP_TOKEN'), disabled: false },
    { ...NPX, disabled: false },
  ],
  codex: [
    ['mcp_servers', 'postgres'],
    { url: U, bearer_token_env_var: 'MCP_TOKEN' },
    { ...NPX, startup_timeout_sec: 30 },
  ],
  'gemini-cli': [['mcpServers', 'postgres'], { httpUrl: U, ...BEARER('$MCP_TOKEN') }, NPX],
  zed: [['context_servers', 'postgres'], { url: U, ...BEARER('MCP_TOKEN') }, { ...NPX, env: {} }],
  continue: [
    ['mcpServers'],
    { name: 'postgres', type: 'streamable-http', url: U, requestOptions: BEARER('MCP_TOKEN') },
    { name: 'postgres', type: 'stdio', ...NPX },
  ],
  'lm-studio': [['mcpServers', 'postgres'], { url: U, ...BEARER('MCP_TOKEN') }, NPX],
  goose: [
    ['extensions', 'postgres'],
    { name: 'postgres', type: 'streamable_http', uri: U, ...BEARER('MCP_TOKEN'), enabled: true, timeout: 300 },
    { name: 'postgres', type: 'stdio', cmd: 'npx', args: NPX.args, enabled: true, timeout: 300 },
  ],
  opencode: [
    ['mcp', 'postgres'],
    { type: 'remote', url: U, ...BEARER('{env:MCP_TOKEN}'), enabled: true },
    { type: 'local', command: ['npx', ...NPX.args], enabled: true },
  ],
  'copilot-cli': [
    ['mcpServers', 'postgres'],
    { type: 'http', url: U, ...BEARER('MCP_TOKEN'), tools: ['*'] },
    { type: 'local', ...NPX, tools: ['*'] },
  ],
  'cline-cli': [
    ['mcpServers', 'postgres'],
    { type: 'streamableHttp', url: U, ...BEARER('MCP_TOKEN'), disabled: false },
    { ...NPX, disabled: false },
  ],
  junie: [['mcpServers', 'postgres'], undefined, NPX],
  kiro: [['mcpServers', 'postgres'], { type: 'streamable-http', url: U, ...BEARER('MCP_TOKEN') }, NPX],
  antigravity: [['mcpServers', 'postgres'], { serverUrl: U, ...BEARER('MCP_TOKEN') }, NPX],
  'windsurf-jetbrains': [['mcpServers', 'postgres'], { serverUrl: U, ...BEARER('${env:MCP_TOKEN}') }, NPX],
};

const IDS = MCP_CLIENTS.map(({ id }) => id);

it('every client has a row here, and every name means one client', () => {
  expect(Object.keys(FILES).sort()).toEqual([...IDS].sort());
  expect(Object.keys(ENTRIES).sort()).toEqual([...IDS].sort());
  const names = MCP_CLIENTS.flatMap(({ id, aliases }) => [id, ...aliases]);
  expect(new Set(names).size).toBe(names.length);
  expect(findClient('Claude')?.id).toBe('claude-desktop');
  expect(findClient('nobody')).toBeUndefined();
});

describe.each(IDS)('%s', (id) => {
  it('has its file where its makers say, on each system', () => {
    const found = (['darwin', 'linux', 'win32'] as const).map((platform) => client(id).locate(machineOf(platform)));
    expect(found).toEqual(FILES[id]!.map((path) => [path]));
  });

  it('has the entry that it reads, for the URL itself and for the bridge', () => {
    const [path, direct, bridge] = ENTRIES[id]!;
    const started = entryOf(id, HTTP, machineOf('linux'), 'bridge');
    expect([started.path, started.value]).toEqual([path, bridge]);
    if (direct === undefined) {
      expect(entryOf(id, WITH_TOKEN).way).toBe('bridge');
      expect(() => entryOf(id, HTTP, machineOf('linux'), 'direct')).toThrow(
        /cannot be given this server with --way direct/,
      );
    } else expect(entryOf(id, WITH_TOKEN)).toMatchObject({ path, value: direct, way: 'direct' });
  });

  it('is never given an argument with a space, or localhost for an address', () => {
    const token = { variable: 'MCP_TOKEN', value: 'mdb_key' };
    for (const platform of ['darwin', 'linux', 'win32'] as const) {
      for (const way of client(id).ways('sse')) {
        const { value } = entryOf(id, { ...SSE, token }, machineOf(platform), way);
        const { args = [], command = [] } = value as { args?: string[]; command?: string | string[] };
        for (const arg of [...args, ...[command].flat().slice(1)]) expect(arg).not.toContain(' ');
        expect(JSON.stringify(value)).toContain('http://127.0.0.1:8000/sse');
        expect(JSON.stringify(value)).toContain('mdb_key');
        expect(args.join()).not.toContain('mdb_key');
      }
    }
  });

  it('that starts the bridge gives it the key in its environment', () => {
    const { value } = entryOf(id, WITH_TOKEN, machineOf('linux'), 'bridge');
    expect(JSON.stringify(value)).toContain('"DRAWBRIDGE_HEADER":"Authorization: Bearer MCP_TOKEN"');
  });
});

it.each([
  'claude-desktop',
  'junie',
  'codex',
  'zed',
  'lm-studio',
  'kiro',
])('%s gets the bridge for a server of legacy SSE', (id) => expect(entryOf(id, SSE).way).toBe('bridge'));

it.each([
  ['claude-code', { type: 'sse', url: 'http://127.0.0.1:8000/sse' }],
  ['cline', { type: 'sse', url: 'http://127.0.0.1:8000/sse', disabled: false }],
  ['gemini-cli', { url: 'http://127.0.0.1:8000/sse' }],
  ['continue', { name: 'postgres', type: 'sse', url: 'http://127.0.0.1:8000/sse' }],
  ['goose', { name: 'postgres', type: 'sse', uri: 'http://127.0.0.1:8000/sse', enabled: true, timeout: 300 }],
])('%s is told that a server speaks legacy SSE', (id, value) => {
  expect(entryOf(id, SSE).value).toEqual(value);
});

describe('VS Code asks for the key, and keeps it', () => {
  it('with an input beside the entry', () => {
    expect(entryOf('vscode', WITH_TOKEN).also).toEqual([
      {
        path: ['inputs'],
        value: { type: 'promptString', id: 'MCP_TOKEN', description: 'Key of the MCP server', password: true },
        member: { key: 'id', is: 'MCP_TOKEN' },
      },
    ]);
  });

  it('but not for one that is given, or for none', () => {
    expect(entryOf('vscode', HTTP).also).toBeUndefined();
    expect(entryOf('vscode', { ...HTTP, token: { variable: 'A', value: 'k' } }).also).toBeUndefined();
  });
});

describe('Claude Desktop on Windows', () => {
  const local = 'C:\\Users\\ada\\AppData\\Local';
  const roaming = 'C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json';
  const packaged = `${local}\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude\\claude_desktop_config.json`;
  const store = `${local}\\Claude-Data\\claude_9xz\\claude_desktop_config.json`;
  const at = (files: readonly string[], more = {}) =>
    client('claude-desktop').locate(machineOf('win32', { files, ...more }));

  it.each([
    ['the installer’s', [roaming], [roaming]],
    ['the Store’s package, whatever its publisher is called', [packaged], [packaged]],
    ['the Store’s own folder', [store], [store]],
    ['another package beside', [`${local}\\Packages\\Microsoft.Edge_x\\a`], [roaming]],
    ['both, and then nobody guesses', [packaged, roaming], [packaged, roaming]],
    ['all three', [roaming, packaged, store], [store, packaged, roaming]],
  ])('has %s', (_what, files, expected) => {
    expect(at(files)).toEqual(expected);
  });

  it('is found where the client hands on no APPDATA', () => {
    expect(at([], { env: {} })).toEqual([roaming]);
  });
});

describe('a variable that moves a file', () => {
  it.each([
    ['XDG_CONFIG_HOME', '/x', 'zed', '/x/zed/settings.json'],
    ['XDG_CONFIG_HOME', '/x', 'goose', '/x/goose/config.yaml'],
    ['XDG_CONFIG_HOME', 'relative', 'zed', '/home/ada/.config/zed/settings.json'],
    ['CODEX_HOME', '/c', 'codex', '/c/config.toml'],
    ['CLINE_MCP_SETTINGS_PATH', '/d/cline.json', 'cline-cli', '/d/cline.json'],
  ])('%s=%s: %s has %s', (name, value, id, path) => {
    expect(client(id).locate(machineOf('linux', { env: { [name]: value } }))).toEqual([path]);
  });

  it('of opencode and LM Studio are those files that are there', () => {
    const jsonc = '/home/ada/.config/opencode/opencode.jsonc';
    expect(client('opencode').locate(machineOf('linux', { files: [jsonc] }))).toEqual([jsonc]);
    const older = '/Users/ada/.cache/lm-studio/mcp.json';
    expect(client('lm-studio').locate(machineOf('darwin', { files: [older] }))).toEqual([older]);
  });
});

it.each([
  ['claude-code', '/project/.mcp.json'],
  ['cursor', '/project/.cursor/mcp.json'],
  ['vscode', '/project/.vscode/mcp.json'],
  ['codex', '/project/.codex/config.toml'],
  ['gemini-cli', '/project/.gemini/settings.json'],
  ['claude-desktop', undefined],
])('the project’s file of %s is %s', (id, path) => {
  expect(client(id).locateProject?.(machineOf('linux'))).toBe(path);
});

describe('the program that starts the bridge', () => {
  const started = (platform: Machine['platform'], more: Parameters<typeof machineOf>[1], server = HTTP) => {
    const { value, notes } = entryOf('cursor', server, machineOf(platform, more), 'bridge');
    return { ...(value as { command: string; args: string[] }), notes };
  };
  const bin = '/home/ada/.nvm/versions/node/v22.1.0/lib/node_modules/mcp-drawbridge/bin/mcp-drawbridge.cjs';

  it('is npx, which on Windows is a batch file that needs cmd', () => {
    expect(started('linux', {})).toMatchObject({ command: 'npx', args: ['-y', 'mcp-drawbridge', U], notes: [] });
    expect(started('win32', { nodePath: 'C:\\node\\node.exe' })).toMatchObject({
      command: 'cmd',
      args: ['/c', 'npx', '-y', 'mcp-drawbridge', U],
      notes: [],
    });
  });

  it('is Node itself where its path on Windows has a space, which npx does not survive', () => {
    const { nodePath, binPath } = machineOf('win32');
    expect(nodePath).toContain(' ');
    expect(started('win32', {})).toMatchObject({ command: nodePath, args: [binPath, U] });
    expect(started('linux', { nodePath: '/opt/my node/bin/node' })).toMatchObject({ command: 'npx' });
    const temporary =
      'C:\\Users\\ada\\AppData\\Local\\npm-cache\\_npx\\5f\\node_modules\\mcp-drawbridge\\bin\\mcp-drawbridge.cjs';
    expect(started('win32', { binPath: temporary })).toMatchObject({
      command: 'cmd',
      args: ['/c', 'npx', '-y', 'mcp-drawbridge', U],
      notes: [expect.stringContaining('npm install -g mcp-drawbridge')],
    });
  });

  it('is Node itself with the clone that it was asked in, since npx finds that in no other folder', () => {
    const clone = { binPath: '/home/ada/mcp-drawbridge/bin/mcp-drawbridge.cjs' };
    const { nodePath } = machineOf('linux');
    expect(started('linux', clone)).toMatchObject({ command: nodePath, args: [clone.binPath, U] });
    const windows = { binPath: 'C:\\mcp-drawbridge\\bin\\mcp-drawbridge.cjs', nodePath: 'C:\\node\\node.exe' };
    expect(started('win32', windows)).toMatchObject({ command: windows.nodePath, args: [windows.binPath, U] });
  });

  it('is Node itself for Claude Desktop where nvm has any, since that client takes the oldest of them', () => {
    const nodePath = '/usr/bin/node';
    const binPath = '/usr/lib/node_modules/mcp-drawbridge/bin/mcp-drawbridge.cjs';
    const machine = machineOf('linux', { nodePath, binPath, files: ['/home/ada/.nvm/versions/node/v14.0.0/bin/node'] });
    expect(entryOf('claude-desktop', HTTP, machine).value).toEqual({ command: nodePath, args: [binPath, U] });
    expect(entryOf('cursor', HTTP, machine, 'bridge').value).toEqual(NPX);
    expect(entryOf('claude-desktop', HTTP, machineOf('linux', { nodePath, binPath })).value).toEqual(NPX);
  });

  it.each([
    '/home/ada/.nvm/versions/node/v22.1.0/bin/node',
    '/home/ada/.local/state/fnm_multishells/1_2/bin/node',
    '/home/ada/.volta/tools/image/node/22.1.0/bin/node',
    '/home/ada/.asdf/installs/nodejs/22.1.0/bin/node',
    '/usr/local/nvm/versions/node/v22.1.0/bin/node',
  ])('is Node itself where a version manager has it: %s', (nodePath) => {
    expect(started('linux', { nodePath, binPath: bin })).toMatchObject({ command: nodePath, args: [bin, U] });
  });

  it('is npx all the same where the package is there for one run alone, or its path has a space', () => {
    const nodePath = '/home/ada/.nvm/versions/node/v22.1.0/bin/node';
    const temporary = '/home/ada/.npm/_npx/5f/node_modules/mcp-drawbridge/bin/mcp-drawbridge.cjs';
    expect(started('linux', { nodePath, binPath: temporary })).toMatchObject({
      command: 'npx',
      notes: [expect.stringContaining('npm install -g mcp-drawbridge')],
    });
    expect(started('linux', { nodePath, binPath: '/home/ada l/.nvm/x.cjs' })).toMatchObject({ command: 'npx' });
  });

  it('is told to send over http to another machine, and the reader what that means', () => {
    const open: ServerToAdd = { ...HTTP, url: new URL('http://10.0.0.5:8000/sse'), transport: 'sse' };
    expect(started('linux', {}, open)).toMatchObject({
      args: ['-y', 'mcp-drawbridge', 'http://10.0.0.5:8000/sse', '--allow-http'],
      notes: [expect.stringContaining('can read')],
    });
    for (const host of ['127.0.0.1', 'localhost', '[::1]'])
      expect(started('linux', {}, { ...open, url: new URL(`http://${host}:8000/sse`) }).args).not.toContain(
        '--allow-http',
      );
  });
});
