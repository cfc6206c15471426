/** Several servers behind one gateway: nothing of one is found at the path of another. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { type JwtGateway, PUBLIC_URL, startJwtGateway } from '../../parts/jwt-gateway.ts';
import { connectHttp, connectSse } from '../../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';

const PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}';

describe('two servers by name', () => {
  let servers: TestMcpServer[];
  let gateway: TestGateway;
  beforeEach(async () => {
    servers = [await startMcpServer(), await startMcpServer()];
    const [db, crm] = servers as [TestMcpServer, TestMcpServer];
    gateway = await startGateway({
      upstreams: {
        db: { upstream: db.sseUrl, upstreamHeaders: { Authorization: 'Bearer of-db' }, upstreamHost: 'db.internal' },
        crm: { upstream: crm.httpUrl, upstreamHeaders: { 'X-Api-Key': 'of-crm' }, upstreamTransport: 'http' },
      },
    });
  });
  afterEach(async () => {
    await gateway.close();
    await Promise.all(servers.map((server) => server.kill()));
  });
  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<RawAnswer> =>
    send(gateway.origin, { method: 'POST', path, headers: { ...JSON_HEADERS, ...gateway.alice, ...headers }, body });

  it('are each served over both transports, with their own headers and no others', async () => {
    for (const name of ['db', 'crm']) {
      for (const client of [
        await connectSse(`${gateway.origin}/${name}/sse`, gateway.alice),
        await connectHttp(`${gateway.origin}/${name}/mcp`, gateway.alice),
      ]) {
        expect(await client.callText('echo', { text: name })).toBe(name);
        await client.close();
      }
    }
    const [db, crm] = servers as [TestMcpServer, TestMcpServer];
    for (const { headers } of db.seen) {
      expect([headers.authorization, headers['x-api-key'], headers.host]).toEqual([
        'Bearer of-db',
        undefined,
        'db.internal',
      ]);
    }
    for (const { headers } of crm.seen) {
      expect([headers.authorization, headers['x-api-key'], headers.host]).toEqual([
        undefined,
        'of-crm',
        `localhost:${crm.port}`,
      ]);
    }
  });

  it('nothing is served at the root, nor under a name that nobody has', async () => {
    for (const path of ['/sse', '/mcp', '/other/sse', '/db', '/db/', '/DB/sse', '/constructor/sse', '/__proto__/mcp']) {
      expect((await send(gateway.origin, { path, headers: gateway.alice })).status, path).toBe(404);
    }
  });

  it('a session of one is, at the path of the other, the same 404 as one that never was', async () => {
    const id = String((await post('/db/mcp', INITIALIZE)).headers['mcp-session-id']);
    const elsewhere = await post('/crm/mcp', PING, { 'mcp-session-id': id });
    const unknown = await post('/crm/mcp', PING, { 'mcp-session-id': 'x'.repeat(32) });
    expect(elsewhere.status).toBe(404);
    expect(elsewhere.body).toBe(unknown.body);
    expect({ ...elsewhere.headers, date: '' }).toEqual({ ...unknown.headers, date: '' });
    expect((await post('/db/mcp', PING, { 'mcp-session-id': id })).status).toBe(200);

    const stream = await openSse(gateway.origin, '/db/sse', gateway.alice);
    expect(stream.endpoint).toMatch(/^\/db\/sse\/messages\?session=/);
    expect((await post(stream.endpoint.replace('/db/', '/crm/'), PING)).status).toBe(404);
    expect((await post(stream.endpoint, INITIALIZE)).status).toBe(202);
    stream.close();
  });

  it('the gateway is ready only while every one can be reached', async () => {
    expect((await send(gateway.origin, { path: '/ready' })).status).toBe(200);
    await gateway.close();
    await servers[1]!.kill();
    const [db, crm] = servers as [TestMcpServer, TestMcpServer];
    gateway = await startGateway({ upstreams: { db: { upstream: db.sseUrl }, crm: { upstream: crm.httpUrl } } });
    expect((await send(gateway.origin, { path: '/ready' })).status).toBe(503);
  });
});

describe('tokens and their metadata, for servers by name', () => {
  let jwt: JwtGateway;
  beforeEach(async () => {
    const upstreams = { db: { upstream: 'http://127.0.0.1:1/sse' }, crm: { upstream: 'http://127.0.0.1:1/mcp' } };
    jwt = await startJwtGateway({ upstreams, upstreamHoldMs: 0 });
  });
  afterEach(() => jwt.close());
  const wellKnown = (path: string): Promise<RawAnswer> =>
    send(jwt.gateway.origin, { path: `/.well-known/oauth-protected-resource${path}` });

  it('each transport of each server is a resource of its own, and a challenge leads to it', async () => {
    for (const path of ['', '/sse', '/mcp', '/db/sse', '/db/mcp', '/crm/mcp']) {
      const { status, body } = await wellKnown(path);
      expect([status, JSON.parse(body).resource]).toEqual([200, PUBLIC_URL + path]);
    }
    for (const path of ['/other/mcp', '/db/mcp/x', '/db']) expect((await wellKnown(path)).status, path).toBe(404);
    const { headers } = await send(jwt.gateway.origin, { path: '/db/sse' });
    expect(headers['www-authenticate']).toContain(`"${PUBLIC_URL}/.well-known/oauth-protected-resource/db/sse"`);
  });

  it('a token for one server opens no other, whichever was asked for first', async () => {
    const token = `Bearer ${await jwt.issuer.sign(`${PUBLIC_URL}/db/mcp`)}`;
    for (const path of ['/crm/sse', '/sse', '/db/sse', '/crm/sse']) {
      // Nothing is behind /db, which is another answer than that to a wrong token.
      expect((await jwt.open(token, path)).status, path).toBe(path === '/db/sse' ? 502 : 401);
    }
    const forAll = `Bearer ${await jwt.issuer.sign(PUBLIC_URL)}`;
    for (const path of ['/crm/sse', '/db/sse']) expect((await jwt.open(forAll, path)).status).toBe(502);
  });
});
