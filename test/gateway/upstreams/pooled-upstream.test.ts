import { afterEach, describe, expect, it } from 'vitest';
import { PooledUpstream } from '../../../src/gateway/upstreams/pooled-upstream.ts';
import { ReplicaPool } from '../../../src/gateway/upstreams/replica-pool.ts';
import { resolveServers } from '../../../src/gateway/upstreams/server-options.ts';
import { silentLogger } from '../../../src/log.ts';
import { createUpstream } from '../../../src/upstream/detection.ts';
import { type BlackHole, startBlackHole } from '../../parts/black-hole.ts';
import { until, within } from '../../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { EventLog, messageOf } from '../../parts/memory-transport.ts';
import { INITIALIZE } from '../../parts/raw-http.ts';

let hole: BlackHole;
let server: TestMcpServer;
let pool: ReplicaPool;
let upstream: PooledUpstream;
afterEach(async () => {
  await upstream.close();
  pool.close();
  await hole.close();
  await server.kill();
});

const stage = async (kind: 'sse' | 'http'): Promise<void> => {
  [hole, server] = [await startBlackHole(), await startMcpServer()];
  const urls = [hole.url(kind === 'sse' ? '/sse' : '/mcp'), kind === 'sse' ? server.sseUrl : server.httpUrl];
  pool = new ReplicaPool(resolveServers({ upstream: urls }).get('')!, { family: '4', logger: silentLogger });
  upstream = new PooledUpstream({
    pool,
    connectTimeoutMs: 5000,
    connect: ({ url }, { onDetected, connectTimeoutMs }) =>
      createUpstream({ url, kind, onDetected, connectTimeoutMs, logger: silentLogger }),
    reach: () => Promise.resolve(),
    hold: undefined,
    hastyOpenTimeoutMs: 200,
  });
};

describe.each(['sse', 'http'] as const)('a replica over %s that accepts connections and says nothing', (kind) => {
  it('is left for another where it does not begin the session in time', async () => {
    await stage(kind);
    const events = new EventLog();
    await within(3000, 'the start', upstream.start(events));
    await within(3000, 'the acceptance of initialize', Promise.resolve(upstream.send(messageOf(INITIALIZE))));
    await until('the answer', () => events.messages.some((text) => text.includes('protocolVersion')));
    expect(server.sessionCount()).toBe(1);
    expect(pool.lease().url.port).toBe(String(server.port));
  });
});
