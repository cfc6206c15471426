import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeKeyFile } from '../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { type CliProcess, startCli } from '../parts/run-cli.ts';
import { findFreePort } from './free-port.mjs';
import type { Nginx } from './nginx.ts';
import { startBalancer } from './nginx-balancer.ts';

const CLIENTS = 12;
const names = Array.from({ length: CLIENTS }, (_, index) => `client-${index}`);
const keyFile = writeKeyFile(names);

let server: TestMcpServer;
let balancer: Nginx;
let ports: number[];
const gateways = new Map<number, CliProcess>();

async function start(port: number): Promise<void> {
  const limits = ['--limit-requests', '1000000', '--limit-address', '1000000'];
  const args = ['gateway', '--upstream', server.httpUrl, '--key-file', keyFile.path, '--port', String(port), ...limits];
  const gateway = startCli([...args, '--drain-delay', '0.2']);
  gateways.set(port, gateway);
  await gateway.logged(/listening on/, 20_000);
}

/** As an operator restarts a service: ended by SIGTERM, then started anew. Returns the exit code. */
async function restart(port: number): Promise<number | null> {
  const gateway = gateways.get(port);
  gateway?.child.kill('SIGTERM');
  const exited = await gateway?.exited(15_000);
  await start(port);
  return exited?.code ?? null;
}

beforeAll(async () => {
  server = await startMcpServer();
  ports = [await findFreePort(), await findFreePort()];
  for (const port of ports) await start(port);
  balancer = await startBalancer(ports);
}, 120_000);
afterAll(async () => {
  for (const gateway of gateways.values()) gateway.child.kill('SIGTERM');
  await balancer.stop();
  await server.kill();
  keyFile.remove();
});

interface Tally {
  calls: number;
  sessions: number;
}

/** Lists, pings and new sessions until it is told to stop. A session that is not known any more is opened anew, and no more. */
async function work(key: string, signal: AbortSignal, tally: Tally): Promise<void> {
  const open = async (): Promise<Client> => {
    const client = new Client({ name: 'roller', version: '1' });
    const headers = { Authorization: `Bearer ${key}` };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${balancer.origin}/mcp`), { requestInit: { headers } }) as Transport,
    );
    tally.sessions++;
    return client;
  };
  let client = await open();
  while (!signal.aborted) {
    for (const call of [() => client.listTools(), () => client.ping()]) {
      try {
        await call();
      } catch (thrown) {
        if (!(thrown instanceof StreamableHTTPError) || thrown.code !== 404) throw thrown;
        client.onerror = () => {};
        await client.close();
        client = await open();
        await call();
      }
      tally.calls++;
    }
  }
  await client.close();
}

it('two gateways behind nginx restarted in turn, three times each, lose no idempotent call of twelve clients', async () => {
  const stop = new AbortController();
  const tally: Tally = { calls: 0, sessions: 0 };
  const failures: unknown[] = [];
  const workers = names.map((name) =>
    work(keyFile.keys[name]!, stop.signal, tally).catch((error: unknown) => failures.push(error)),
  );
  const codes: (number | null)[] = [];
  for (let round = 0; round < 3; round++) for (const port of ports) codes.push(await restart(port));
  stop.abort();
  await Promise.all(workers);
  expect(failures).toEqual([]);
  expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
  expect(tally.calls).toBeGreaterThan(200);
  // Those whose gateway was restarted had to begin a new one.
  expect(tally.sessions).toBeGreaterThan(CLIENTS);
  console.log(`${tally.calls} calls, ${tally.sessions} sessions`);
}, 120_000);
