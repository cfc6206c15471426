import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { getMcpConfigForManifest } from '@anthropic-ai/mcpb/node';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { ROOT } from '../parts/package.ts';

const run = promisify(execFile);
const PACKER = join(ROOT, 'node_modules/@anthropic-ai/mcpb/dist/cli/cli.js');
const packer = (...args: string[]) => run(process.execPath, [PACKER, ...args]);
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

type Form = Readonly<Record<string, string | boolean>>;
type Manifest = Parameters<typeof getMcpConfigForManifest>[0]['manifest'];
interface McpConfig {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Clients that fill the form differently: those that leave out what is empty, and those that pass it on. */
const EMPTY = {
  'left out': {},
  'an empty text': { token: '', header: '', ssh: '', ssh_key: '', ca: '', config: '', family: '' },
} satisfies Record<string, Form>;

let folder: string;
let home: string;
let manifest: Manifest;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-mcpb-test-'));
  const bundle = join(folder, 'bridge.mcpb');
  await run(process.execPath, [join(ROOT, 'mcpb/build.mjs'), bundle]);
  // As on the machines of many: a space in the path.
  home = join(folder, 'Claude Extensions');
  await packer('unpack', bundle, home);
  manifest = JSON.parse(readFileSync(join(home, 'manifest.json'), 'utf8')) as Manifest;
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the client starts, by the packer's own rules of substitution. */
async function configOf(form: Form): Promise<McpConfig | undefined> {
  const options = { manifest, extensionPath: home, systemDirs: {}, userConfig: form, pathSeparator: '/' };
  return (await getMcpConfigForManifest(options)) as McpConfig | undefined;
}

async function connect({ args, env }: McpConfig): Promise<{ client: Client; stderr: () => string }> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...args],
    env: { ...env },
    stderr: 'pipe',
  });
  let stderr = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const client = new Client({ name: 'test-client', version: '1.0.0' });
  open.push(client);
  await within(10_000, 'initialize is answered', client.connect(transport));
  return { client, stderr: () => stderr };
}

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

describe('the bundle for Claude Desktop', () => {
  it('holds the bridge, and nothing else of the package', () => {
    const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name).sort()).toEqual(
      ['LICENSE', 'THIRD-PARTY.txt', 'main.cjs', 'manifest.json', 'mcp-drawbridge.cjs', 'start.cjs'].sort(),
    );
  });

  it('has the version of the package', () => {
    expect(manifest.version).toBe(version);
  });

  it.each([
    ['without its form', { user_config: { url: {} } }],
    ['of a manifest version that there is not', { manifest_version: '9.9' }],
    ['with a member that no client knows', { entrypoint: 'start.cjs' }],
  ])('is not accepted by the packer %s', async (_name, change) => {
    const broken = join(folder, 'broken.json');
    writeFileSync(broken, JSON.stringify({ ...manifest, ...change }));
    await expect(packer('validate', broken)).rejects.toMatchObject({ code: 1 });
    writeFileSync(broken, JSON.stringify(manifest));
    await expect(packer('validate', broken)).resolves.toMatchObject({ stdout: expect.stringContaining('passes') });
  });

  it('hides what is secret in its form, and asks for nothing but the URL', () => {
    const fields = Object.entries(manifest.user_config ?? {});
    expect(fields.filter(([, { sensitive }]) => sensitive).map(([name]) => name)).toEqual(['token', 'header']);
    expect(fields.filter(([, { required }]) => required).map(([name]) => name)).toEqual(['url']);
    for (const [name] of fields) expect(JSON.stringify(manifest.server)).toContain(`\${user_config.${name}}`);
  });
});

describe('the bridge that the bundle starts', () => {
  let upstream: TestMcpServer;
  beforeEach(async () => {
    upstream = await startMcpServer();
  });
  afterEach(() => upstream.kill());

  it.each(Object.entries(EMPTY))('reaches the server with the URL alone, the rest %s', async (_name, form) => {
    const { client } = await connect((await configOf({ ...form, url: upstream.sseUrl }))!);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(upstream.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it.each(['s3cret', 'Bearer s3cret', '${HOME}'])('sends the token %s and the other header', async (token) => {
    const form = { url: upstream.httpUrl, token, header: 'X-Team: data' };
    const { client, stderr } = await connect((await configOf(form))!);
    await client.listTools();
    const [first] = upstream.seen;
    expect(first?.headers).toMatchObject({
      authorization: `Bearer ${token.replace('Bearer ', '')}`,
      'x-team': 'data',
    });
    expect(stderr()).not.toContain('s3cret');
  });

  it('has the certificate authority and the configuration file of the form', async () => {
    const none = join(folder, 'there is none.pem');
    const config = join(folder, 'options.json');
    writeFileSync(config, '{"ignore-tool":["echo"]}');
    const { client } = await connect((await configOf({ url: upstream.sseUrl, config }))!);
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain('echo');
    await expect(connect((await configOf({ url: upstream.sseUrl, ca: none }))!)).rejects.toThrow(/cannot read .*none/);
  });

  it('sends nothing in the clear to another machine unless that is ticked', async () => {
    const form = { url: 'http://192.0.2.1/sse' };
    await expect(connect((await configOf(form))!)).rejects.toThrow('without encryption');
  });

  it('is not started without a URL, and tells the client so where it is all the same', async () => {
    expect(await configOf({ url: '' })).toBeUndefined();
    const { mcp_config } = manifest.server;
    const unfilled = { ...mcp_config, args: [join(home, 'start.cjs')] } as McpConfig;
    await expect(connect(unfilled)).rejects.toThrow(/the URL "" cannot be used: it is empty/);
    await expect(connect({ ...unfilled, env: { FORM_URL: ' ' } })).rejects.toThrow(/it is empty/);
  });
});
