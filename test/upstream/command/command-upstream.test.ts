import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { CommandRun } from '../../../src/upstream/command/command-run.ts';
import { CommandUpstream, type CommandUpstreamOptions } from '../../../src/upstream/command/command-upstream.ts';
import { until, within } from '../../parts/deadline.ts';
import { EventLog, messageOf, quietly, rejectionOf, request } from '../../parts/memory-transport.ts';
import { isAlive } from '../../parts/processes.ts';
import { type Fault, faultyServer, keepLog, makePidFile, STDIO_SERVER } from '../../parts/stdio-servers.ts';

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const call = (id: string, name: string, args = '{}'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`;

interface Started {
  readonly upstream: CommandUpstream;
  readonly events: EventLog;
  readonly lines: string[];
  readonly pid: () => number;
  readonly silentEnds: string[];
}

const open: CommandUpstream[] = [];
afterEach(async () => {
  for (const upstream of open.splice(0)) await upstream.close();
});

function create(
  command: readonly [string, ...string[]],
  options: Partial<CommandUpstreamOptions> & { environment?: Record<string, string> } = {},
): Started & { start: () => Promise<void> } {
  const { environment = {}, ...more } = options;
  const { logger, lines } = keepLog();
  const silentEnds: string[] = [];
  let child: CommandRun | undefined;
  const upstream = new CommandUpstream({
    start: async () => {
      child = await CommandRun.start({
        command,
        environment: { PATH: process.env['PATH'] ?? '', ...environment },
        logger,
      });
      return child;
    },
    logger,
    startTimeoutMs: 10_000,
    sendTimeoutMs: 10_000,
    maxMessageBytes: 64 * 1024 * 1024,
    onSilentEnd: (error) => silentEnds.push(error.code),
    ...more,
  });
  open.push(upstream);
  const events = new EventLog();
  return { upstream, events, lines, silentEnds, pid: () => child!.pid, start: () => upstream.start(events) };
}

async function start(...args: Parameters<typeof create>): Promise<Started> {
  const started = create(...args);
  await started.start();
  return started;
}

async function initialized(...args: Parameters<typeof create>): Promise<Started> {
  const started = await start(...args);
  quietly(started.upstream.send(messageOf(INITIALIZE)));
  await started.events.messageCount(1);
  quietly(started.upstream.send(messageOf(INITIALIZED)));
  return started;
}

const faulty = (fault: Fault, options?: Parameters<typeof create>[1]): Promise<Started> =>
  initialized(faultyServer(fault), options);

describe('a command that serves MCP', () => {
  it('answers under the ids of the requests', async () => {
    const { upstream, events } = await initialized(STDIO_SERVER);
    quietly(upstream.send(messageOf(call('"ü"', 'echo', '{"text":"ü\u2028"}'))));
    quietly(upstream.send(messageOf(call('7', 'echo', '{"text":"b"}'))));
    const texts = (await events.messageCount(3)).slice(1);
    expect(texts.find((text) => text.includes('"id":"ü"'))).toContain('"text":"ü\u2028"');
    expect(texts.find((text) => text.includes('"id":7'))).toContain('"text":"b"');
  });

  it('takes messages before it has started', async () => {
    const { upstream, events, start: begin } = create(STDIO_SERVER);
    const started = begin();
    await upstream.send(messageOf(INITIALIZE));
    await started;
    expect((await events.messageCount(1))[0]).toContain('"test-server"');
  });

  it('brings a result of 10 MB while another call is answered', async () => {
    const { upstream, events } = await initialized(STDIO_SERVER);
    quietly(upstream.send(messageOf(call('2', 'big', '{"bytes":10000000}'))));
    quietly(upstream.send(messageOf(call('3', 'echo', '{"text":"beside"}'))));
    await events.messageCount(3);
    expect(events.messages.find((text) => text.length > 10_000_000)).toContain('"id":2');
  });

  it('names the request that progress is about', async () => {
    const { upstream, events } = await initialized(STDIO_SERVER);
    const params = '{"name":"progress","arguments":{},"_meta":{"progressToken":"t"}}';
    quietly(upstream.send(messageOf(`{"jsonrpc":"2.0","id":"p","method":"tools/call","params":${params}}`)));
    await events.messageCount(5);
    expect(events.routes.slice(1, 4)).toEqual(Array.from({ length: 3 }, () => ({ relatedTo: '"p"' })));
  });

  it('counts a call that was cancelled, and is never answered, no longer among those that a message may be about', async () => {
    const { upstream, events } = await initialized(STDIO_SERVER);
    quietly(upstream.send(messageOf(call('2', 'slow', '{"ms":60000}'))));
    quietly(upstream.send(messageOf('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}')));
    quietly(upstream.send(messageOf(call('3', 'announce'))));
    await until('the log message', () => events.messages.some((text) => text.includes('notifications/message')));
    const at = events.messages.findIndex((text) => text.includes('notifications/message'));
    expect(events.routes[at]).toEqual({ relatedTo: messageOf(call('3', 'announce')).key });
  });

  it('has the environment that it is given and no other', async () => {
    const { upstream, events } = await initialized(STDIO_SERVER, { environment: { DATABASE_URI: 'postgresql://h/d' } });
    quietly(upstream.send(messageOf(call('2', 'variables'))));
    expect((await events.messageCount(2))[1]).toContain('"text":"DATABASE_URI PATH"');
  });

  it('is not read while it is paused, and nothing is lost', async () => {
    const { upstream, events } = await initialized(STDIO_SERVER);
    upstream.pause();
    for (let id = 2; id < 12; id++) quietly(upstream.send(messageOf(call(String(id), 'big', '{"bytes":1000000}'))));
    await new Promise((fulfil) => setImmediate(fulfil));
    // What was read by then came before the pause.
    expect(events.messages.length).toBe(1);
    upstream.resume();
    await events.messageCount(11);
  });

  it('ends with the close, and what it has started as well', async () => {
    const pids = makePidFile();
    const { upstream, events } = await initialized(STDIO_SERVER, { environment: { PIDS: pids.PIDS } });
    quietly(upstream.send(messageOf(call('2', 'grandchild'))));
    await events.messageCount(2);
    expect(pids.alive().length).toBe(2);
    await upstream.close();
    expect(pids.alive()).toEqual([]);
    expect(events.ends).toEqual([]);
  });

  it('says in the log what it writes to stderr, under its number', async () => {
    const { lines, pid } = await initialized(STDIO_SERVER);
    await until('the line', () => lines.some((line) => line.includes(`stdio server ${pid()} is there`)));
    expect(lines.find((line) => line.includes('is there'))).toContain(`"pid":${pid()}`);
  });
});

describe('a command with a fault', () => {
  it('that is killed with calls open ends the transport at once, with the signal', async () => {
    const { upstream, events, pid } = await initialized(STDIO_SERVER);
    quietly(upstream.send(messageOf(call('2', 'slow', '{"ms":60000}'))));
    const killedAt = performance.now();
    process.kill(pid(), 'SIGKILL');
    const error = await events.ended();
    expect(performance.now() - killedAt).toBeLessThan(1000);
    expect(error).toMatchObject({ code: 'upstream_lost' });
    expect(error?.why).toMatch(/it was ended by SIGKILL; its last line: stdio server \d+ is there/);
    expect((await rejectionOf(upstream.send(messageOf(request('3'))))).code).toBe('upstream_lost');
  });

  it('that does not exist is named', async () => {
    const { start: begin, events } = create(['/nowhere/mcp-server']);
    const error = await rejectionOf(begin());
    expect(error).toMatchObject({ code: 'upstream_unreachable', exitCode: 3 });
    expect(error.sentence).toBe('the command /nowhere/mcp-server cannot be started: it was not found (ENOENT)');
    expect(events.ends.length).toBe(1);
  });

  it('that may not be executed is named', async () => {
    const file = fileURLToPath(new URL('../../parts/stdio-server.mjs', import.meta.url));
    const error = await rejectionOf(create([file]).start());
    expect(error.sentence).toBe(`the command ${file} cannot be started: it may not be executed (EACCES)`);
  });

  it('that dies at once says its last words, without the password in them', async () => {
    const { events, silentEnds, upstream } = await start(faultyServer('dies-at-once'));
    const sent = upstream.send(messageOf(INITIALIZE));
    const error = await events.ended();
    quietly(sent);
    expect(error?.why).toBe(
      'exit code 3; its last line: could not connect to postgresql://alice:***@127.0.0.1:5432/db',
    );
    expect(silentEnds).toEqual(['upstream_lost']);
  });

  it('that prints garbage is heard where it speaks MCP, and the rest is in the log', async () => {
    const { upstream, events, lines } = await faulty('prints-garbage', {
      environment: { DATABASE_URI: 'postgresql://alice:hunter22@127.0.0.1/db' },
    });
    quietly(upstream.send(messageOf(request('2'))));
    await events.messageCount(2);
    expect(events.messages.slice(1)).toEqual([expect.stringContaining('after the garbage')]);
    const garbage = lines.filter((line) => line.startsWith('warn no message, on stdout: '));
    expect(garbage.length).toBe(6);
    expect(lines.join('\n')).not.toContain('hunter22');
  });

  it('that ignores its stdin and SIGTERM is killed', async () => {
    const { upstream, pid } = await faulty('ignores-the-end');
    const id = pid();
    await within(4500, 'the close', upstream.close());
    expect(isAlive(id)).toBe(false);
  });

  it('that closes its output is ended, though it lives', async () => {
    const { upstream, events, pid } = await faulty('closes-its-output');
    quietly(upstream.send(messageOf(request('2'))));
    expect((await events.ended())?.message).toBe('the command closed its output, and goes on');
    await until('it is gone', () => !isAlive(pid()));
  });

  it('that never answers is given up after its time to start', async () => {
    const { upstream, events, silentEnds } = await start(faultyServer('never-answers'), { startTimeoutMs: 300 });
    quietly(upstream.send(messageOf(INITIALIZE)));
    expect(await events.ended()).toMatchObject({ code: 'upstream_timeout' });
    expect(silentEnds).toEqual(['upstream_timeout']);
  });

  it('that reads nothing is given up after the time to send, and what was sent may have run', async () => {
    const { upstream, events } = await start(faultyServer('reads-nothing'), { sendTimeoutMs: 300 });
    const big = messageOf(call('2', 'echo', `{"text":"${'x'.repeat(1_000_000)}"}`));
    const error = await rejectionOf(upstream.send(big));
    expect(error).toMatchObject({ code: 'upstream_timeout', mayHaveRun: true });
    expect(events.ends.length).toBe(1);
  });

  it('that is sent more than it reads is sent no more', async () => {
    const { upstream } = await start(faultyServer('reads-nothing'), { maxMessageBytes: 500_000 });
    const big = messageOf(call('2', 'echo', `{"text":"${'x'.repeat(1_000_000)}"}`));
    quietly(upstream.send(big));
    expect((await rejectionOf(Promise.resolve().then(() => upstream.send(big)))).code).toBe('too_many_pending');
  });

  it('that sends a line longer than a message may be is ended', async () => {
    const { upstream, events } = await faulty('sends-a-huge-line', { maxMessageBytes: 100_000 });
    quietly(upstream.send(messageOf(request('2'))));
    expect(await events.ended()).toMatchObject({ code: 'upstream_invalid' });
  });

  it('that writes without end fills no log, and nothing of it moves a terminal', async () => {
    const { upstream, events, lines } = await faulty('floods-its-log');
    quietly(upstream.send(messageOf(request('2'))));
    await events.messageCount(2);
    await upstream.close();
    const logged = lines.filter((line) => line.includes(': line '));
    expect(logged.length).toBeGreaterThan(90);
    expect(logged.length).toBeLessThanOrEqual(100);
    expect(lines.join('\n')).not.toContain('\u001b');
    expect(lines.some((line) => /: \d+ more lines are not logged/.test(line))).toBe(true);
  });
});
