/** Sessions that fail while they are opened, in every way there is: afterwards nothing counts them any more. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { SessionTable } from '../../src/gateway/sessions/session-table.ts';
import { CommandSlots } from '../../src/gateway/upstreams/command-starts.ts';
import type { Replica } from '../../src/gateway/upstreams/replica.ts';
import { type Lease, ReplicaPool } from '../../src/gateway/upstreams/replica-pool.ts';
import { StreamHold } from '../../src/gateway/upstreams/stream-hold.ts';
import { UrlServer } from '../../src/gateway/upstreams/url-server.ts';
import { until, within } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { modernRequest } from '../parts/modern-messages.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { faultyServer } from '../parts/stdio-servers.ts';

const ROUNDS = 25;
const ROOMY = {
  limitAddress: 1_000_000,
  limitRequests: 1_000_000,
  maxSessionsPerPrincipal: 1000,
  maxStreamsPerAddress: 1000,
} as const;
const BUCKET = '127.0.0.1';

let gateway: TestGateway;
let table: SessionTable;
let replicas: Set<Replica>;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  replicas = new Set();
  const originals = {
    check: SessionTable.prototype.checkRoom,
    lease: ReplicaPool.prototype.leaseOther,
  };
  vi.spyOn(SessionTable.prototype, 'checkRoom').mockImplementation(function (this: SessionTable, id) {
    table = this;
    return originals.check.call(this, id);
  });
  vi.spyOn(ReplicaPool.prototype, 'leaseOther').mockImplementation(function (
    this: ReplicaPool,
    tried,
  ): Lease | undefined {
    const lease = originals.lease.call(this, tried);
    if (lease !== undefined) replicas.add(lease.replica);
    return lease;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await gateway.close();
  for (const end of ends.splice(0)) await end();
});

async function start(options: Omit<GatewayOptions, 'keyFile'>): Promise<void> {
  gateway = await startGateway({ ...ROOMY, ...options });
}

/** An upstream that answers every request so. */
async function startUpstream(handle: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const server: Server = createServer((req, res) => {
    req.on('error', () => {});
    handle(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((fulfil) => server.close(fulfil));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address at which nobody listens. */
async function nowhere(): Promise<string> {
  const origin = await startUpstream(() => {});
  await ends.pop()?.();
  return origin;
}

const modern = modernRequest('tools/list');
const OPENINGS = [
  { kind: 'an event stream', path: '/sse', method: 'GET', headers: { accept: 'text/event-stream' }, body: undefined },
  { kind: 'an initialize', path: '/mcp', method: 'POST', headers: JSON_HEADERS, body: INITIALIZE },
  { kind: 'a request of 2026-07-28', path: '/mcp', method: 'POST', headers: modern.headers, body: modern.body },
] as const;
type Opening = (typeof OPENINGS)[number];

async function openAndFail({ path, method, headers, body }: Opening): Promise<void> {
  const answer = await send(gateway.origin, {
    path,
    method,
    headers: { ...headers, ...gateway.alice },
    ...(body === undefined ? {} : { body }),
  });
  expect(answer.body).toContain('"error"');
}

/** Settles when the client is gone again, which it is before there is an answer. */
async function openAndLeave({ path, method, headers, body }: Opening, isThere: () => boolean): Promise<void> {
  const { port } = gateway;
  const req = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { ...headers, ...gateway.alice },
    agent: false,
  });
  const closed = new Promise((fulfil) => req.once('close', fulfil));
  req.on('error', () => {});
  req.end(body);
  await until('the request has arrived', isThere);
  req.destroy();
  await within(1000, 'the client is gone', closed);
}

async function expectNothingLeft(): Promise<void> {
  await until('nothing counts them', () => {
    const counts = [table.size, table.stateless.size, table.streams.get(BUCKET), table.countPending('alice')];
    return [...counts, ...[...replicas].map(({ openCount }) => openCount)].every((count) => count === 0);
  }).catch(() => {});
  expect({
    sessions: table.size,
    stateless: table.stateless.size,
    streams: table.streams.get(BUCKET),
    pending: table.countPending('alice'),
    onReplicas: [...replicas].map(({ openCount }) => openCount).filter((count) => count !== 0),
  }).toEqual({ sessions: 0, stateless: 0, streams: 0, pending: 0, onReplicas: [] });
  // Also in the count of the principal, which is kept apart.
  vi.spyOn(table, 'size', 'get').mockReturnValue(0);
  table.updateLimits({ maxSessions: 1, maxSessionsPerPrincipal: 1 });
  expect(() => table.checkRoom('alice')).not.toThrow();
}

describe.each(OPENINGS)('$kind', (opening) => {
  const isStream = opening.path === '/sse';
  const repeat = async (once: () => Promise<void>): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) await once();
    await expectNothingLeft();
  };

  it('that cannot be connected, to any of two replicas', async () => {
    await start({ upstream: [`${await nowhere()}/mcp`, `${await nowhere()}/mcp`], upstreamHoldMs: 0 });
    await repeat(() => openAndFail(opening));
    expect(replicas.size).toBe(2);
  });

  // A stream is opened before a server over Streamable HTTP is asked anything.
  it.each(isStream ? (['sse'] as const) : (['sse', 'http'] as const))('that a server refuses over %s', async (kind) => {
    const origin = await startUpstream((req, res) => {
      req.resume();
      res.writeHead(500).end('<html>broken</html>');
    });
    const path = kind === 'sse' ? '/sse' : '/mcp';
    await start({ upstream: `${origin}${path}`, upstreamTransport: kind, upstreamHoldMs: 0 });
    await repeat(() => openAndFail(opening));
  });

  it('that a server cuts', async () => {
    const origin = await startUpstream((req) => req.socket.destroy());
    await start({ upstream: `${origin}/sse`, upstreamTransport: 'sse', upstreamHoldMs: 0 });
    await repeat(() => openAndFail(opening));
  });

  it('that its client leaves before the server has answered', async () => {
    let asked = 0;
    const origin = await startUpstream((req) => {
      req.resume();
      asked++;
    });
    const [path, upstreamTransport] = isStream ? (['/sse', 'sse'] as const) : (['/mcp', 'http'] as const);
    await start({ upstream: `${origin}${path}`, upstreamTransport });
    await repeat(() => {
      const before = asked;
      return openAndLeave(opening, () => asked > before);
    });
  });

  it('that its client has left before it was let in', async () => {
    let asked = 0;
    const origin = await startUpstream((req) => {
      req.resume();
      asked++;
    });
    await start({ upstream: `${origin}/mcp`, upstreamTransport: 'http' });
    const listeners = gateway.server.listeners('request') as ((req: IncomingMessage, res: ServerResponse) => void)[];
    gateway.server.removeAllListeners('request');
    let arrived = 0;
    gateway.server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      for (const listener of listeners) listener(req, res);
      arrived++;
      res.destroy();
    });
    await repeat(() => {
      const before = arrived;
      return openAndLeave(opening, () => arrived > before);
    });
    expect(asked).toBe(0);
  });

  it('whose way to the server cannot even be made', async () => {
    await start({ upstream: `${await nowhere()}/mcp` });
    const thrown = new DrawbridgeError('too_many_sessions', 'nothing goes any more');
    for (const name of ['connect', 'connectStateless'] as const)
      vi.spyOn(UrlServer.prototype, name).mockImplementation(() => {
        throw thrown;
      });
    await repeat(() => openAndFail(opening));
  });

  const scopes = ['session', 'principal'] as const;
  // A command that has not been asked anything yet may end when it likes: the stream was open then.
  it.each(isStream ? [] : scopes)('whose command ends at once, one for each %s', async (commandScope) => {
    const take = vi.spyOn(CommandSlots.prototype, 'take');
    await start({ command: faultyServer('dies-at-once'), commandScope, translateModern: true });
    // Most are refused without a start, since it has just failed.
    await repeat(() => openAndFail(opening));
    expect(take).toHaveBeenCalled();
    const [slots] = take.mock.contexts as unknown as CommandSlots[];
    await until('no command counts', () => slots?.taken === 0);
  });

  it('for whose command there is no room', async () => {
    await start({ command: faultyServer('never-answers'), translateModern: true });
    const take = vi.spyOn(CommandSlots.prototype, 'take').mockImplementation(() => {
      throw new DrawbridgeError('too_many_sessions', 'the gateway runs as many commands as it may', { status: 503 });
    });
    await repeat(() => openAndFail(opening));
    expect(take).toHaveBeenCalled();
  });
});

describe('an event stream that is held', () => {
  it('gives its place back when its client leaves', async () => {
    await start({ upstream: `${await nowhere()}/sse`, maxHeldStreams: 2, upstreamHoldMs: 60_000 });
    const began = vi.spyOn(StreamHold.prototype, 'begin');
    for (let round = 0; round < ROUNDS; round++) {
      const before = began.mock.calls.length;
      await openAndLeave(OPENINGS[0], () => began.mock.calls.length > before);
    }
    await expectNothingLeft();
  });
});
