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

/**
 * How often in a row a session may be opened anew before a call passes. nginx hashes a principal to its own gateway again as
 * soon as that is back, so a session that was opened on the other one at this moment is unknown a second time.
 */
const MAX_OPENINGS = 3;

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
  let client: Client | undefined;
  while (!signal.aborted) {
    for (const call of [(one: Client) => one.listTools(), (one: Client) => one.ping()]) {
      for (let openings = 0; ; openings++) {
        try {
          client ??= await open();
          await call(client);
          break;
        } catch (thrown) {
          const isUnknown = thrown instanceof StreamableHTTPError && thrown.code === 404;
          if (!isUnknown || openings === MAX_OPENINGS) throw thrown;
          if (client !== undefined) client.onerror = () => {};
          await client?.close();
          client = undefined;
        }
      }
      tally.calls++;
    }
  }
  await client?.close();
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
