import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts';
import { type Listener, listen } from '../../src/gateway/listener/listener.ts';
import { silentLogger } from '../../src/log.ts';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { until, within } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS } from '../parts/raw-http.ts';

let certificates: Certificates;
let upstream: TestMcpServer;
let gateway: Gateway;
let listener: Listener;
let client: ClientHttp2Session;

beforeEach(async () => {
  certificates = makeCertificates();
  upstream = await startMcpServer();
  gateway = createGateway({ upstream: upstream.httpUrl, auth: 'none' });
  const { certFile: tlsCert, keyFile: tlsKey } = certificates.server;
  listener = await listen(gateway.handler, { port: 0, logger: silentLogger, tlsCert, tlsKey });
  client = connect(listener.url, { ca: certificates.ca.cert });
  client.on('error', () => {});
});
afterEach(async () => {
  client.destroy();
  await Promise.all([listener.close(), gateway.close()]);
  await upstream.kill();
  certificates.remove();
});

async function post(body: string, more: Record<string, string> = {}): Promise<{ session: string; text: string }> {
  const stream = client.request({ ':method': 'POST', ':path': '/mcp', ...JSON_HEADERS, ...more });
  stream.end(body);
  let session = '';
  stream.on('response', (headers) => {
    session = String(headers['mcp-session-id']);
  });
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return { session, text };
}

it('over HTTP/2 a drain is told at once by GOAWAY, the call under way is answered, and the connection ends', async () => {
  const { session } = await post(INITIALIZE);
  const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'slow', arguments: { ms: 600 } } };
  const answer = post(JSON.stringify(call), { 'mcp-session-id': session });
  await until('the call is under way', () => upstream.seen.filter(({ method }) => method === 'POST').length >= 2);
  const told = once(client, 'goaway');
  const closed = once(client, 'close');
  const drained = gateway.drain();
  const stopped = Promise.all([listener.close(drained), drained]);
  await within(300, 'GOAWAY', told);
  expect((await answer).text).toContain('"text":"done"');
  await within(2000, 'the connection ends', closed);
  await within(2000, 'the listener is closed', stopped);
});
