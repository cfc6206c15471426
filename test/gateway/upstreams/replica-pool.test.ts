import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { ReplicaPool } from '../../../src/gateway/upstreams/replica-pool.ts';
import { resolveServers } from '../../../src/gateway/upstreams/server-options.ts';
import { type Logger, silentLogger } from '../../../src/log.ts';
import { until, within } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { connectTo, type TestClient } from '../../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../../parts/raw-http.ts';

const UNREACHABLE = new DrawbridgeError('upstream_unreachable', 'cannot reach it');

function loggerOf(log: string[]): Logger {
  const note = (first: unknown, second?: string): void => void log.push(second ?? String(first));
  return { ...silentLogger, warn: note, info: note };
}

function poolOf(urls: readonly string[], former?: ReplicaPool, log: string[] = []): ReplicaPool {
  const options = { family: '4', logger: loggerOf(log) } as const;
  return new ReplicaPool(resolveServers({ upstream: urls }).get('')!, options, former);
}

describe('a pool', () => {
  const URLS = ['http://127.0.0.1:1/sse', 'http://127.0.0.1:2/sse', 'http://127.0.0.1:3/sse'];
  let pool: ReplicaPool;
  afterEach(() => pool.close());

  it('gives each replica its turn, and then the one with the least open', () => {
    pool = poolOf(URLS);
    const leases = [pool.lease(), pool.lease(), pool.lease()];
    expect(new Set(leases.map(({ url }) => url.href)).size).toBe(3);
    leases[1]?.release();
    leases[1]?.release();
    expect(pool.lease().url.href).toBe(leases[1]?.url.href);
  });

  it('leaves out what failed, but tries something where everything failed', () => {
    pool = poolOf(URLS);
    const first = pool.lease();
    first.failed(UNREACHABLE);
    first.release();
    for (let index = 0; index < 6; index++) expect(pool.lease().url.href).not.toBe(first.url.href);
    for (let index = 0; index < 3; index++) pool.lease().failed(UNREACHABLE);
    pool.lease().failed(UNREACHABLE);
    expect(URLS).toContain(pool.lease().url.href);
  });

  it.each([
    ['a refused credential', new DrawbridgeError('upstream_refused', 'no', { upstreamStatus: 401 }), false],
    ['a Host that is not taken', new DrawbridgeError('upstream_error', 'no', { upstreamStatus: 421 }), false],
    ['a server without a place', new DrawbridgeError('upstream_error', 'no', { upstreamStatus: 503 }), true],
    ['a connection that was cut', new DrawbridgeError('upstream_lost', 'no'), true],
  ])('after %s, the replica is out: %#', (_what, error, isOut) => {
    pool = poolOf(URLS);
    const lease = pool.lease();
    lease.failed(error);
    expect(lease.replica.isOut).toBe(isOut);
  });

  it('looks at a replica again as soon after many sessions were lost with it as after one', () => {
    pool = poolOf(URLS);
    const lease = pool.lease();
    for (let index = 0; index < 10; index++) lease.failed(UNREACHABLE);
    expect(lease.replica.lookAt - performance.now()).toBeLessThan(1300);
  });

  it('made anew for the same replicas, knows what is open on them and which are out', () => {
    const former = poolOf(URLS);
    former.lease();
    const second = former.lease();
    second.failed(UNREACHABLE);
    former.close();
    pool = poolOf(URLS, former);
    const [next, other] = [pool.lease(), pool.lease()];
    expect(next.replica.openCount).toBeLessThanOrEqual(2);
    for (const { url } of [next, other]) expect(url.href).not.toBe(second.url.href);
    expect(second.replica.isOut).toBe(true);
  });

  it('takes a replica back once it takes connections, asks it nothing, and says both', async () => {
    let requests = 0;
    const server = createServer(() => requests++);
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    const { port } = server.address() as AddressInfo;
    const log: string[] = [];
    pool = poolOf([`http://127.0.0.1:${port}/sse`], undefined, log);
    const lease = pool.lease();
    lease.failed(UNREACHABLE);
    expect(log).toEqual([`the upstream 127.0.0.1:${port} is out of service: cannot reach it`]);
    await until('it is back', () => !lease.replica.isOut, 4000);
    expect(log[1]).toBe(`the upstream 127.0.0.1:${port} is back in service`);
    expect(requests).toBe(0);
    await new Promise((fulfil) => server.close(fulfil));
  });
});

