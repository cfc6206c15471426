import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { connectSse } from '../parts/mcp-client.ts';
import { type InstalledPackage, installPackage, ROOT } from '../parts/package.ts';
import { send } from '../parts/raw-http.ts';
import { findFreePort } from './free-port.mjs';
import { findPython } from './python.mjs';

const run = promisify(execFile);
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const fences = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)\\n\`\`\`$`, 'gms'))].map(([, text]) => text!);

/** What the README says may listen where; here the ports are free ones. */
const ports = { '8000': 0, '8080': 0, '3000': 0 };
const here = (text: string): string =>
  text.replace(/\b(8000|8080|3000)\b/g, (port) => String(ports[port as keyof typeof ports]));

/** Every command of the README, and the test below that runs it. */
const COMMANDS = {
  demo: 'npm ci && npm run demo',
  test: 'npm ci && npm test',
  addKey: 'npx mcp-drawbridge keys add alice --key-file keys.json',
  gateway: 'npx mcp-drawbridge gateway --upstream http://127.0.0.1:8000/sse --key-file keys.json --port 8080',
  gatewayWithCommand:
    'DATABASE_URI=postgresql://user:password@127.0.0.1:5432/database npx mcp-drawbridge gateway --key-file keys.json --port 8080 -- postgres-mcp/bin/postgres-mcp --access-mode=restricted',
  help: 'npx mcp-drawbridge gateway --help',
  install: [
    'python3.12 -m venv postgres-mcp && postgres-mcp/bin/pip install uv',
    "printf 'pglast>=7,<8\\nmcp[cli]==1.25.0\\n' > overrides.txt",
    "postgres-mcp/bin/uv pip install --python postgres-mcp/bin/python --override overrides.txt 'postgres-mcp==0.3.0'",
  ].join('\n'),
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

it('has no command that is not run here', () => {
  expect(fences('sh').sort()).toEqual(Object.values(COMMANDS).sort());
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
  it('prints the gateway’s options', async () => {
    const { stdout } = await run('bash', ['-c', COMMANDS.help], { cwd: user.folder });
    expect(stdout).toContain('--allowed-hosts');
    expect(stdout).toContain('--allowed-origins');
  });

  it('makes a key, starts the gateway with it, and serves what the configuration entry starts', async () => {
    const key = (await run('bash', ['-c', COMMANDS.addKey], { cwd: user.folder })).stdout.trim();
    const command = here(COMMANDS.gateway).replace(/http:\S+sse/, inject('postgresMcpUrl'));
    await start(command, user.folder, /listening on/, 20_000);
    expect((await send(`http://127.0.0.1:${ports['8080']}`, { path: '/ready' })).status).toBe(200);
    const [, withKey] = fences('json').map((text) => JSON.parse(here(text).replace('mdb_…', key)).mcpServers.postgres);
    expect(await listTools(withKey)).toContain('execute_sql');
  });

  it('serves the shortest configuration entry', async () => {
    const [entry] = fences('json').map((text) => JSON.parse(text).mcpServers.postgres);
    const args = entry.args.map((arg: string) => arg.replace('http://127.0.0.1:8000/sse', inject('postgresMcpUrl')));
    expect(args).not.toEqual(entry.args);
    expect(await listTools({ ...entry, args })).toContain('execute_sql');
  });

  it('runs the Express example', async () => {
    const [code] = fences('js').map((text) => here(text).replace(/http:\S+sse/, inject('postgresMcpUrl')));
    const key = (
      await run('bash', ['-c', COMMANDS.addKey.replace('alice', 'app')], { cwd: user.folder })
    ).stdout.trim();
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

    const key = (
      await run('bash', ['-c', COMMANDS.addKey.replace('alice', 'starter')], { cwd: user.folder })
    ).stdout.trim();
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
