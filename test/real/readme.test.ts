import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { fencesOf } from '../parts/markdown.ts';
import { connectHttp, connectSse } from '../parts/mcp-client.ts';
import { type InstalledPackage, installPackage, ROOT } from '../parts/package.ts';
import { send } from '../parts/raw-http.ts';
import { findFreePort } from './free-port.mjs';
import { findPython } from './python.mjs';

const run = promisify(execFile);
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
const README = read('README.md');
const QUICK_START = read('docs/quickstart.md');
const fences = (language: string, page = README): string[] =>
  fencesOf(page)
    .filter((fence) => fence.language === language)
    .map(({ text }) => text);

/** What the pages say may listen where; here the ports are free ones. */
const ports = { '8000': 0, '8080': 0, '3000': 0 };
const here = (text: string): string =>
  text.replace(/\b(8000|8080|3000)\b/g, (port) => String(ports[port as keyof typeof ports]));

/** Every command of the README and of docs/quickstart.md, each run by a test below. */
const COMMANDS = {
  demo: 'npm ci && npm run demo',
  test: 'npm ci && npm test',
  showEntry: 'npx mcp-drawbridge clients cursor https://db.example.com/mcp',
  checkServer: 'npx mcp-drawbridge check http://127.0.0.1:8000/sse',
  addKey: 'npx mcp-drawbridge keys add alice --key-file keys.json',
  exportKey: 'export DRAWBRIDGE_TOKEN=$(npx mcp-drawbridge keys add alice --key-file keys.json)',
  gateway: 'npx mcp-drawbridge gateway --upstream http://127.0.0.1:8000/sse --key-file keys.json --port 8080',
  gatewayWithCommand:
    'DATABASE_URI=postgresql://user:password@127.0.0.1:5432/database npx mcp-drawbridge gateway --key-file keys.json --port 8080 -- postgres-mcp/bin/postgres-mcp --access-mode=restricted',
  checkGateway:
    "npx mcp-drawbridge check http://127.0.0.1:8080/mcp --header 'Authorization:Bearer ${DRAWBRIDGE_TOKEN}'",
  writeEntry: 'npx mcp-drawbridge clients cursor http://127.0.0.1:8080/mcp --write',
  install: [
    'python3.12 -m venv postgres-mcp && postgres-mcp/bin/pip install uv',
    "printf 'pglast>=7,<8\\nmcp[cli]==1.25.0\\n' > overrides.txt",
    "postgres-mcp/bin/uv pip install --python postgres-mcp/bin/python --override overrides.txt 'postgres-mcp==0.3.0'",
  ].join('\n'),
  checkDatabase: 'npx mcp-drawbridge check postgresql://user@127.0.0.1:5432/database',
  start:
    'DATABASE_URI=postgresql://user:password@127.0.0.1:5432/database postgres-mcp/bin/postgres-mcp --access-mode=restricted --transport=sse --sse-host=127.0.0.1 --sse-port=8000',
  throwAway: 'npm run postgres-mcp',
} as const;

let user: InstalledPackage;
let work: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  for (const port of Object.keys(ports) as (keyof typeof ports)[]) ports[port] = await findFreePort();
  work = mkdtempSync(join(tmpdir(), 'drawbridge-readme-'));
  user = await installPackage();
});
afterEach(async () => {
  for (const child of children.splice(0)) await stop(child);
});
afterAll(() => {
  user.remove();
  rmSync(work, { recursive: true, force: true });
});

/** Runs a command that ends, as whoever has installed the package; no proxy is set, as in what is shown. */
async function runOnce(command: string, env: Record<string, string> = {}): Promise<{ stdout: string }> {
  const own = Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name));
  return run('bash', ['-c', command], { cwd: user.folder, env: { ...Object.fromEntries(own), ...env } });
}

/** Lines in which every number stands for any. */
function linesOf(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.replace(/\d[\d.]*/g, '0').trimEnd());
}

