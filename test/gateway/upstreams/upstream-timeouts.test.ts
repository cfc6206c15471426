import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { until } from '../../parts/deadline.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';

let gateway: TestGateway;
let server: Server;
afterEach(async () => {
  await gateway.close();
  server.closeAllConnections();
  await new Promise((fulfil) => server.close(fulfil));
});

/** A server that takes requests, and answers as `answer` does. */
async function startServer(answer: RequestListener): Promise<{ url: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server = createServer(answer);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

it('answers 504 under the id of the call when the server begins no answer in time, and leaves its connection', async () => {
  const { url, sockets } = await startServer(() => {});
  gateway = await startGateway({ upstream: `${url}/mcp`, upstreamTransport: 'http', upstreamReadTimeoutMs: 200 });
  const answer = await send(gateway.origin, {
    method: 'POST',
    path: '/mcp',
    headers: { ...JSON_HEADERS, ...gateway.alice },
    body: INITIALIZE,
  });
  expect(answer.status).toBe(504);
  expect(JSON.parse(answer.body)).toMatchObject({
    id: 0,
    error: { code: -32603, data: { reason: 'upstream_timeout' } },
  });
  await until('the connection is closed', () => sockets.size === 0);
});

it('answers 504 when the server does not accept a message in time', async () => {
  const { url } = await startServer((req, res) => {
    if (req.method !== 'GET') return;
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: endpoint\ndata: /messages?session_id=1\n\n');
  });
  gateway = await startGateway({ upstream: `${url}/sse`, upstreamSendTimeoutMs: 200 });
  const session = await openSse(gateway.origin, '/sse', gateway.alice);
  expect((await session.post(INITIALIZE)).status).toBe(504);
  session.close();
});

it('never cuts a stream that is silent for longer', async () => {
  const { url } = await startServer((req, res) => {
    if (req.method !== 'GET') {
      res.writeHead(202).end();
      return;
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: endpoint\ndata: /messages?session_id=1\n\n');
    setTimeout(() => res.write('event: message\ndata: {"jsonrpc":"2.0","method":"late"}\n\n'), 600);
  });
  gateway = await startGateway({ upstream: `${url}/sse`, upstreamReadTimeoutMs: 100, upstreamSendTimeoutMs: 100 });
  const session = await openSse(gateway.origin, '/sse', gateway.alice);
  await session.arrival('"method":"late"');
  session.close();
});
