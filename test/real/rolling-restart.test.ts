import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeKeyFile } from '../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import type { Balancer } from './balancer.ts';
import { startNginx } from './nginx-balancer.ts';
import { type RolledGateways, startRolledGateways } from './rolled-gateways.ts';

const CLIENTS = 12;
const names = Array.from({ length: CLIENTS }, (_, index) => `client-${index}`);
const keyFile = writeKeyFile(names);

let server: TestMcpServer;
let gateways: RolledGateways;
let balancer: Balancer;

beforeAll(async () => {
  server = await startMcpServer();
  gateways = await startRolledGateways(['--upstream', server.httpUrl, '--key-file', keyFile.path]);
  balancer = await startNginx(gateways.ports);
}, 120_000);
afterAll(async () => {
  gateways.stop();
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
  const codes = await gateways.roll(3);
  stop.abort();
  await Promise.all(workers);
  expect(failures).toEqual([]);
  expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
  expect(tally.calls).toBeGreaterThan(200);
  // Those whose gateway was restarted had to begin a new one.
  expect(tally.sessions).toBeGreaterThan(CLIENTS);
  console.log(`${tally.calls} calls, ${tally.sessions} sessions`);
}, 120_000);
