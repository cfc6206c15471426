import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HttpClient, type HttpClientOptions, type HttpRequest } from '../../../src/upstream/http/http-client.ts';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until } from '../../parts/deadline.ts';
import { startHttpProxy, type TestProxy, type TestProxyOptions } from '../../parts/http-proxy.ts';
import { json, type RawServer, startRawServer } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

let certificates: Certificates;
let server: RawServer;
let secureServer: ReturnType<typeof createHttpsServer>;
let securePort: number;
/** Whom the certificates name that clients showed the https server; empty where they showed none. */
const clientNames: string[] = [];
/** Heads that reached the https server, each header `name: value`. */
const secureHeads: string[] = [];
const proxies: TestProxy[] = [];
const clients: HttpClient[] = [];

beforeAll(async () => {
  certificates = makeCertificates();
  const { cert, key } = certificates.server;
  secureServer = createHttpsServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (req, res) => {
    clientNames.push(String((req.socket as TLSSocket).getPeerCertificate().subject?.CN ?? ''));
    secureHeads.push(
      `${req.method} ${req.url}\n${Object.entries(req.headers)
        .map((pair) => pair.join(': '))
        .join('\n')}`,
    );
    res.end('secret answer');
  });
  await new Promise<void>((fulfil) => secureServer.listen(0, '127.0.0.1', fulfil));
  securePort = (secureServer.address() as AddressInfo).port;
});
afterAll(async () => {
  secureServer.closeAllConnections();
  await new Promise((fulfil) => secureServer.close(fulfil));
  certificates.remove();
});

beforeEach(async () => {
  server = await startRawServer();
  secureHeads.length = 0;
  clientNames.length = 0;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all([server.close(), ...proxies.splice(0).map((proxy) => proxy.close())]);
});

async function startProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const proxy = await startHttpProxy(options);
  proxies.push(proxy);
  return proxy;
}

function createClient(url: string, proxy: string, options: Partial<HttpClientOptions> = {}): HttpClient {
  const client = new HttpClient({
    url: new URL(url),
    family: '4',
    connectTimeoutMs: 2000,
    proxy: { httpProxy: proxy, httpsProxy: proxy },
    tls: { ca: [certificates.ca.cert] },
    ...options,
  });
  clients.push(client);
  return client;
}

const POST: HttpRequest = {
  method: 'POST',
  path: '/mcp?a=b',
  headers: 'X-Api-Key: s3cret\r\n',
  body: Buffer.from('{}'),
  timeoutMs: 0,
};

function post(client: HttpClient): ResponseRecorder {
  const sink = new ResponseRecorder();
  client.request(POST, sink);
  return sink;
}

const withUser = (url: string): string => url.replace('//', '//us%40er:p%3Ass@');
const CREDENTIAL = `Basic ${btoa('us@er:p:ss')}`;

describe('a server of http behind a proxy', () => {
  it('is asked with its whole URL in the first line', async () => {
    const proxy = await startProxy();
    const sink = post(createClient(`http://mcp.test:${server.port}/mcp`, proxy.url));
    const request = await server.next('POST /mcp?a=b');
    await request.reply(json('{"answer":1}'));
    expect((await sink.over()).body).toBe('{"answer":1}');
    expect(proxy.heads).toEqual([
      `POST http://mcp.test:${server.port}/mcp?a=b HTTP/1.1\r\nHost: mcp.test:${server.port}\r\nX-Api-Key: s3cret\r\nContent-Length: 2`,
    ]);
  });

  it('is reached on one connection for one request after the other', async () => {
    const proxy = await startProxy();
    const client = createClient(`http://mcp.test:${server.port}/mcp`, proxy.url);
    // The second request meets a proxy that has become a pipe, which only absolute-form would tell apart.
    const first = post(client);
    await (await server.next('POST')).reply(json('1'));
    await first.over();
    expect(proxy.heads).toHaveLength(1);
    expect(proxy.openCount()).toBe(2);
    post(client);
    expect((await server.next(`POST http://mcp.test:${server.port}/mcp?a=b`)).body).toBe('{}');
    expect(proxy.heads).toHaveLength(1);
  });

  it('is asked with the credential of the proxy’s URL', async () => {
    const proxy = await startProxy();
    post(createClient(`http://mcp.test:${server.port}/mcp`, withUser(proxy.url)));
    await server.next('POST');
    expect(proxy.heads[0]).toContain(`\r\nProxy-Authorization: ${CREDENTIAL}\r\n`);
  });

  it('is reached through a proxy that speaks TLS itself', async () => {
    const proxy = await startProxy({ identity: certificates.server });
    const sink = post(createClient(`http://mcp.test:${server.port}/mcp`, proxy.url));
    await (await server.next('POST /mcp?a=b')).reply(json('1'));
    expect((await sink.over()).body).toBe('1');
  });
});

