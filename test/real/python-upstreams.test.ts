/** The gateway before postgres-mcp on each version of Python's `mcp` that is in the field, whose wire behaviour differs. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { connectHttp, connectSse } from '../parts/mcp-client.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { callTool, request } from '../parts/stdio-messages.ts';
import { connectionCount } from './connection-count.ts';
import { type PostgresMcp, startPostgresMcp, type Variant } from './postgres-mcp.mjs';

const COUNT = { sql: 'select count(*) from main.primitive_events' };
const ROWS = "[{'count': 1000}]";
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const UNLIMITED = ['--limit-calls', '100000', '--limit-requests', '100000', '--limit-address', '100000'];

const start = (variant: Variant, port?: number): Promise<PostgresMcp> =>
  startPostgresMcp({
    databaseUri: inject('databaseUri'),
    variant,
    accessMode: 'unrestricted',
    ...(port === undefined ? {} : { port }),
  });

/** Sessions that the server was ever asked for. */
const openedCount = (server: PostgresMcp): number => server.log().match(/"(GET|HEAD) \/sse/g)?.length ?? 0;

describe.each(['1.6.0', '1.25.0', '1.30.0'] as const)('postgres-mcp on mcp %s, through the gateway', (variant) => {
  let server: PostgresMcp;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    server = await start(variant);
    gateway = await startGatewayProcess(server.url, UNLIMITED);
  });
  afterAll(async () => {
    await gateway?.close();
    await server?.stop();
  });
  afterEach(() => until('no connection to the server is left over', () => connectionCount(server.port) === 0));

  const post = (body: string, session: Readonly<Record<string, string>> = {}): Promise<RawAnswer> =>
    send(gateway.origin, {
      method: 'POST',
      path: '/mcp',
      headers: { ...JSON_HEADERS, ...gateway.alice, ...session },
      body,
    });

  it.each([
    ['SSE', () => connectSse(`${gateway.origin}/sse`, gateway.alice)],
    ['Streamable HTTP', () => connectHttp(`${gateway.origin}/mcp`, gateway.alice)],
  ])('lists its tools and answers SQL over %s, with one session upstream', async (_transport, connect) => {
    const before = openedCount(server);
    const client = await connect();
    expect((await client.client.listTools()).tools).toHaveLength(9);
    expect(await client.callText('execute_sql', COUNT)).toBe(ROWS);
    const many = Array.from({ length: 20 }, (_value, n) => client.callText('execute_sql', { sql: `select ${n} as n` }));
    expect(await Promise.all(many)).toEqual(many.map((_call, n) => `[{'n': ${n}}]`));
    await client.close();
    expect(openedCount(server)).toBe(before + 1);
  });

  it('is spared what comes before its time or is not of its revision: an SSE session lives on', async () => {
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    await session.post(request('"probe"', 'server/discover'));
    await session.post(request('"early"', 'tools/list'));
    await session.arrival('"id":"probe","error":{"code":-32601');
    await session.arrival('"id":"early","error":{"code":-32600');
    await session.post(INITIALIZE);
    // None of these waits for the answer to initialize.
    await session.post(request('1', 'tools/list'));
    await session.post(INITIALIZED);
    await session.post(request('2', 'tools/list'));
    await session.arrival('"id":1,"result":{"tools":[');
    await session.arrival('"id":2,"result":{"tools":[');
    await session.post(request('3', 'initialize'));
    await session.arrival('"id":3,"error"');
    await session.post(request('4', 'subscriptions/listen'));
    await session.arrival('"id":4,"error":{"code":-32601');
    await session.post(callTool('5', 'execute_sql', COUNT));
    await session.arrival(ROWS);
    expect(connectionCount(server.port)).toBeGreaterThan(0);
    session.close();
  });

  it('is told that the client is ready when it asks before it says so', async () => {
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    await session.post(INITIALIZE);
    await session.arrival('"id":0,"result"');
    await session.post(callTool('1', 'execute_sql', COUNT));
    await session.arrival(ROWS);
    await session.post(INITIALIZED);
    await session.post(request('2', 'tools/list'));
    await session.arrival('"id":2,"result"');
    session.close();
  });

  it('is spared the same over Streamable HTTP', async () => {
    const opened = await post(INITIALIZE);
    const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const early = [post(request('1', 'tools/list'), session), post(request('2', 'server/discover'), session)];
    const [tools, probe] = await Promise.all(early);
    expect(JSON.parse(tools!.body).result.tools).toHaveLength(9);
    expect(JSON.parse(probe!.body)).toMatchObject({ id: 2, error: { code: -32601 } });
    expect((await post(INITIALIZED, session)).status).toBe(202);
    expect((await post(callTool('3', 'execute_sql', COUNT), session)).body).toContain(ROWS);
    await send(gateway.origin, { method: 'DELETE', path: '/mcp', headers: { ...gateway.alice, ...session } });
  });

  it('is asked for no session by HEAD, by probes, or in a name that is unknown', async () => {
    const before = openedCount(server);
    expect((await send(gateway.origin, { method: 'HEAD', path: '/sse', headers: gateway.alice })).status).toBe(405);
    for (const path of ['/health', '/ready']) expect((await send(gateway.origin, { path })).status).toBe(200);
    const headers = { ...JSON_HEADERS, ...gateway.alice };
    const body = request('1', 'ping');
    expect((await post(body, { 'mcp-session-id': 'x' })).status).toBe(404);
    const unknown = { method: 'POST', path: `/sse/messages?session=${'0'.repeat(32)}`, headers, body };
    expect((await send(gateway.origin, unknown)).status).toBe(404);
    expect(openedCount(server)).toBe(before);
  });

  it('is killed: the call under way is answered, its session is over, and with its return all is well', async () => {
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    await session.initialize();
    const ended = new Promise((fulfil) => session.response.on('close', fulfil));
    await session.post(callTool('9007199254740993', 'execute_sql', { sql: 'select pg_sleep(60)' }));
    const killedAt = performance.now();
    process.kill(server.pid, 'SIGKILL');
    const answeredAt = await session.arrival('"id":9007199254740993,"error":{"code":-32603');
    expect(answeredAt - killedAt).toBeLessThan(1000);
    expect(session.text()).toContain('"reason":"upstream_lost"');
    await server.exited;
    await ended;
    expect((await session.post(request('2', 'ping'))).status).toBe(404);
    server = await start(variant, server.port);
    const client = await connectSse(`${gateway.origin}/sse`, gateway.alice);
    expect(await client.callText('execute_sql', COUNT)).toBe(ROWS);
    await client.close();
  });

  it('and a Host that it does not take: its operator is told what to do, its clients are not', async () => {
    const foreign = await startGatewayProcess(server.url, ['--upstream-host', 'db.example.com']);
    try {
      const { status, body } = await send(foreign.origin, { path: '/sse', headers: foreign.alice });
      // 1.6.0 looks at no Host.
      expect(status).toBe(variant === '1.6.0' ? 200 : 502);
      if (variant === '1.6.0') return;
      expect(body).not.toMatch(/421|Host|127\.0\.0\.1|--/);
      await until('the log', () => foreign.log().includes('does not accept this Host header: HTTP 421'));
      expect(foreign.log()).toMatch(/try=.*--upstream-host/);
    } finally {
      await foreign.close();
    }
  });
});
