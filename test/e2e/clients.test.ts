import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MCP_CLIENTS } from '../../src/clients/catalog.ts';
import { runCli } from '../parts/run-cli.ts';

const KEY = 'mdb_a-key-that-nobody-else-may-see';
const URL_ = 'https://db.example.com/mcp';
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'drawbridge-home-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const clients = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCli(['clients', ...args], {
    cwd: home,
    env: {
      HOME: home,
      USERPROFILE: home,
      APPDATA: '',
      XDG_CONFIG_HOME: '',
      CODEX_HOME: '',
      CLINE_MCP_SETTINGS_PATH: '',
      ...env,
    },
  });

describe('mcp-drawbridge clients', () => {
  it('lists every client with its file, and says which are there', async () => {
    mkdirSync(join(home, '.cursor'));
    writeFileSync(join(home, '.cursor', 'mcp.json'), '{}');
    const { code, stdout } = await clients([]);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(MCP_CLIENTS.map(({ id }) => id));
    expect(lines.filter((line) => line.includes(' there '))).toEqual([
      expect.stringMatching(/^cursor +Cursor +direct +there +.*mcp\.json$/),
    ]);
    expect(lines[0]).toMatch(/^claude-desktop +Claude Desktop +bridge +- /);
    const document = JSON.parse((await clients(['--json'])).stdout);
    expect(document[2]).toEqual({
      id: 'cursor',
      title: 'Cursor',
      way: 'direct',
      files: [{ path: join(home, '.cursor', 'mcp.json'), exists: true }],
    });
  });

  it('has the entry alone on stdout, and what to know about it on stderr', async () => {
    const { code, stdout, stderr } = await clients(['cursor', URL_, '--token-variable', 'MY_KEY', '--name', 'crm']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      mcpServers: { crm: { url: URL_, headers: { Authorization: 'Bearer ${env:MY_KEY}' } } },
    });
    expect(stderr).toContain(join(home, '.cursor', 'mcp.json'));
    expect(stderr).toContain('MY_KEY');
  });

  it('has one JSON document where that is asked for', async () => {
    const { stdout, stderr } = await clients(['claude-desktop', 'http://localhost:8000/sse', '--json']);
    const file = join(home, '.config', 'Claude', 'claude_desktop_config.json');
    expect(JSON.parse(stdout)).toEqual({
      client: 'claude-desktop',
      way: 'bridge',
      format: 'json',
      files: [process.platform === 'linux' ? file : expect.any(String)],
      entry: expect.stringContaining('http://127.0.0.1:8000/sse'),
      notes: expect.arrayContaining([expect.stringContaining('Quit Claude Desktop')]),
    });
    expect(stderr).toBe('');
    const written = JSON.parse((await clients(['cursor', URL_, '--write', '--json'])).stdout);
    const cursor = join(home, '.cursor', 'mcp.json');
    const change = { client: 'cursor', file: cursor, diff: expect.stringContaining(`"url": "${URL_}"`), notes: [] };
    expect(written).toEqual({ ...change, backup: null, isWritten: true });
    const removed = JSON.parse((await clients(['cursor', '--remove', '--json'])).stdout);
    expect(removed).toEqual({ ...change, backup: expect.stringMatching(/\.bak$/), isWritten: true });
  });

  it.each([
    [['cursr'], /unknown client 'cursr'.*\n.*Did you mean 'cursor'\?/],
    [['nothing-like-it'], /All of them: mcp-drawbridge clients/],
    [['cursor', 'db.example.com'], /does not begin with http/],
    [['cursor', URL_, 'more'], /unexpected argument 'more'/],
    [['cursor', '--name', 'a b'], /--name "a b" is not a name/],
    [['cursor', '--token-variable', KEY], /not the name of a variable/],
    [['cursor', '--write', '--remove'], /--write and --remove/],
    [['cursor', '--dry-run'], /--dry-run is given without/],
    [['--write'], /not said which client/],
    [['claude-desktop', '--project'], /has no file of a project/],
    [['junie', '--way', 'direct'], /only starts programs/],
    [['codex', 'http://127.0.0.1:8000/sse', '--way', 'direct'], /does not speak legacy SSE/],
    [['cursor', '--wirte'], /Did you mean '--write'\?/],
  ])('%j is an error that says what is wrong', async (args, text) => {
    const { code, stdout, stderr } = await clients(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(text);
    expect(stderr).not.toContain(KEY);
  });
});

