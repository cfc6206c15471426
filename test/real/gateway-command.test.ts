/** The real postgres-mcp over stdio, started by the gateway: restricted, for two principals on two databases. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { type GatewayProcess, startCommandGateway } from '../parts/gateway-process.ts';
import { connectHttp, connectSse, type TestClient } from '../parts/mcp-client.ts';
import { processesWith } from '../parts/processes.ts';
import { type Postgres, startPostgres } from './postgres.mjs';
import { ensurePostgresMcp } from './postgres-mcp.mjs';

const COUNT = { sql: 'select count(*) from main.primitive_events' };

let folder: string;
let bobs: Postgres;
let principals: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-real-command-'));
  bobs = await startPostgres();
  await bobs.psql("DELETE FROM main.primitive_events WHERE stream <> 'st0'");
  principals = join(folder, 'principals.json');
  const environment = { alice: { DATABASE_URI: inject('databaseUri') }, bob: { DATABASE_URI: bobs.uri } };
  writeFileSync(principals, JSON.stringify(environment), { mode: 0o600 });
});
afterAll(async () => {
  await bobs?.stop();
  rmSync(folder, { recursive: true });
});

let gateway: GatewayProcess | undefined;
const clients: TestClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close().catch(() => {});
  await gateway?.close();
  gateway = undefined;
});

describe.each([
  ['1.25.0', 'session'],
  ['1.30.0', 'principal'],
  ['1.6.0', 'session'],
] as const)('gateway -- postgres-mcp on mcp %s, a process for each %s', (variant, scope) => {
  it('serves an SSE and an HTTP client, each principal its own database, and nobody writes', async () => {
    const command = join(await ensurePostgresMcp(variant), 'bin', 'postgres-mcp');
    // Nobody else's process has it in its command line.
    const mark = `--sse-port=${40_000 + Math.floor(Math.random() * 20_000)}`;
    gateway = await startCommandGateway(
      [command, '--access-mode=restricted', mark],
      ['--principal-environment', `@${principals}`, '--command-scope', scope],
    );
    const alice = await connectSse(`${gateway.origin}/sse`, gateway.alice);
    const bob = await connectHttp(`${gateway.origin}/mcp`, gateway.bob);
    const second = await connectHttp(`${gateway.origin}/mcp`, gateway.alice);
    clients.push(alice, bob, second);
    for (const client of clients) {
      const { tools } = await client.client.listTools();
      expect(tools.map(({ name }) => name)).toContain('execute_sql');
    }
    expect(await alice.callText('execute_sql', COUNT)).toContain("'count': 1000");
    expect(await second.callText('execute_sql', COUNT)).toContain("'count': 1000");
    expect(await bob.callText('execute_sql', COUNT)).toContain("'count': 100}");
    const many = Array.from({ length: 10 }, (_value, index) => index);
    const texts = await Promise.all(
      many.map((index) => alice.callText('execute_sql', { sql: `select ${index} as answer` })),
    );
    expect(texts).toEqual(many.map((index) => `[{'answer': ${index}}]`));
    const exact = { sql: 'select max(value) as value from main.primitive_events' };
    expect(await alice.callText('execute_sql', exact)).toContain('12345678901234567.123456789012345678');
    const refused = await bob.callText('execute_sql', { sql: 'delete from main.primitive_events' });
    expect(refused).toContain('Error validating query');
    expect(await bobs.psql('select count(*) from main.primitive_events')).toBe('100');
    // The gateway's own command line has the mark as well, and no guard has it.
    const commands = (): string[] => processesWith(mark).filter((line) => !line.includes('mcp-drawbridge'));
    expect(commands().length).toBe(scope === 'session' ? 3 : 2);
    expect(gateway.log()).not.toContain('kwild:kwild');

    await gateway.close();
    await until('no postgres-mcp is left', () => commands().length === 0, 5000);
  });
});
