import { afterEach, describe, expect, inject, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { connectSse } from '../parts/mcp-client.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';

const upstream = inject('postgresMcpUrl');
const PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}';

let gateway: GatewayProcess;
afterEach(() => gateway.close());

describe('in front of the real postgres-mcp', () => {
  it('a wrong key is 401', async () => {
    gateway = await startGatewayProcess(upstream);
    const { status, headers, body } = await send(gateway.origin, {
      path: '/sse',
      headers: { authorization: 'Bearer mdb_wrong' },
    });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Bearer realm="mcp-drawbridge"');
    expect(JSON.parse(body)).toMatchObject({ id: null, error: { code: -32600, data: { reason: 'unauthorized' } } });
  });

  it('a foreign Origin is 403, even with a good key', async () => {
    gateway = await startGatewayProcess(upstream);
    const { status } = await send(gateway.origin, {
      path: '/sse',
      headers: { ...gateway.alice, origin: 'https://evil.example' },
    });
    expect(status).toBe(403);
  });

  it('the 61st call under a limit of 60 at once is refused where a model can read it, and the handshake never is', async () => {
    gateway = await startGatewayProcess(upstream, ['--limit-calls', 'rate=1r/m burst=59 nodelay']);
    const client = await connectSse(`${gateway.origin}/sse`, gateway.alice);
    for (let call = 1; call <= 60; call++) expect(await client.callText('list_schemas')).not.toBe('');
    await expect(client.callText('list_schemas')).rejects.toThrow(/more than|too many|limit/i);
    await client.close();
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    await session.initialize();
    expect((await session.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).status).toBe(202);
    const refused = await session.post(
      '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"list_schemas"}}',
    );
    expect(refused.status).toBe(202);
    await session.arrival('"id":"a","error"');
    expect(session.text()).toContain('rate_limited');
    session.close();
    const bob = await connectSse(`${gateway.origin}/sse`, gateway.bob);
    expect(await bob.callText('list_schemas')).not.toBe('');
    await bob.close();
  });

  it('a body over the cap is 413', async () => {
    gateway = await startGatewayProcess(upstream, ['--max-body-bytes', '1000']);
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    expect((await session.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x'.repeat(1000) }))).status).toBe(413);
    await session.initialize();
    session.close();
  });

  it('an unknown session is 404, and somebody else’s is the same 404', async () => {
    gateway = await startGatewayProcess(upstream);
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    const unknown = await send(gateway.origin, {
      method: 'POST',
      path: '/sse/messages?session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      headers: { ...JSON_HEADERS, ...gateway.bob },
      body: PING,
    });
    const stolen = await send(gateway.origin, {
      method: 'POST',
      path: session.endpoint,
      headers: { ...JSON_HEADERS, ...gateway.bob },
      body: PING,
    });
    expect(unknown.status).toBe(404);
    expect({ ...stolen, headers: { ...stolen.headers, date: '' } }).toEqual({
      ...unknown,
      headers: { ...unknown.headers, date: '' },
    });
    expect((await session.post(INITIALIZE)).status).toBe(202);
    session.close();
  });
});
