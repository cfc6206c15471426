import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { startGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';

it('a call that was kept alive by a comment is still answered when the upstream dies before it takes the call', async () => {
  let hung: ServerResponse | undefined;
  const upstream = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('end', () => {
      // As a server that answers in JSON does, it says nothing until it knows the answer.
      if (body.includes('tools/call')) hung = res;
      else if (body === INITIALIZE) {
        res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' });
        res.end('{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}');
      } else res.writeHead(405).end();
    });
  });
  await new Promise<void>((fulfil) => upstream.listen(0, '127.0.0.1', fulfil));
  const { port } = upstream.address() as AddressInfo;
  const gateway = await startGateway({ upstream: `http://127.0.0.1:${port}/mcp`, heartbeatMs: 20 });
  const headers = { ...JSON_HEADERS, ...gateway.alice };
  const opened = await send(gateway.origin, { method: 'POST', path: '/mcp', headers, body: INITIALIZE });

  const text = await within(
    5000,
    'the response to the call ends',
    new Promise<string>((fulfil, reject) => {
      const id = String(opened.headers['mcp-session-id']);
      const options = {
        port: gateway.port,
        method: 'POST',
        path: '/mcp',
        headers: { ...headers, 'mcp-session-id': id },
      };
      const call = request(options, (res) => {
        let seen = '';
        res.setEncoding('utf8').on('data', (chunk: string) => {
          seen += chunk;
          if (seen.includes(': ping')) hung?.destroy();
        });
        res.on('end', () => fulfil(seen));
      });
      call.on('error', reject);
      call.end('{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"x"}}');
    }),
  );
  expect(text).toContain(': ping\n\n');
  expect(text.match(/"id":9007199254740993,"error":/g)).toHaveLength(1);
  expect(text).toContain('"reason":"upstream_lost"');
  await gateway.close();
  upstream.closeAllConnections();
  upstream.close();
});
