import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient, type HttpClientOptions, type HttpRequest } from '../../../src/upstream/http/http-client.ts';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until } from '../../parts/deadline.ts';
import { startHttpProxy, type TestProxy, type TestProxyOptions } from '../../parts/http-proxy.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

let certificates: Certificates;
const proxies: TestProxy[] = [];
const clients: HttpClient[] = [];

beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
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

describe('a proxy that opens no way', () => {
  const refusal = (status: string, body = ''): TestProxyOptions => ({
    answer: () => `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  });

  it.each([
    ['407 Proxy Authentication Required', 'upstream_refused', ' for want of a credential', /user:password@/],
    ['403 Forbidden', 'upstream_unreachable', '', /does not let this host and port through/],
    ['502 Bad Gateway', 'upstream_unreachable', '', /cannot reach the server/],
    ['302 Found', 'upstream_unreachable', '', /does not let this host and port through/],
  ])('with %s is named, with what to try', async (status, code, more, hint) => {
    const proxy = await startProxy(refusal(status, 'x'.repeat(50)));
    const { error } = await post(createClient('https://mcp.test:8443/mcp', withUser(proxy.url))).over();
    expect(error).toMatchObject({
      code,
      message: `the proxy 127.0.0.1:${proxy.port} refused to connect to mcp.test:8443${more}`,
      why: `HTTP ${status} from 127.0.0.1:${proxy.port} (IPv4)`,
      mayHaveRun: false,
      upstreamStatus: undefined,
    });
    expect(error?.hint).toMatch(hint);
    await until('the connection to close', () => proxy.openCount() === 0);
  });

  it.each([
    ['speaks something else', 'SSH-2.0-OpenSSH_9.6\r\n', 'it does not speak HTTP/1.1'],
    ['speaks something else without a line end', '\x05\x00', 'it does not speak HTTP/1.1'],
    ['has a malformed status', 'HTTP/1.1 2000 OK\r\n\r\n', 'it does not speak HTTP/1.1'],
    ['has bare line feeds', 'HTTP/1.1 200 OK\n\n', 'its answer has a bare line feed'],
    ['has a malformed header', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n', 'its answer has a malformed header'],
    ['is endless', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(17_000)}`, 'its answer is too large'],
  ])('but %s, is not taken for a proxy', async (_what, bytes, why) => {
    const proxy = await startProxy({ answer: () => bytes });
    const { error } = await post(createClient('https://mcp.test:8443/mcp', proxy.url)).over();
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: `the proxy 127.0.0.1:${proxy.port} did not answer as a proxy`,
      why: `${why}, from 127.0.0.1:${proxy.port} (IPv4)`,
      hint: 'Is this an HTTP proxy? HTTPS_PROXY names it.',
    });
  });

  it.each(['', 'HTTP/1.1 200 O'])('but closes the connection after %j, is named', async (bytes) => {
    const proxy = await startProxy({ answer: () => bytes, isClosing: true });
    const { error } = await post(createClient('https://mcp.test:8443/mcp', proxy.url)).over();
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: `the proxy 127.0.0.1:${proxy.port} gave no way to mcp.test:8443`,
      why: `it closed the connection, 127.0.0.1:${proxy.port} (IPv4)`,
    });
  });

  it('and says nothing, is given up in time', async () => {
    const proxy = await startProxy({ answer: () => '' });
    const { error } = await post(createClient('https://mcp.test:8443/mcp', proxy.url, { connectTimeoutMs: 50 })).over();
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: `the proxy 127.0.0.1:${proxy.port} gave no way to mcp.test:8443`,
      why: `ETIMEDOUT 127.0.0.1:${proxy.port} (IPv4)`,
    });
    await until('the connection to close', () => proxy.openCount() === 0);
  });

  it('is closed when the client is', async () => {
    const proxy = await startProxy({ answer: () => '' });
    const client = createClient('https://mcp.test:8443/mcp', proxy.url);
    post(client);
    await until('the proxy to be asked', () => proxy.heads.length === 1);
    client.close();
    await until('the connection to close', () => proxy.openCount() === 0);
  });
});

describe('a proxy that is not there', () => {
  it.each(['http', 'https'])('is named on the way to a server of %s', async (scheme) => {
    const proxy = await startHttpProxy();
    await proxy.close();
    const { error } = await post(createClient(`${scheme}://mcp.test:8000/mcp`, withUser(proxy.url))).over();
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach the proxy 127.0.0.1:${proxy.port} on the way to mcp.test:8000`,
      why: `ECONNREFUSED 127.0.0.1:${proxy.port} (IPv4)`,
    });
    expect(error?.hint).toContain('NO_PROXY');
    expect(JSON.stringify([error?.sentence, error?.hint])).not.toContain('p:ss');
  });

  it('by the certificate that it has is named, not the server behind it', async () => {
    const proxy = await startProxy({ identity: certificates.wrongName });
    const { error } = await post(createClient('https://mcp.test:8443/mcp', proxy.url)).over();
    expect(error).toMatchObject({
      message: `cannot reach the proxy 127.0.0.1:${proxy.port} on the way to mcp.test:8443`,
      why: `ERR_TLS_CERT_ALTNAME_INVALID 127.0.0.1:${proxy.port} (IPv4), its certificate is for other.test, 127.0.0.9`,
    });
  });

  it('as its URL says, because it speaks no TLS, is told', async () => {
    const proxy = await startProxy({ answer: () => 'HTTP/1.1 400 Bad Request\r\n\r\n' });
    const { error } = await post(
      createClient('https://mcp.test:8443/mcp', `https://127.0.0.1:${proxy.port}`, { connectTimeoutMs: 200 }),
    ).over();
    expect(error?.message).toBe(`cannot reach the proxy 127.0.0.1:${proxy.port} on the way to mcp.test:8443`);
    expect(error?.hint).toBe('Does the proxy speak TLS itself? If not, its URL begins with http://.');
  });
});
