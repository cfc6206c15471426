/** The bridge before a real postgres-mcp that is killed and started again, on each version of `mcp` that is in the field. */
import { afterEach, describe, expect, inject, it } from 'vitest';
import { type CliProcess, linesOf, startCli } from '../parts/run-cli.ts';
import { answers, callTool, expectOnlyMessages, handshake, reasonOf, request } from '../parts/stdio-messages.ts';
import { type PostgresMcp, startPostgresMcp, type Variant } from './postgres-mcp.mjs';

const COUNT = { sql: 'select count(*) from main.primitive_events' };
const EXACT = '12345678901234567.123456789012345678';

let server: PostgresMcp | undefined;
let bridge: CliProcess | undefined;
afterEach(async () => {
  bridge?.child.stdin.end();
  await bridge?.exited();
  await server?.stop();
});

async function start(variant: Variant, port?: number): Promise<PostgresMcp> {
  server = await startPostgresMcp({
    databaseUri: inject('databaseUri'),
    variant,
    accessMode: 'unrestricted',
    ...(port === undefined ? {} : { port }),
  });
  return server;
}

describe.each(['1.25.0', '1.30.0', '1.6.0'] as const)('postgres-mcp on mcp %s', (variant) => {
  it('is killed with a query under way, and back some seconds later: nothing is lost but that query', async () => {
    const first = await start(variant);
    bridge = startCli([first.url, '--hold', '60']);
    await handshake(bridge);
    bridge.writeLine(request('2', 'tools/list'));
    const tools = await bridge.line('the tools', answers('2'));
    bridge.writeLine(callTool('9007199254740993', 'execute_sql', { sql: 'select pg_sleep(60)' }));
    bridge.writeLine(callTool('3', 'execute_sql', COUNT));
    expect(await bridge.line('a query beside it', answers('3'))).toContain("[{'count': 1000}]");

    const killedAt = performance.now();
    process.kill(first.pid, 'SIGKILL');
    const lost = await bridge.line('the query under way', answers('9007199254740993'), 5000);
    expect(performance.now() - killedAt).toBeLessThan(1000);
    expect(reasonOf(lost)).toBe('upstream_lost');
    await first.exited;

    bridge.writeLine(callTool('"while away"', 'execute_sql', COUNT));
    bridge.writeLine(request('4', 'tools/list'));
    await start(variant, first.port);
    expect(await bridge.line('the query made while it was away', answers('"while away"'), 30_000)).toContain('1000');
    expect(await bridge.line('the tools again', answers('4'))).toBe(tools.replace('"id":2', '"id":4'));
    bridge.writeLine(callTool('5', 'execute_sql', { sql: 'select max(value) as value from main.primitive_events' }));
    expect(await bridge.line('a numeric', answers('5'))).toContain(EXACT);
    expectOnlyMessages(bridge.stdout);
    expect(linesOf(bridge.stdout).filter((line) => line.includes('list_changed'))).toEqual([]);
    expect(server?.log()).not.toMatch(/before initialization was complete|Traceback/);
  });

  it('is not there at the start, and comes some seconds later', async () => {
    const { port } = await start(variant);
    await server?.stop();
    bridge = startCli([`http://localhost:${port}/sse`, '--initialize-timeout', '60']);
    const shaken = handshake(bridge, 30_000);
    await start(variant, port);
    await shaken;
    bridge.writeLine(callTool('2', 'execute_sql', COUNT));
    expect(await bridge.line('a query', answers('2'))).toContain('1000');
  });
});
