/** Modern requests over HTTP/2, where many share a connection: each ends for itself. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until } from '../../parts/deadline.ts';
import { type ListeningGateway, startListeningGateway } from '../../parts/listener.ts';
import { type ModernMessage, modernRequest } from '../../parts/modern-messages.ts';
import { type ModernServer, startModernServer } from '../../parts/modern-server.ts';

let certificates: Certificates;
let server: ModernServer;
let gateway: ListeningGateway;
let client: ClientHttp2Session;

beforeAll(async () => {
  certificates = makeCertificates();
  server = await startModernServer();
  const { certFile, keyFile } = certificates.server;
  gateway = await startListeningGateway(
    { upstream: server.url, heartbeatMs: 1000 },
    { tlsCert: certFile, tlsKey: keyFile },
  );
  client = connect(gateway.url, { ca: certificates.ca.cert });
});
afterAll(async () => {
  client.destroy();
  await gateway.close();
  await server.close();
  certificates.remove();
});

interface Stream {
  readonly stream: ClientHttp2Stream;
  status: number;
  text: string;
  isOver: boolean;
}

function open({ body, headers }: ModernMessage): Stream {
  const stream = client.request({ ':method': 'POST', ':path': '/mcp', ...headers, ...gateway.alice });
  const seen: Stream = { stream, status: 0, text: '', isOver: false };
  stream.on('response', (head) => {
    seen.status = head[':status'] ?? 0;
  });
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    seen.text += chunk;
  });
  stream.on('end', () => {
    seen.isOver = true;
  });
  stream.on('error', () => {});
  stream.end(body);
  return seen;
}

it('a call whose stream is reset is cancelled; a subscription beside it goes on', async () => {
  const listening = open(
    modernRequest('subscriptions/listen', { notifications: { toolsListChanged: true } }, { id: 1 }),
  );
  await until('the acknowledgement', () => listening.text.includes('acknowledged'));
  const call = open(modernRequest('tools/call', { name: 'wait', arguments: {} }, { id: 2 }));
  await until('the call to run', () => server.waiting.running === 1);
  call.stream.close(constants.NGHTTP2_CANCEL);
  await until('the call to be cancelled', () => server.waiting.cancelled === 1, 1000);
  server.notify.toolsChanged();
  await until('the change to be told', () => listening.text.includes('list_changed'));
  await until('a heartbeat', () => listening.text.includes(': ping'));
  const list = open(modernRequest('tools/list', {}, { id: 3 }));
  await until('the list', () => list.isOver);
  expect([list.status, JSON.parse(list.text)]).toMatchObject([200, { id: 3 }]);
  const unknown = open(modernRequest('no/such', {}, { id: 4 }));
  await until('the error', () => unknown.isOver);
  expect([unknown.status, JSON.parse(unknown.text)]).toMatchObject([404, { id: 4, error: { code: -32601 } }]);
  listening.stream.close();
});