/** Runs a command that stays, in a process group of its own, until its output holds `sign`. */
async function start(
  command: string,
  cwd: string,
  sign: RegExp,
  ms: number,
  env: Record<string, string> = {},
): Promise<string> {
  const child = spawn('bash', ['-c', command], {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  await within(
    ms,
    `${command} says ${sign}`,
    new Promise<void>((fulfil, reject) => {
      const read = (chunk: Buffer): void => {
        output += chunk.toString();
        if (sign.test(output)) fulfil();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('exit', (code) => reject(new Error(`${command} ended with ${code}:\n${output}`)));
    }),
  );
  return output;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  // Ctrl-C reaches the whole group.
  process.kill(-child.pid, 'SIGINT');
  await within(20_000, 'the command ends on Ctrl-C', exited);
}

it('has no command that is not run here, in the README and in the quick start', () => {
  // The README has the two in one fence.
  const both = `${COMMANDS.addKey}\n${COMMANDS.gateway}`;
  const shown = [...fences('sh'), ...fences('sh', QUICK_START)];
  const commands = new Set(shown.flatMap((fence) => (fence === both ? fence.split('\n') : [fence])));
  expect([...commands].sort()).toEqual(Object.values(COMMANDS).sort());
  // A test cannot run the tests it stands among; what lands a change runs this very line.
  expect(readFileSync(join(ROOT, '.ci/run'), 'utf8')).toContain(`grep -m1 -x '${COMMANDS.test}' README.md`);
});

it('the demo, on a fresh clone', async () => {
  const clone = join(work, 'clone');
  execFileSync('git', ['clone', '--quiet', ROOT, clone]);
  const output = await start(COMMANDS.demo, clone, /The gateway stays up until you press Ctrl-C/, 170_000, {
    DRAWBRIDGE_PORT: '0',
  });
  expect(output).toContain('12345678901234567.123456789012345678');
  expect(output).toMatch(/initialize answered [\d.]+ ms, 5 tools listed in [\d.]+ ms, query answered in [\d.]+ ms/);
  const url = /listening on (http:\S+), with one key/.exec(output)?.[1] ?? '';
  const key = /^ {2}(mdb_\S+)$/m.exec(output)?.[1] ?? '';
  const client = await connectSse(`${url}/sse`, { Authorization: `Bearer ${key}` });
  expect((await client.client.listTools()).tools.length).toBe(5);
  await client.close();
});

describe('with the package installed', () => {
  it('shows the entry of a client, and writes nothing', async () => {
    const home = mkdtempSync(join(work, 'home-'));
    const { stdout } = await runOnce(COMMANDS.showEntry, { HOME: home });
    expect(JSON.parse(stdout).mcpServers.postgres).toEqual({ url: 'https://db.example.com/mcp' });
    expect(readdirSync(home).filter((name) => !name.startsWith('.npm'))).toEqual([]);
  });

  it('says what the README shows of a check, line by line, but for numbers', async () => {
    const command = COMMANDS.checkServer.replace(/http:\S+/, inject('postgresMcpUrl'));
    const { stdout } = await runOnce(command, { HOME: mkdtempSync(join(work, 'home-')) });
    const [shown] = fences('text');
    expect(linesOf(stdout)).toEqual(linesOf(shown!));
  });

  it('makes a key, starts the gateway with it, and serves what the configuration entry starts', async () => {
    const key = (await runOnce(COMMANDS.addKey)).stdout.trim();
    const command = here(COMMANDS.gateway).replace(/http:\S+sse/, inject('postgresMcpUrl'));
    await start(command, user.folder, /listening on/, 20_000);
    expect((await send(`http://127.0.0.1:${ports['8080']}`, { path: '/ready' })).status).toBe(200);
    const [, withKey] = fences('json').map((text) => JSON.parse(here(text).replace('mdb_…', key)).mcpServers.postgres);
    expect(await listTools(withKey)).toContain('execute_sql');
  });

  it('goes from the key to the client’s file as the quick start does', async () => {
    const home = mkdtempSync(join(work, 'home-'));
    const gateway = here(COMMANDS.gateway).replace(/http:\S+sse/, inject('postgresMcpUrl'));
    const steps = [COMMANDS.exportKey.replace('keys.json', 'quick.json'), 'printf "%s" "$DRAWBRIDGE_TOKEN"'];
    const key = (await runOnce(steps.join('\n'))).stdout;
    await start(gateway.replace('keys.json', 'quick.json'), user.folder, /listening on/, 20_000);
    const env = { HOME: home, DRAWBRIDGE_TOKEN: key };
    const { stdout } = await runOnce(`${here(COMMANDS.checkGateway)} --heartbeat 0`, env);
    expect(stdout).toContain('ok    challenge  Authorization as configured: let in');
    expect(stdout).toContain('all is well');
    expect((await runOnce(here(COMMANDS.writeEntry), env)).stdout).not.toContain(key);
    const { url, headers } = JSON.parse(readFileSync(join(home, '.cursor/mcp.json'), 'utf8')).mcpServers.postgres;
    const client = await connectHttp(url, headers);
    expect(await client.callText('execute_sql', { sql: 'select 3 as three' })).toBe("[{'three': 3}]");
    await client.close();
  });

  it('looks at the database, without its password', async () => {
    const { username, host, pathname } = new URL(inject('databaseUri'));
    const uri = `postgresql://${username}@${host}${pathname}`;
    const { stdout } = await runOnce(COMMANDS.checkDatabase.replace(/postgresql:\S+/, uri));
    expect(stdout).toContain(`asks ${username} for a password (SCRAM-SHA-256)`);
  });

  it('serves the shortest configuration entry', async () => {
    const [entry] = fences('json').map((text) => JSON.parse(text).mcpServers.postgres);
    const args = entry.args.map((arg: string) => arg.replace('http://127.0.0.1:8000/sse', inject('postgresMcpUrl')));
    expect(args).not.toEqual(entry.args);
    expect(await listTools({ ...entry, args })).toContain('execute_sql');
  });

  it('runs the Express example', async () => {
    const [code] = fences('js').map((text) => here(text).replace(/http:\S+sse/, inject('postgresMcpUrl')));
    const key = (await runOnce(COMMANDS.addKey.replace('alice', 'app'))).stdout.trim();
    writeFileSync(join(user.folder, 'app.mjs'), code!);
    symlinkSync(join(ROOT, 'node_modules/express'), join(user.folder, 'node_modules/express'));
    await start(
      `node app.mjs & until (exec 3<>/dev/tcp/127.0.0.1/${ports['3000']}) 2>&-; do :; done; echo up; wait`,
      user.folder,
      /up/,
      20_000,
    );
    const client = await connectSse(`http://127.0.0.1:${ports['3000']}/db/sse`, { Authorization: `Bearer ${key}` });
    expect(await client.callText('execute_sql', { sql: 'select 1 as one' })).toBe("[{'one': 1}]");
    await client.close();
  });
});

describe('postgres-mcp', () => {
  it('installs and starts as it is said', async () => {
    const { command } = await findPython();
    const bin = join(work, 'bin');
    mkdirSync(bin);
    // Whatever this machine's Python of 3.12 or newer is called.
    writeFileSync(join(bin, 'python3.12'), `#!/bin/sh\nexec '${command}' "$@"\n`);
    chmodSync(join(bin, 'python3.12'), 0o755);
    const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
    await run('bash', ['-ec', COMMANDS.install], { cwd: work, env, timeout: 110_000 });
    const startCommand = here(COMMANDS.start).replace(/postgresql:\S+/, inject('databaseUri'));
    await start(startCommand, work, /Uvicorn running on/, 60_000);
    const client = await connectSse(`http://127.0.0.1:${ports['8000']}/sse`);
    expect(await client.callText('execute_sql', { sql: 'select 1 as one' })).toBe("[{'one': 1}]");
    await client.close();

    const key = (await runOnce(COMMANDS.addKey.replace('alice', 'starter'))).stdout.trim();
    symlinkSync(join(work, 'postgres-mcp'), join(user.folder, 'postgres-mcp'));
    const gateway = here(COMMANDS.gatewayWithCommand).replace(/postgresql:\S+/, inject('databaseUri'));
    await start(gateway, user.folder, /listening on/, 20_000);
    const throughGateway = await connectSse(`http://127.0.0.1:${ports['8080']}/sse`, {
      Authorization: `Bearer ${key}`,
    });
    expect(await throughGateway.callText('execute_sql', { sql: 'select 2 as two' })).toBe("[{'two': 2}]");
    await throughGateway.close();
  });

  it('is there, with a database, by one command in a clone', async () => {
    const output = await start(COMMANDS.throwAway, ROOT, /postgres-mcp is listening on \S+/, 110_000);
    const client = await connectSse(/listening on (\S+)/.exec(output)?.[1] ?? '');
    expect(await client.callText('execute_sql', { sql: 'select count(*) from main.primitive_events' })).toBe(
      "[{'count': 1000}]",
    );
    await client.close();
  });
});

async function listTools(entry: { command: string; args: string[]; env?: Record<string, string> }): Promise<string[]> {
  const env = { ...(process.env as Record<string, string>), ...entry.env };
  const transport = new StdioClientTransport({ ...entry, env, cwd: user.folder, stderr: 'ignore' });
  const client = new Client({ name: 'reader', version: '1.0.0' });
  await client.connect(transport);
  const { tools } = await client.listTools();
  await client.close();
  return tools.map(({ name }) => name);
}
