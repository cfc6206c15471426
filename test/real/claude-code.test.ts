/** Claude Code, given its entries by `clients --write`, at the gateway before postgres-mcp. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { type Block, type MessagesApi, type MessagesRequest, startMessagesApi } from '../parts/messages-api.ts';
import { BIN, runCli } from '../parts/run-cli.ts';
import { ensureClaudeCode } from './claude-code.mjs';
import { type LoopbackOnly, openLoopback } from './loopback-only.ts';

const TOOLS = 9;
const SERVERS = ['postgres', 'postgres-sse', 'postgres-bridge'] as const;
/** Its own file, as it is when somebody has used it before. */
const BEFORE = '{\n  "numStartups": 3,\n  "mcpServers": {},\n  "hasCompletedOnboarding": true\n}\n';

let gateway: GatewayProcess;
let model: MessagesApi;
let loopback: LoopbackOnly;
let claude: (args: readonly string[], more?: Readonly<Record<string, string>>) => Promise<string>;
const home = mkdtempSync(join(tmpdir(), 'claude-home-'));
const file = join(home, '.claude.json');
const project = join(home, 'project');

/** The tools are called once, on every server; then it is content. */
function callOnce({ tools = [], messages }: MessagesRequest): ReturnType<Parameters<typeof startMessagesApi>[0]> {
  const hasResults = resultsOf(messages).length > 0;
  const named = SERVERS.map((server) => `mcp__${server}__list_schemas`);
  if (hasResults || !named.every((name) => tools.some((tool) => tool.name === name)))
    return [{ type: 'text', text: 'That is all.' }];
  return named.map((name, index) => ({ type: 'tool_use', id: `toolu_${index}`, name, input: {} }));
}

function resultsOf(messages: MessagesRequest['messages']): readonly Block[] {
  return messages
    .flatMap(({ content }) => (typeof content === 'string' ? [] : content))
    .filter(({ type }) => type === 'tool_result');
}

async function clients(...args: readonly string[]): Promise<void> {
  const key = gateway.alice.Authorization.replace('Bearer ', '');
  const isBridge = args.includes('bridge');
  const token = isBridge ? {} : { args: ['--token-variable', 'MCP_TOKEN'] };
  const { code, stderr } = await runCli(['clients', 'claude-code', ...args, ...(token.args ?? [])], {
    env: { HOME: home, ...(isBridge ? { DRAWBRIDGE_TOKEN: key } : {}) },
  });
  expect(code, stderr).toBe(0);
}

beforeAll(async () => {
  const program = await ensureClaudeCode();
  gateway = await startGatewayProcess(inject('postgresMcpUrl'));
  model = await startMessagesApi(callOnce);
  loopback = await openLoopback([Number(new URL(gateway.origin).port), model.port]);
  // Where npx looks first: the package as a project has it installed.
  mkdirSync(join(project, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(project, 'node_modules', 'mcp-drawbridge'));
  symlinkSync(BIN, join(project, 'node_modules', '.bin', 'mcp-drawbridge'));
  writeFileSync(join(project, 'package.json'), '{"private":true}');
  writeFileSync(file, BEFORE);
  const env = {
    HOME: home,
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    MCP_TOKEN: gateway.alice.Authorization.replace('Bearer ', ''),
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${model.port}`,
    ANTHROPIC_API_KEY: 'none',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_TELEMETRY: '1',
    ENABLE_TOOL_SEARCH: 'false',
    // Else its first request does not wait for the tools.
    MCP_CONNECTION_NONBLOCKING: 'false',
    MCP_CONNECT_TIMEOUT_MS: '30000',
  };
  claude = (args, more = {}) => loopback.run(program, args, { cwd: project, env: { ...env, ...more } });
  await clients(`${gateway.origin}/mcp`, '--name', 'postgres', '--write');
  await clients(`${gateway.origin}/sse`, '--name', 'postgres-sse', '--write');
  await clients(`${gateway.origin}/mcp`, '--name', 'postgres-bridge', '--way', 'bridge', '--write');
}, 600_000);
afterAll(async () => {
  loopback?.close();
  model?.close();
  await gateway?.close();
  rmSync(home, { recursive: true, force: true });
});

describe('Claude Code with the entries of `clients --write`, in a network that has nothing but them', () => {
  it('says that it is connected, over Streamable HTTP, over SSE and through the bridge', async () => {
    const listed = await claude(['mcp', 'list']);
    for (const name of SERVERS) expect(listed).toMatch(new RegExp(`^${name}: .*Connected$`, 'm'));
    expect(await claude(['mcp', 'get', 'postgres-sse'])).toMatch(/Type: sse[\s\S]*\/sse/);
  });

  it('with another key says that it is not connected by the entries that read the key from its variable', async () => {
    const listed = await claude(['mcp', 'list'], { MCP_TOKEN: 'another' });
    expect(listed.match(/Connected$/gm)).toHaveLength(1);
    expect(listed).toMatch(/^postgres-bridge: .*Connected$/m);
  });

  it('offers its model the tools of each, and brings it what the database says', async () => {
    const allowed = SERVERS.map((name) => `mcp__${name}__list_schemas`).join();
    expect(await claude(['-p', 'hello', '--allowedTools', allowed])).toContain('That is all.');
    const asked = model.requests.filter(({ tools = [] }) => tools.some(({ name }) => name.startsWith('mcp__')));
    expect(asked).toHaveLength(2);
    const names = asked[0]?.tools?.map(({ name }) => name) ?? [];
    for (const server of SERVERS) {
      expect(names.filter((name) => name.startsWith(`mcp__${server}__`))).toHaveLength(TOOLS);
      expect(names).toContain(`mcp__${server}__execute_sql`);
    }
    const results = resultsOf(asked.at(-1)?.messages ?? []);
    expect(results.map(({ tool_use_id }) => tool_use_id)).toEqual(['toolu_0', 'toolu_1', 'toolu_2']);
    for (const result of results) {
      expect(result.is_error).not.toBe(true);
      expect(JSON.stringify(result.content)).toContain('main');
    }
  });

  it('has its own file kept: what it wrote there stands after the entries are gone', async () => {
    const { mcpServers, ...own } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(Object.keys(mcpServers as object)).toEqual(SERVERS);
    for (const name of SERVERS) await clients('--name', name, '--remove');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...own, mcpServers: {} });
    expect(await claude(['mcp', 'list'])).toMatch(/No MCP servers/);
  });
});
