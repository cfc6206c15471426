/** The built gateway in front of a command that it starts, as an operator runs it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { type GatewayProcess, startCommandGateway } from '../parts/gateway-process.ts';
import { connectHttp, connectSse } from '../parts/mcp-client.ts';
import { runCli } from '../parts/run-cli.ts';
import { makePidFile, type PidFile, STDIO_SERVER } from '../parts/stdio-servers.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-command-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let gateway: GatewayProcess | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

async function start(options: readonly string[] = [], env: Record<string, string> = {}): Promise<PidFile> {
  const pids = makePidFile();
  gateway = await startCommandGateway(STDIO_SERVER, ['--command-env', 'PIDS', ...options], { PIDS: pids.PIDS, ...env });
  return pids;
}

/** Two sessions, one of which has a call open and a grandchild. */
async function openSessions(pids: PidFile): Promise<void> {
  const sse = await connectSse(`${gateway!.origin}/sse`, gateway!.alice);
  const http = await connectHttp(`${gateway!.origin}/mcp`, gateway!.bob);
  await sse.callText('grandchild');
  sse.callText('slow', { ms: 60_000 }).catch(() => {});
  expect(await http.callText('echo', { text: 'served' })).toBe('served');
  expect(pids.alive().length).toBe(3);
}

describe('gateway -- command', () => {
  it('says what it serves, and serves it', async () => {
    const pids = await start();
    await openSessions(pids);
    expect(gateway!.log()).toMatch(/listening on \S+, in front of .*stdio-server\.mjs/);
    expect(gateway!.log()).toMatch(/stdio server \d+ is there/);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const pids = await start();
    await openSessions(pids);
    await gateway!.close();
    // The call that is open takes all the time that there is to stop; what is still ending then, its guard ends.
    await until('its commands are gone', () => pids.alive().length === 0, 6000);
  });

  it('leaves nothing behind when it is killed', async () => {
    const pids = await start();
    await openSessions(pids);
    const exited = new Promise((fulfil) => gateway!.child.once('exit', fulfil));
    gateway!.child.kill('SIGKILL');
    await within(2000, 'it is killed', exited);
    await until('its commands are gone', () => pids.alive().length === 0, 6000);
  });

  it('gives DATABASE_URI on, and each principal its own, and nothing else of its environment', async () => {
    const file = join(folder, 'principals.json');
    writeFileSync(file, JSON.stringify({ alice: { DATABASE_URI: 'postgresql://alice:alice-secret@127.0.0.1/a' } }), {
      mode: 0o600,
    });
    await start(['--principal-environment', `@${file}`], {
      DATABASE_URI: 'postgresql://all:common-secret@localhost/all',
      AWS_SECRET_ACCESS_KEY: 'of-nobody-else',
    });
    const alice = await connectHttp(`${gateway!.origin}/mcp`, gateway!.alice);
    const bob = await connectHttp(`${gateway!.origin}/mcp`, gateway!.bob);
    expect(await alice.callText('variable', { name: 'DATABASE_URI' })).toContain('alice-secret');
    expect(await bob.callText('variable', { name: 'DATABASE_URI' })).toContain('common-secret');
    expect(await bob.callText('variables')).not.toContain('AWS_SECRET_ACCESS_KEY');
    expect(gateway!.log()).toContain('DATABASE_URI names the host localhost');
    expect(gateway!.log()).not.toContain('-secret');
  });
});

describe('gateway --check-config', () => {
  const check = (args: readonly string[], env: Record<string, string> = {}) =>
    runCli(['gateway', '--auth', 'none', '--check-config', ...args], { env, cwd: folder });

  it('shows the command, where it comes from, and no value of a variable', async () => {
    writeFileSync(
      join(folder, 'c.yaml'),
      'command: [node, server.mjs, "postgresql://a:secret-1@h/d"]\ncommandEnv: { TOKEN: secret-2 }\nprincipalEnvironment: { alice: { DATABASE_URI: secret-3 } }\n',
    );
    const { code, stdout, stderr } = await check(['--config', 'c.yaml']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^command +node, server\.mjs, postgresql:\/\/a:\*\*\*@h\/d +"command" in c\.yaml:1:1$/m);
    expect(stdout).toMatch(/^command-env +\*\*\* /m);
    expect(stdout).toMatch(/^principal-environment +\*\*\* /m);
    expect(stdout).not.toContain('secret-');
    expect((await check(['--config', 'c.yaml', '--', 'sh', '-c', 'true'])).stdout).toMatch(
      /^command +sh, -c, true +--$/m,
    );
  });

  it.each([
    ['a program that is not there', ['--', 'no-such-program'], 'the command "no-such-program" was not found'],
    ['nothing after --', ['--'], 'no command follows --'],
    [
      'a command and a URL',
      ['--upstream', 'http://127.0.0.1:9/sse', '--', 'node'],
      '--upstream cannot be used with a command',
    ],
    ['neither', [], '--upstream is missing'],
    ['headers for a command', ['--upstream-header', 'A: b-secret', '--', 'node'], 'has both a command and headers'],
    ['a variable without a name', ['--command-env', '=secret', '--', 'node'], '--command-env takes a name'],
    ['a variable that is not set', ['--command-env', 'NOT_SET_HERE', '--', 'node'], 'NOT_SET_HERE is not set'],
    ['principals that are no JSON', ['--principal-environment', '{secret', '--', 'node'], 'is not a JSON object'],
    [
      'a principal without variables',
      ['--principal-environment', '{"a":"secret"}', '--', 'node'],
      'must give "a" an object',
    ],
    [
      'a scope that is none',
      ['--command-scope', 'all', '--', 'node'],
      '--command-scope must be one of session, principal',
    ],
    ['the demo', ['--demo', '--', 'node'], '--demo cannot be used with --command'],
  ])('refuses %s', async (_what, args, message) => {
    const { code, stderr } = await check(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('secret');
  });
});
