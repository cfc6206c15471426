/** One request on a pool of replicas that is given up just while it moves from one to another. */
import { expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { resolveGatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { PooledRequest } from '../../../src/gateway/upstreams/pooled-request.ts';
import type { Replica } from '../../../src/gateway/upstreams/replica.ts';
import { ReplicaPool } from '../../../src/gateway/upstreams/replica-pool.ts';
import { readMessage } from '../../../src/message/message.ts';
import type { Transport } from '../../../src/relay/transport.ts';

it('counts on no replica, and runs on none', async () => {
  const options = resolveGatewayOptions({
    upstream: ['http://127.0.0.1:1/mcp', 'http://127.0.0.1:2/mcp'],
    auth: 'none',
  });
  const [server] = options.servers.values();
  const pool = new ReplicaPool(server!, options);
  const replicas = new Set<Replica>();
  const sent: Replica[] = [];
  let letGo = (): void => {};
  const first = pool.lease();
  const request = new PooledRequest(pool, first, (replica): Transport => {
    const isFirst = replicas.size === 0;
    replicas.add(replica);
    return {
      start: () => Promise.resolve(),
      send: () => {
        if (isFirst) return Promise.reject(new DrawbridgeError('upstream_unreachable', 'nobody listens'));
        sent.push(replica);
        return Promise.resolve();
      },
      pause: () => {},
      resume: () => {},
      close: () => new Promise((fulfil) => (letGo = fulfil)),
    };
  });
  await request.start({ message: () => {}, error: () => {}, end: () => {} });
  const taken = request.send(readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')));
  taken.catch(() => {});
  // The first replica has failed, and its transport is being closed.
  await new Promise((fulfil) => setImmediate(fulfil));
  const letFirstGo = letGo;
  void request.close();
  letFirstGo();
  await expect(taken).rejects.toThrow();
  const other = pool.leaseOther(new Set([first.replica]));
  other?.release();
  expect([first.replica.openCount, other?.replica.openCount]).toEqual([0, 0]);
  expect(sent).toEqual([]);
  pool.close();
});

it.each([
  ['upstream_unreachable', undefined, true],
  ['upstream_error', 502, true],
  ['upstream_error', 503, true],
  ['upstream_error', 500, false],
  ['upstream_timeout', undefined, false],
  ['upstream_lost', undefined, false],
] as const)('of a client whose request fails with %s, status %s, puts the replica out: %s', async (code, status, isOut) => {
  const options = resolveGatewayOptions({
    upstream: ['http://127.0.0.1:1/mcp', 'http://127.0.0.1:2/mcp'],
    auth: 'none',
  });
  const pool = new ReplicaPool([...options.servers.values()][0]!, options);
  const lease = pool.lease();
  const error = new DrawbridgeError(code, 'it failed', {
    mayHaveRun: true,
    ...(status === undefined ? {} : { upstreamStatus: status }),
  });
  const request = new PooledRequest(pool, lease, () => ({
    start: () => Promise.resolve(),
    send: () => Promise.reject(error),
    pause: () => {},
    resume: () => {},
    close: () => Promise.resolve(),
  }));
  await request.start({ message: () => {}, error: () => {}, end: () => {} });
  const message = readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}'));
  await expect(request.send(message)).rejects.toBe(error);
  expect(lease.replica.isOut).toBe(isOut);
  await request.close();
  pool.close();
});