describe('a server of https behind a proxy', () => {
  it.each([
    ['http', false],
    ['https', true],
  ])('is reached through a proxy of %s, which sees nothing of the request', async (_scheme, isTls) => {
    const proxy = await startProxy(isTls ? { identity: certificates.server } : {});
    const client = createClient(`https://mcp.test:${securePort}/mcp`, withUser(proxy.url));
    for (let count = 0; count < 2; count++) expect((await post(client).over()).body).toBe('secret answer');
    expect(proxy.heads).toEqual([
      `CONNECT mcp.test:${securePort} HTTP/1.1\r\nHost: mcp.test:${securePort}\r\nProxy-Authorization: ${CREDENTIAL}`,
    ]);
    expect(secureHeads).toHaveLength(2);
    expect(secureHeads[0]).toContain('x-api-key: s3cret');
    expect(secureHeads[0]).not.toContain('proxy-authorization');
    client.close();
    await until('the proxy’s connections to close', () => proxy.openCount() === 0);
  });

  it('brings large answers whole, and carries large requests', async () => {
    const proxy = await startProxy();
    const client = createClient(`https://mcp.test:${securePort}/mcp`, proxy.url);
    const sink = new ResponseRecorder();
    client.request({ ...POST, body: Buffer.alloc(2_000_000, 'x') }, sink);
    expect((await sink.over()).body).toBe('secret answer');
    expect(secureHeads[0]).toContain('content-length: 2000000');
  });

  it('is asked for by its address as a URL has it', async () => {
    const proxy = await startProxy({ answer: () => 'HTTP/1.1 403 Forbidden\r\n\r\n' });
    await post(createClient('https://[2001:db8::1]/mcp', proxy.url)).over();
    expect(proxy.heads[0]).toBe('CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443');
  });

  it('is reached when the proxy’s answer has headers and comes in pieces of its own', async () => {
    const established = 'HTTP/1.0 200 OK\r\nVia: 1.1 somebody\r\nContent-Length: 5\r\n\r\n';
    const proxy = await startProxy({ established });
    expect((await post(createClient(`https://mcp.test:${securePort}/mcp`, proxy.url)).over()).body).toBe(
      'secret answer',
    );
  });

  it('gets the bytes that came with the proxy’s answer, which TLS refuses where they are no part of it', async () => {
    const proxy = await startProxy({ established: 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n' });
    const { error } = await post(createClient(`https://mcp.test:${securePort}/mcp`, proxy.url)).over();
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach mcp.test:${securePort} through the proxy 127.0.0.1:${proxy.port}`,
      why: `ERR_SSL_WRONG_VERSION_NUMBER 127.0.0.1:${proxy.port} (IPv4)`,
    });
  });

  it('is told apart from its proxy when its certificate is not trusted', async () => {
    const proxy = await startProxy();
    const { error } = await post(createClient(`https://mcp.test:${securePort}/mcp`, proxy.url, { tls: {} })).over();
    expect(error?.message).toBe(`cannot reach mcp.test:${securePort} through the proxy 127.0.0.1:${proxy.port}`);
    expect(error?.hint).toContain('--ca');
  });

  it('is shown the client’s certificate, and its proxy is not', async () => {
    const proxy = await startProxy({ identity: certificates.server });
    const { ca, client } = certificates;
    const tls = { ca: [ca.cert], cert: client.cert, key: client.key };
    expect((await post(createClient(`https://mcp.test:${securePort}/mcp`, proxy.url, { tls })).over()).body).toBe(
      'secret answer',
    );
    expect([clientNames, proxy.clientNames]).toEqual([['client'], ['']]);
  });
});

describe('what is reached directly', () => {
  it('is this machine, whatever proxies there are', async () => {
    const proxy = await startProxy();
    const sink = post(createClient(`http://localhost:${server.port}/mcp`, proxy.url));
    await (await server.next('POST /mcp?a=b')).reply(json('1'));
    await sink.over();
    expect(proxy.heads).toEqual([]);
  });

  it('is a server at the end of a tunnel', async () => {
    const proxy = await startProxy();
    const dialTo = (): Promise<{ host: string; port: number }> =>
      Promise.resolve({ host: '127.0.0.1', port: securePort });
    const sink = post(createClient('https://mcp.test/mcp', proxy.url, { dialTo }));
    expect((await sink.over()).body).toBe('secret answer');
    expect(secureHeads[0]).toContain('host: mcp.test');
    expect(proxy.heads).toEqual([]);
  });
});
