/** Two real postgres-mcp behind one gateway as replicas; one is killed and comes back. */
import { afterEach, describe, expect, inject, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { connectSse, type TestClient } from '../parts/mcp-client.ts';
import { type PostgresMcp, startPostgresMcp } from './postgres-mcp.mjs';

const COUNT = { sql: 'select count(*) from main.primitive_events' };

let servers: PostgresMcp[] = [];
let gateway: GatewayProcess | undefined;
let clients: TestClient[] = [];
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close().catch(() => {})));
  await gateway?.close();
  await Promise.all(servers.map((server) => server.stop()));
  [servers, gateway, clients] = [[], undefined, []];
});

async function start(port?: number): Promise<PostgresMcp> {
  const server = await startPostgresMcp({
    databaseUri: inject('databaseUri'),
    accessMode: 'unrestricted',
    ...(port === undefined ? {} : { port }),
  });
  servers.push(server);
  return server;
}

async function connect(): Promise<TestClient> {
  const client = await within(15_000, 'a client is connected', connectSse(`${gateway!.origin}/sse`, gateway!.alice));
  clients.push(client);
  return client;
}

const streamsOf = (server: PostgresMcp): number => server.log().match(/"GET \/sse HTTP\/1\.1" 200/g)?.length ?? 0;

describe('two postgres-mcp behind one gateway', () => {
  it('share the sessions; one is killed and no new session fails; it returns and gets sessions again', async () => {
    const [first, second] = [await start(), await start()];
    gateway = await startGatewayProcess(first.url, ['--upstream', second.url]);
    for (let index = 0; index < 4; index++) {
      expect(await (await connect()).callText('execute_sql', COUNT)).toContain('1000');
    }
    expect([streamsOf(first), streamsOf(second)]).toEqual([2, 2]);

    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    for (let index = 0; index < 4; index++) {
      expect(await (await connect()).callText('execute_sql', COUNT)).toContain('1000');
    }
    expect(streamsOf(second)).toBe(6);
    expect(gateway.log()).toContain(
      `127.0.0.1:${first.port} is out of service`.replace('127.0.0.1', new URL(first.url).hostname),
    );

    const again = await start(first.port);
    await until('it is back in service', () => gateway!.log().includes('is back in service'), 45_000);
    expect(await (await connect()).callText('execute_sql', COUNT)).toContain('1000');
    expect(streamsOf(again)).toBe(1);
    // Looks at a replica are connections without a request.
    expect(again.log()).not.toMatch(/HEAD |Traceback|Invalid HTTP/);
  });

  it('a session that may survive goes on on the other with the next query', async () => {
    const [first, second] = [await start(), await start()];
    gateway = await startGatewayProcess(first.url, ['--upstream', second.url, '--survive-restarts']);
    const client = await connect();
    expect(await client.callText('execute_sql', COUNT)).toContain('1000');
    const [own, other] = streamsOf(first) === 1 ? [first, second] : [second, first];
    process.kill(own.pid, 'SIGKILL');
    await own.exited;
    expect(await within(10_000, 'a query', client.callText('execute_sql', COUNT))).toContain('1000');
    expect(streamsOf(other)).toBe(1);
  });
});
