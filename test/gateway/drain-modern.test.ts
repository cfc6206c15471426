/** Requests of 2026-07-28 while the gateway drains: none belongs to a session, so each is served as long as it can arrive. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { startMcpServer } from '../parts/mcp-server.ts';
import { type ModernMessage, modernRequest } from '../parts/modern-messages.ts';
import { type ModernServer, startModernServer } from '../parts/modern-server.ts';
import { type RawAnswer, send } from '../parts/raw-http.ts';

let server: ModernServer;
let gateway: TestGateway;
const clients: Client[] = [];
beforeEach(async () => {
  server = await startModernServer();
  gateway = await startGateway({ upstream: server.url });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await gateway.close();
  await server.close();
});

async function connect(): Promise<Client> {
  const client = new Client(
    { name: 'test-client', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  clients.push(client);
  const url = new URL('/mcp', gateway.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: gateway.alice } }));
  return client;
}

const post = ({ headers, body }: ModernMessage): Promise<RawAnswer> =>
  send(gateway.origin, { method: 'POST', path: '/mcp', headers: { ...headers, ...gateway.alice }, body });
const listen = (id: number | string): ModernMessage =>
  modernRequest('subscriptions/listen', { notifications: { toolsListChanged: true } }, { id });
const wait = modernRequest('tools/call', { name: 'wait', arguments: {} }, { id: 'waiting' });

it('a call that takes too long gets an error with 503, and is cancelled upstream', async () => {
  const answer = post(wait);
  await until('the call runs', () => server.waiting.running === 1);
  await within(2000, 'drained', gateway.gateway.drain({ timeoutMs: 100 }));
  const { status, headers, body } = await answer;
  expect([status, headers['retry-after'], headers['connection']]).toEqual([503, '1', 'close']);
  expect(JSON.parse(body)).toMatchObject({ id: 'waiting', error: { data: { reason: 'shutting_down' } } });
  await until('it is cancelled', () => server.waiting.cancelled === 1);
});

it('another request is served until the last open one is answered, and refused afterwards', async () => {
  const first = post(wait);
  await until('the call runs', () => server.waiting.running === 1);
  const drained = gateway.gateway.drain({ timeoutMs: 60_000 });
  const served = await post(modernRequest('tools/list', {}, { id: 'late' }));
  expect([served.status, served.headers['connection']]).toEqual([200, 'close']);
  expect(JSON.parse(served.body)).toMatchObject({ id: 'late', result: { resultType: 'complete' } });
  await within(2000, 'closed', gateway.gateway.close());
  await drained;
  expect((await first).status).toBe(503);
  const refused = await post(modernRequest('tools/list', {}, { id: 'too late' }));
  expect([refused.status, refused.headers['retry-after'], refused.headers['connection']]).toEqual([503, '1', 'close']);
  expect(JSON.parse(refused.body)).toMatchObject({ id: 'too late', error: { data: { reason: 'shutting_down' } } });
});

it('a subscription ends with its result, by which the SDK client knows that all is well, and can be opened anew', async () => {
  const subscription = await (await connect()).listen({ toolsListChanged: true });
  await within(1000, 'drained', gateway.gateway.drain({ timeoutMs: 60_000 }));
  expect(await within(1000, 'the end of the subscription', subscription.closed)).toBe('graceful');
  await gateway.close();
  gateway = await startGateway({ upstream: server.url });
  const anew = await (await connect()).listen({ toolsListChanged: true });
  expect(anew.honoredFilter).toMatchObject({ toolsListChanged: true });
});

it.each([
  [7, '7'],
  ['seven "7"', '"seven \\"7\\""'],
])('the end of a subscription carries its id %j as it came, and a retry after it', async (id, text) => {
  const { headers, body: request } = listen(id);
  const options = { method: 'POST', headers: { ...headers, ...gateway.alice }, body: request };
  const answer = await fetch(`${gateway.origin}/mcp`, options);
  expect(answer.status).toBe(200);
  await within(1000, 'drained', gateway.gateway.drain({ timeoutMs: 60_000 }));
  const body = await within(1000, 'the stream ends', answer.text());
  const result = `{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":${text}}}`;
  expect(body).toContain(`data: {"jsonrpc":"2.0","id":${text},"result":${result}}\n\nretry: `);
  expect(body).toMatch(/retry: \d{3,4}\n\n$/);
  expect(body).not.toContain('error');
});

it('a new subscription is refused', async () => {
  await gateway.gateway.drain();
  const { status, headers, body } = await post(listen('new'));
  expect([status, headers['retry-after'], headers['connection']]).toEqual([503, '1', 'close']);
  expect(JSON.parse(body)).toMatchObject({ id: 'new', error: { data: { reason: 'shutting_down' } } });
});

it('a call that is translated for a server of the legacy era is answered, and its session ends after it', async () => {
  const legacy = await startMcpServer();
  await gateway.close();
  gateway = await startGateway({ upstream: legacy.httpUrl, translateModern: true });
  const answer = post(modernRequest('tools/call', { name: 'slow', arguments: { ms: 300 } }, { id: 5 }));
  await until('the call is under way', () => legacy.sessionCount() === 1);
  await within(5000, 'drained', gateway.gateway.drain());
  const { status, body } = await answer;
  expect(status).toBe(200);
  expect(body).toContain('"text":"done"');
  await until('the session is ended', () => legacy.sessionCount() === 0);
  await legacy.kill();
});
