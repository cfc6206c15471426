/** The gateway is ended while MCP servers run that it has started: none is left, however it ends. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../parts/raw-http.ts';
import { type CliProcess, startCli } from '../parts/run-cli.ts';
import { faultyServer, makePidFile, type PidFile, STDIO_SERVER } from '../parts/stdio-servers.ts';

/** Tells its process id as the tests' own server does. */
const TELL = 'echo $$ >> "$PIDS"; exec "$0" "$@"';
const STUBBORN = ['/bin/sh', '-c', TELL, ...faultyServer('ignores-the-end')];

let gateway: CliProcess;
let origin: string;
let pids: PidFile;
beforeEach(() => {
  pids = makePidFile();
});
afterEach(() => {
  if (gateway.child.exitCode === null) gateway.child.kill('SIGKILL');
});

async function start(command: readonly string[], options: readonly string[] = []): Promise<void> {
  const args = ['gateway', '--auth', 'none', '--port', '0', '--command-env', 'PIDS', ...options, '--', ...command];
  gateway = startCli(args, { env: { PIDS: pids.PIDS } });
  const [, found] = await gateway.logged(/listening on (http:\/\/127\.0\.0\.1:\d+), /);
  origin = found ?? '';
}

const post = (body: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> =>
  send(origin, { method: 'POST', path: '/mcp', headers: { ...JSON_HEADERS, ...headers }, body });
const call = (ms: number): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: { ms } } });

async function open(): Promise<Readonly<Record<string, string>>> {
  const { headers } = await post(INITIALIZE);
  const session = { 'mcp-session-id': String(headers['mcp-session-id']) };
  await post('{"jsonrpc":"2.0","method":"notifications/initialized"}', session);
  return session;
}

/** A call that has reached its command: what follows it on the same pipe was answered. */
async function callUnderWay(
  session: Readonly<Record<string, string>>,
  ms: number,
): Promise<{ answer: Promise<RawAnswer> }> {
  const answer = post(call(ms), session);
  answer.catch(() => {});
  await post('{"jsonrpc":"2.0","id":2,"method":"ping"}', session);
  return { answer };
}

const noneIsLeft = (ms = 5000): Promise<void> =>
  until(`none of ${pids.all().join(', ')} is left`, () => pids.alive().length === 0, ms);

describe.each(['session', 'principal'])('with a command for each %s', (scope) => {
  it('SIGTERM: what is under way is answered, then the commands end, then the gateway with 0', async () => {
    await start(STDIO_SERVER, ['--command-scope', scope]);
    const sessions = [await open(), await open(), await open()];
    const calls = await Promise.all(sessions.map((session) => callUnderWay(session, 1500)));
    expect(pids.alive().length).toBeGreaterThanOrEqual(scope === 'session' ? 3 : 1);
    gateway.child.kill('SIGTERM');
    for (const { answer } of calls) expect((await answer).body).toContain('"text":"done"');
    expect((await gateway.exited()).code).toBe(0);
    expect(pids.alive()).toEqual([]);
  });
});

it('SIGTERM: a call that takes too long gets an error, and its command ends', async () => {
  await start(STDIO_SERVER, ['--drain-timeout', '0.3']);
  const { answer } = await callUnderWay(await open(), 60_000);
  gateway.child.kill('SIGTERM');
  expect(JSON.parse((await answer).body)).toMatchObject({ id: 1, error: { data: { reason: 'shutting_down' } } });
  expect((await gateway.exited()).code).toBe(0);
  await noneIsLeft();
});

it('SIGTERM: a command that ignores its end is killed', async () => {
  await start(STUBBORN, ['--drain-timeout', '1']);
  void post(INITIALIZE).catch(() => {});
  await until('the command runs', () => pids.alive().length > 0);
  gateway.child.kill('SIGTERM');
  expect((await gateway.exited()).code).toBe(0);
  await noneIsLeft();
});

describe.each([
  ['well-behaved', STDIO_SERVER],
  ['ignoring its end', STUBBORN],
] as const)('with a command %s', (_what, command) => {
  it('a second signal ends the gateway at once, and the command after it', async () => {
    await start(command);
    const session = await open();
    // One that ignores its end takes long enough to end.
    if (command === STDIO_SERVER) await callUnderWay(session, 60_000);
    expect(pids.alive()).not.toEqual([]);
    gateway.child.kill('SIGTERM');
    await gateway.logged(/SIGTERM: stopping/);
    gateway.child.kill('SIGTERM');
    expect((await gateway.exited(2000)).code).toBe(143);
    await noneIsLeft();
  });

  it('SIGKILL of the gateway ends the command too', async () => {
    await start(command);
    void post(INITIALIZE).catch(() => {});
    await until('the command runs', () => pids.alive().length > 0);
    gateway.child.kill('SIGKILL');
    await noneIsLeft();
  });
});