describe('a gateway before replicas', () => {
  let replicas: TestMcpServer[] = [];
  let clients: TestClient[] = [];
  let gateway: TestGateway;
  let log: string[] = [];
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => {})));
    await gateway.close();
    await Promise.all(replicas.map((replica) => replica.kill()));
    replicas = [];
    clients = [];
    log = [];
  });

  const start = async (transport: 'sse' | 'http'): Promise<void> => {
    replicas = [await startMcpServer(), await startMcpServer()];
    const upstream = replicas.map(({ sseUrl, httpUrl }) => (transport === 'sse' ? sseUrl : httpUrl));
    gateway = await startGateway({ upstream, logger: loggerOf(log) });
  };
  const connect = async (downstream: 'sse' | 'http'): Promise<TestClient> => {
    const client = await connectTo(downstream, gateway.origin, gateway.alice);
    clients.push(client);
    return client;
  };

  describe.each([
    ['sse', 'sse'],
    ['sse', 'http'],
    ['http', 'sse'],
    ['http', 'http'],
  ] as const)('from %s to %s', (downstream, transport) => {
    it('spreads sessions evenly, and each stays where it is', async () => {
      await start(transport);
      for (let index = 0; index < 6; index++) await connect(downstream);
      expect(replicas.map(({ sessionCount }) => sessionCount())).toEqual([3, 3]);
      for (const client of clients) expect(await client.callText('echo', { text: 'hello' })).toBe('hello');
    });

    it('opens every new session on the other when one is killed, and on both when it is back', async () => {
      await start(transport);
      await connect(downstream);
      await connect(downstream);
      const [dead, alive] = replicas as [TestMcpServer, TestMcpServer];
      await dead.kill();
      for (let index = 0; index < 4; index++)
        expect(await (await connect(downstream)).callText('echo', { text: 'hello' })).toBe('hello');
      expect(alive.sessionCount()).toBe(5);
      // Of the first two, the one whose replica died would come back by itself.
      for (const client of clients.splice(0, 2)) await client.close().catch(() => {});
      const again = await startMcpServer({ port: dead.port });
      replicas[0] = again;
      await until('it is back in service', () => log.some((line) => line.endsWith('is back in service')), 8000);
      await connect(downstream);
      expect(again.sessionCount()).toBe(1);
    });
  });

  it('ends the sessions of a killed replica and no others, and answers their calls at once', async () => {
    await start('sse');
    const [first, second] = [await connect('sse'), await connect('sse')];
    const onFirst = replicas[0]!.seen.length > 0;
    expect(onFirst).toBe(true);
    const calls = [first, second].map((client) => client.callText('slow', { ms: 700 }).catch(String));
    await until('both calls', () =>
      replicas.every(({ seen }) => seen.filter(({ method }) => method === 'POST').length >= 3),
    );
    const killedAt = performance.now();
    await replicas[0]!.kill();
    const answers = await within(3000, 'both answers', Promise.all(calls));
    expect(answers.filter((answer) => answer === 'done')).toHaveLength(1);
    expect(answers.filter((answer) => answer.includes('MCP'))).toHaveLength(1);
    expect(performance.now() - killedAt).toBeLessThan(2000);
    expect(gateway.gateway.sessionCount).toBe(1);
  });

  it('is ready while one replica is, and says 502 with the id when none is', async () => {
    await start('http');
    await replicas[0]!.kill();
    expect((await send(gateway.origin, { path: '/ready' })).status).toBe(200);
    await replicas[1]!.kill();
    const startedAt = performance.now();
    const headers = { ...JSON_HEADERS, ...gateway.alice };
    const answer = await send(gateway.origin, { method: 'POST', path: '/mcp', headers, body: INITIALIZE });
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toMatchObject({ id: 0, error: { data: { reason: 'upstream_unreachable' } } });
    expect(answer.body).not.toContain('127.0.0.1');
    await until('it is not ready', async () => (await send(gateway.origin, { path: '/ready' })).status === 503);
  });
});
