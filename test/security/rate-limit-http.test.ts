/**
 * The attack (L01, D03) over Streamable HTTP: calls over the limit, and tools that a key may not use. What must happen: 429
 * with Retry-After, the id and CORS headers; a denied tool is neither listed nor called.
 */
import { expect, it } from 'vitest';
import { startGateway } from '../parts/gateway-server.ts';
import { startMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';

it('a refused call is 429 and says when to come again; a denied tool is 403 and not listed', async () => {
  const upstream = await startMcpServer();
  const gateway = await startGateway(
    { upstream: upstream.httpUrl, allowedOrigins: ['https://app.example'], limitCalls: '5r/m' },
    { alice: { tools: { deny: ['echo'] } } },
  );
  const post = (body: string, more: Record<string, string> = {}) =>
    send(gateway.origin, {
      method: 'POST',
      path: '/mcp',
      headers: { ...JSON_HEADERS, ...gateway.alice, origin: 'https://app.example', ...more },
      body,
    });
  const { port } = gateway;
  const opened = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: { ...JSON_HEADERS, ...gateway.alice },
    body: INITIALIZE,
  });
  await opened.text();
  const session = { ...JSON_HEADERS, ...gateway.alice, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const listed = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: session,
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  });
  const tools = await listed.text();
  expect(tools).toContain('"tools":[{');
  expect(tools).not.toContain('"name":"echo"');
  const call = (name: string) => `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"${name}"}}`;
  const denied = await post(call('Echo'), session);
  expect([denied.status, JSON.parse(denied.body).error.data.reason]).toEqual([403, 'tool_not_available']);
  await post(call('nothing'), session);
  const refused = await post(call('nothing'), session);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(refused.headers['access-control-allow-origin']).toBe('https://app.example');
  expect(JSON.parse(refused.body)).toMatchObject({ id: 'x', error: { data: { reason: 'rate_limited' } } });
  await gateway.close();
  await upstream.kill();
});
