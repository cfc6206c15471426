/** What the clients of three transports lose when gateways behind HAProxy are restarted in turn: no idempotent call. */
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { InitializeResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { writeKeyFile } from '../parts/gateway-server.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { type ModernServer, startModernServer } from '../parts/modern-server.ts';
import { type Haproxy, startHaproxy } from './haproxy-balancer.ts';
import { type RolledGateways, startRolledGateways } from './rolled-gateways.ts';

const EACH = 4;
const KINDS = ['http', 'sse', 'modern'] as const;
const names = KINDS.flatMap((kind) => Array.from({ length: EACH }, (_, index) => `${kind}-${index}`));
const keyFile = writeKeyFile(names);
const INFO = { name: 'roller', version: '1' };

let server: TestMcpServer;
let modern: ModernServer;
let gateways: RolledGateways;
let balancer: Haproxy;

beforeAll(async () => {
  server = await startMcpServer();
  modern = await startModernServer();
  const upstreams = JSON.stringify({ modern: { upstream: modern.url } });
  const args = ['--upstream', server.httpUrl, '--upstreams', upstreams, '--key-file', keyFile.path];
  gateways = await startRolledGateways(args);
  balancer = await startHaproxy(gateways.ports);
}, 120_000);
afterAll(async () => {
  gateways.stop();
  await balancer.stop();
  await modern.close();
  await server.kill();
  keyFile.remove();
});

interface Tally {
  calls: number;
  /** Sessions that were begun: by a client that saw its last one gone. */
  sessions: number;
}

type Worker = (headers: Readonly<Record<string, string>>, signal: AbortSignal, tally: Tally) => Promise<void>;

/** A client initializes anew when its session is answered with 404, and repeats the call. */
const workOverHttp: Worker = async (headers, signal, tally) => {
  const open = async (): Promise<Client> => {
    const client = new Client(INFO);
    const url = new URL(`${balancer.origin}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as Transport);
    tally.sessions++;
    return client;
  };
  let client: Client | undefined;
  const attempt = async (call: (client: Client) => Promise<unknown>): Promise<boolean> => {
    try {
      client ??= await open();
      await call(client);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof StreamableHTTPError) || thrown.code !== 404) throw thrown;
      if (client !== undefined) client.onerror = () => {};
      await client?.close();
      client = undefined;
      return false;
    }
  };
  while (!signal.aborted) {
    for (const call of [(open: Client) => open.listTools(), (open: Client) => open.ping()]) {
      await until('the call is answered', () => attempt(call), 10_000);
      tally.calls++;
    }
  }
  await client?.close();
};

/** The transport comes back by itself, to a session that is new: its client initializes it, and repeats the call. */
const workOverSse: Worker = async (headers, signal, tally) => {
  const client = new Client(INFO);
  await client.connect(
    new SSEClientTransport(new URL(`${balancer.origin}/sse`), { requestInit: { headers } }) as Transport,
  );
  tally.sessions++;
  client.onerror = () => {};
  const initialize = async (): Promise<void> => {
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: INFO };
    await client.request({ method: 'initialize', params }, InitializeResultSchema, { timeout: 1000 });
    await client.notification({ method: 'notifications/initialized' });
    tally.sessions++;
  };
  const isDone = (call: () => Promise<unknown>): Promise<boolean> =>
    call().then(
      () => true,
      () => false,
    );
  while (!signal.aborted) {
    const list = () => client.listTools(undefined, { timeout: 2000 });
    const attempt = async (): Promise<boolean> => {
      if (await isDone(list)) return true;
      await isDone(initialize);
      return false;
    };
    await until('the call is answered', attempt, 15_000);
    tally.calls++;
  }
  await client.close();
};

/** Nothing is to be done: no request belongs to a session. */
const workModern: Worker = async (headers, signal, tally) => {
  const client = new ModernClient(INFO, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  const url = new URL(`${balancer.origin}/modern/mcp`);
  await client.connect(new ModernTransport(url, { requestInit: { headers } }));
  tally.sessions++;
  while (!signal.aborted) {
    const { tools } = await client.listTools();
    expect(tools.length).toBe(5);
    const { contents } = await client.readResource({ uri: 'note:///one' });
    expect(contents.length).toBe(1);
    tally.calls += 2;
  }
  await client.close();
};

const WORKERS = { http: workOverHttp, sse: workOverSse, modern: workModern };

it('two gateways behind HAProxy restarted in turn, three times each, lose no idempotent call of twelve clients', async () => {
  const stop = new AbortController();
  const tallies = {
    http: { calls: 0, sessions: 0 },
    sse: { calls: 0, sessions: 0 },
    modern: { calls: 0, sessions: 0 },
  };
  const failures: unknown[] = [];
  const workers = KINDS.flatMap((kind) =>
    Array.from({ length: EACH }, (_, index) => {
      const headers = { Authorization: `Bearer ${keyFile.keys[`${kind}-${index}`]}` };
      return WORKERS[kind](headers, stop.signal, tallies[kind]).catch((error: unknown) =>
        failures.push(`${kind}: ${String(error)}`),
      );
    }),
  );
  await until('all have begun', () => KINDS.every((kind) => tallies[kind].calls >= EACH), 20_000);
  // The next is restarted when the balancer counts on the last again, and each kind of client has gone on.
  let restarted = 0;
  let goals: readonly number[] = [];
  const codes = await gateways.roll(3, (port) => {
    if (port !== restarted) goals = KINDS.map((kind) => tallies[kind].calls + 10 * EACH);
    restarted = port;
    const haveGoneOn = KINDS.every((kind, index) => tallies[kind].calls >= goals[index]!);
    return haveGoneOn ? balancer.counts(port) : Promise.resolve(false);
  });
  stop.abort();
  await Promise.all(workers);
  console.log(JSON.stringify(tallies));
  expect(failures).toEqual([]);
  expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
  for (const { calls } of Object.values(tallies)) expect(calls).toBeGreaterThan(100);
  // Those whose gateway was restarted had to begin a new one; without sessions there was nothing to begin.
  expect(tallies.http.sessions).toBeGreaterThan(EACH);
  expect(tallies.sse.sessions).toBeGreaterThan(EACH);
  expect(tallies.modern.sessions).toBe(EACH);
}, 120_000);
