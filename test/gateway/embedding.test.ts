import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express5 from 'express';
import express4 from 'express4';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway, DrawbridgeError, type Gateway } from '../../src/index.ts';
import { until, within } from '../parts/deadline.ts';
import { writeKeyFile } from '../parts/gateway-server.ts';
import { connectHttp, connectSse } from '../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';

describe.each([
  ['5', express5],
  ['4', express4 as unknown as typeof express5],
])('mounted in somebody’s Express %s app', (_version, express) => {
  let upstream: TestMcpServer;
  let gateway: Gateway;
  let server: Server;
  let origin: string;
  const keys = writeKeyFile(['alice']);
  const alice = { Authorization: `Bearer ${keys.keys['alice']}` };

  const serve = async (app: RequestListener): Promise<void> => {
    server = createServer(app);
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  beforeEach(async () => {
    upstream = await startMcpServer();
    gateway = createGateway({ upstream: upstream.sseUrl, keyFile: keys.path });
  });
  afterAll(() => keys.remove());
  afterEach(async () => {
    await gateway.close();
    await upstream.kill();
    server.closeAllConnections();
    await new Promise((fulfil) => server.close(fulfil));
  });

  it('serves SDK clients under the mount path, and leaves the app’s own routes alone', async () => {
    const app = express();
    app.use('/db', gateway.router);
    app.get('/own', (_req, res) => {
      res.send('mine');
    });
    await serve(app);
    for (const client of [await connectSse(`${origin}/db/sse`, alice), await connectHttp(`${origin}/db/mcp`, alice)]) {
      expect(await client.callText('echo', { text: 'through the app' })).toBe('through the app');
      await client.close();
    }
    expect((await send(origin, { path: '/own' })).body).toBe('mine');
    expect((await send(origin, { path: '/db/health' })).body).toBe('{"status":"ok"}');
    expect((await send(origin, { path: '/db/nowhere' })).status).toBe(404);
  });

  it('announces an endpoint that carries the mount path, also under a router in a router', async () => {
    const inner = express.Router();
    inner.use('/db', gateway.router);
    const app = express();
    app.use('/api', inner);
    await serve(app);
    const session = await openSse(origin, '/api/db/sse', alice);
    expect(session.endpoint).toMatch(/^\/api\/db\/sse\/messages\?session=[\w-]{32}$/);
    await session.initialize();
    session.close();
  });

  it('is drained by its host, which closes its own server: calls are answered, streams told to come back', async () => {
    const app = express();
    app.use('/db', gateway.router);
    app.get('/own', (_req, res) => {
      res.send('mine');
    });
    await serve(app);
    const stream = await openSse(origin, '/db/sse', alice);
    const ended = new Promise((fulfil) => stream.response.once('end', fulfil));
    const headers = { ...JSON_HEADERS, ...alice };
    const opened = await send(origin, { method: 'POST', path: '/db/mcp', headers, body: INITIALIZE });
    const session = { ...headers, 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{"ms":400}}}';
    const call = send(origin, { method: 'POST', path: '/db/mcp', headers: session, body });
    await until('the call is under way', () => upstream.methods.includes('tools/call'));
    gateway.announceStop();
    expect((await send(origin, { path: '/db/ready' })).status).toBe(503);
    expect((await send(origin, { path: '/own' })).body).toBe('mine');
    const closed = new Promise((fulfil) => server.close(fulfil));
    const drained = gateway.drain({ timeoutMs: 8000 });
    await within(1000, 'the stream ends', ended);
    expect(stream.text()).toMatch(/retry: \d+\n\n$/);
    const answer = await call;
    expect(answer.headers['connection']).toBe('close');
    expect(answer.body).toContain('"text":"done"');
    await within(2000, 'all is closed', Promise.all([drained, closed]));
    await until('no session is left upstream', () => upstream.sessionCount() === 0);
    await expect(send(origin, { path: '/own' })).rejects.toThrow('ECONNREFUSED');
  });

  it('says so at once, and does not hang, when a body parser came first', async () => {
    const app = express();
    app.use(express.json());
    app.use('/db', gateway.router);
    await serve(app);
    const answer = await send(origin, {
      method: 'POST',
      path: '/db/mcp',
      headers: { ...JSON_HEADERS, ...alice },
      body: INITIALIZE,
    });
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: {
        data: { reason: 'body_consumed', hint: 'Mount the gateway before express.json() and other body parsers.' },
      },
    });
  });

  it('lets what wraps the response see every event', async () => {
    const seen: string[] = [];
    const app = express();
    app.use((_req, res, next) => {
      const write = res.write.bind(res) as (chunk: Buffer) => boolean;
      res.write = ((chunk: Buffer) => {
        seen.push(chunk.toString());
        return write(chunk);
      }) as typeof res.write;
      next();
    });
    app.use('/db', gateway.router);
    await serve(app);
    const session = await openSse(origin, '/db/sse', alice);
    await session.initialize();
    expect(seen.join('')).toBe(session.text());
    session.close();
  });

  it('serves two gateways in one app, which know nothing of each other’s sessions', async () => {
    const other = createGateway({ upstream: upstream.sseUrl, keyFile: keys.path });
    const app = express();
    app.use('/one', gateway.router);
    app.use('/two', other.router);
    await serve(app);
    const one = await openSse(origin, '/one/sse', alice);
    const there = await send(origin, {
      method: 'POST',
      path: one.endpoint.replace('/one/', '/two/'),
      headers: { ...JSON_HEADERS, ...alice },
      body: INITIALIZE,
    });
    expect(there.status).toBe(404);
    expect([gateway.sessionCount, other.sessionCount]).toEqual([1, 0]);
    one.close();
    await other.close();
  });
});

describe('createGateway', () => {
  const upstream = 'http://127.0.0.1:8000/sse';
  it.each([
    [{ upstream }, 'it is not said who may use the gateway'],

    [{ upstream, auth: 'none' as const, keyFile: 'keys.json' }, 'it is not said who may use the gateway'],
    [{ upstream: 'htp://x', auth: 'none' as const }, 'the upstream "htp://x" is not an http or https URL'],
    [{ upstream, keyFile: '/nowhere/keys.json' }, 'cannot read the key file /nowhere/keys.json'],
    [{ upstream, auth: 'none' as const, allowedOrigins: ['*'] }, '"*" is not an origin'],
    [
      { upstream, auth: 'none' as const, allowedOrigins: ['https://app.example.com/'] },
      '"https://app.example.com/" is not an origin',
    ],
    [{ upstream, auth: 'none' as const, allowedHosts: ['a/b'] }, '"a/b" is not a host name'],
    [{ upstream, auth: 'none' as const, limitCalls: 0 }, 'limitCalls is not a rate'],
    [
      { upstream, auth: 'none' as const, maxBodyBytes: Number.NaN },
      'maxBodyBytes must be a whole number of at least 1',
    ],
  ])('refuses to start with %j', (options, message) => {
    expect(() => createGateway(options)).toThrow(DrawbridgeError);
    expect(() => createGateway(options)).toThrow(message);
  });

  it('lets nobody in with an empty key file', async () => {
    const { path, remove } = writeKeyFile([]);
    const gateway = createGateway({ upstream, keyFile: path });
    const server = createServer(gateway.handler);
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const authorization of ['Bearer ', 'Bearer undefined', 'Bearer x']) {
      expect((await send(origin, { path: '/sse', headers: { authorization } })).status).toBe(401);
    }
    await gateway.close();
    server.close();
    remove();
  });
});