describe.each(MCP_CLIENTS)('clients $id --write', (client) => {
  it('puts the entry into its file, once, and takes it out again', async () => {
    const listed = JSON.parse((await clients(['--json'])).stdout) as { id: string; files: { path: string }[] }[];
    const { path } = listed.find(({ id }) => id === client.id)!.files[0]!;
    const written = await clients([client.id, URL_, '--write'], { DRAWBRIDGE_TOKEN: KEY });
    expect([written.code, written.stderr]).toEqual([0, expect.stringContaining(`Written to ${path}.`)]);
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(KEY);
    expect(text).toContain('db.example.com/mcp');
    expect(written.stdout).toContain('+');
    expect(written.stdout + written.stderr).not.toContain(KEY);

    const again = await clients([client.id, URL_, '--write'], { DRAWBRIDGE_TOKEN: KEY });
    expect([again.code, again.stdout, again.stderr]).toEqual([0, '', expect.stringContaining('Nothing to do')]);
    expect(readdirSync(dirname(path)).filter((name) => name.endsWith('.bak'))).toEqual([]);

    const removed = await clients([client.id, '--remove']);
    expect(removed.code).toBe(0);
    expect(readFileSync(path, 'utf8')).not.toContain('db.example.com');
    expect(removed.stderr).toMatch(/The old one is .*\.bak/);
    expect(removed.stdout).not.toContain(KEY);
  });
});

describe('a file that is there', () => {
  const path = (): string => join(home, '.cursor', 'mcp.json');
  const text = '{\n\t// mine\n\t"mcpServers": {\n\t\t"other": { "url": "http://127.0.0.1:1/mcp" }, // keep\n\t},\n}\n';
  beforeEach(() => {
    mkdirSync(join(home, '.cursor'));
    writeFileSync(path(), text);
  });

  it('is the same again, byte for byte, when the entry was added and removed', async () => {
    await clients(['cursor', URL_, '--write']);
    expect(readFileSync(path(), 'utf8')).not.toBe(text);
    await clients(['cursor', '--remove']);
    expect(readFileSync(path(), 'utf8')).toBe(text);
  });

  it('is only looked at with --dry-run', async () => {
    const { stdout, stderr } = await clients(['cursor', URL_, '--write', '--dry-run']);
    expect(stdout).toContain(`+    "postgres": {`);
    expect(stderr).toContain('Nothing was written.');
    expect(readFileSync(path(), 'utf8')).toBe(text);
  });

  it('is left alone where it cannot be read, with the line that is wrong', async () => {
    writeFileSync(path(), '{\n  "mcpServers": {\n    "a": {}\n    "b": {}\n  }\n}');
    const { code, stderr } = await clients(['cursor', URL_, '--write']);
    expect(code).toBe(2);
    expect(stderr).toContain(`${path()} cannot be read`);
    expect(stderr).toContain('line 4, column 5: comma expected');
    expect(readFileSync(path(), 'utf8')).toContain('"a": {}\n    "b": {}');
  });

  it('somewhere else is used where --file names it', async () => {
    const elsewhere = join(home, 'my.json');
    await clients(['cursor', URL_, '--write', '--file', elsewhere]);
    expect(JSON.parse(readFileSync(elsewhere, 'utf8'))).toMatchObject({ mcpServers: { postgres: { url: URL_ } } });
    expect(readFileSync(path(), 'utf8')).toBe(text);
  });

  it('of the project is used with --project', async () => {
    await clients(['claude-code', URL_, '--write', '--project']);
    expect(JSON.parse(readFileSync(join(home, '.mcp.json'), 'utf8'))).toMatchObject({
      mcpServers: { postgres: { type: 'http' } },
    });
  });

  it('of the project is shared, which is said where a key is put into it', async () => {
    const keyed = await clients(['claude-code', URL_, '--write', '--project'], { DRAWBRIDGE_TOKEN: KEY });
    expect(keyed.stderr).toContain('keep that file out of version control');
    const named = await clients(['claude-code', URL_, '--write', '--project', '--token-variable', 'MY_KEY']);
    expect([named.code, named.stderr]).toEqual([0, expect.not.stringContaining('version control')]);
    expect(readFileSync(join(home, '.mcp.json'), 'utf8')).not.toContain(KEY);
  });
});
