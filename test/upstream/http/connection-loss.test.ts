import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DrawbridgeError } from '../../../src/errors.ts';
import { type DialFailure, unreachable, unresolved } from '../../../src/upstream/dial/dial-failure.ts';
import type { DialRoute } from '../../../src/upstream/dial/dial-route.ts';
import { lossOf, type Origin, type Peer } from '../../../src/upstream/http/connection-loss.ts';
import { HttpClient, type HttpClientOptions } from '../../../src/upstream/http/http-client.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
const clients: HttpClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((fulfil) => server.close(fulfil))));
});

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    onConnection(socket.on('error', () => {}));
  });
  servers.push(server);
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return (server.address() as AddressInfo).port;
}

async function ask(url: string, options: Partial<HttpClientOptions> = {}): Promise<DrawbridgeError | undefined> {
  const client = new HttpClient({ url: new URL(url), family: '4', connectTimeoutMs: 2000, ...options });
  clients.push(client);
  const sink = new ResponseRecorder();
  client.request({ method: 'POST', path: '/', headers: '', body: Buffer.from('{}'), timeoutMs: 0 }, sink);
  return (await sink.over()).error;
}

const FAR_END = /SSH tunnel whose far end is down/;

describe('a listener that takes a connection and closes it without a byte', () => {
  it.each([
    ['at once', (socket: Socket) => socket.end()],
    ['when it is asked', (socket: Socket) => socket.once('data', () => socket.end())],
  ])('%s, is taken for a tunnel that leads nowhere', async (_when, close) => {
    const port = await listen(close);
    const error = await ask(`http://localhost:${port}/`);
    expect(error).toMatchObject({
      code: 'upstream_lost',
      message: `http://localhost:${port} closed the connection without a response`,
    });
    expect(error?.why).toMatch(new RegExp(`^(closed by|ECONNRESET|EPIPE) 127\\.0\\.0\\.1:${port} \\(IPv4\\)$`));
    expect(error?.hint).toMatch(FAR_END);
  });

  it('by a reset, which may come while it is dialled, is taken for one too', async () => {
    const port = await listen((socket) => socket.resetAndDestroy());
    const error = await ask(`http://localhost:${port}/`);
    expect(error?.code).toMatch(/^upstream_(lost|unreachable)$/);
    expect(error?.why).toMatch(new RegExp(`^(ECONNRESET|EPIPE) 127\\.0\\.0\\.1:${port} \\(IPv4\\)$`));
    expect(error?.hint).toMatch(FAR_END);
  });

  it('is known to be one where the bridge has opened it', async () => {
    const port = await listen((socket) => socket.end());
    const error = await ask('http://mcp.example:8000/', {
      dialTo: () => Promise.resolve({ host: '127.0.0.1', port }),
    });
    expect(error).toMatchObject({ code: 'upstream_lost' });
    expect(error?.message).toContain('http://mcp.example:8000');
    expect(error?.hint).toMatch(FAR_END);
  });

  it('is not, once it has answered', async () => {
    const port = await listen((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        socket.once('data', () => socket.end());
      });
    });
    const client = new HttpClient({ url: new URL(`http://127.0.0.1:${port}/`), family: '4', connectTimeoutMs: 2000 });
    clients.push(client);
    const sinks = [new ResponseRecorder(), new ResponseRecorder()];
    for (const sink of sinks) {
      client.request({ method: 'GET', path: '/', headers: '', timeoutMs: 0 }, sink);
      await sink.over();
    }
    expect(sinks[1]?.error?.hint).toBe('Did the MCP server restart? Its log may say.');
  });
});

describe('the near end of a tunnel', () => {
  it('that is down is named beside the server', async () => {
    const port = await listen(() => {});
    await new Promise((fulfil) => servers.pop()?.close(fulfil));
    expect(
      await ask('http://mcp.example/', { dialTo: () => Promise.resolve({ host: '127.0.0.1', port }) }),
    ).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach mcp.example:80 through the tunnel at 127.0.0.1:${port}`,
      why: `ECONNREFUSED 127.0.0.1:${port} (IPv4)`,
    });
  });

  it('that cannot be told fails the request with the reason', async () => {
    const error = await ask('http://mcp.example/', { dialTo: () => Promise.reject(new Error('ssh ended')) });
    expect(error).toMatchObject({ code: 'upstream_unreachable', message: 'ssh ended' });
  });

  it('that nobody ever tells does not outlive the client', async () => {
    const client = new HttpClient({
      url: new URL('http://mcp.example/'),
      family: '4',
      connectTimeoutMs: 2000,
      dialTo: () => new Promise(() => {}),
    });
    const sink = new ResponseRecorder();
    client.request({ method: 'GET', path: '/', headers: '', timeoutMs: 0 }, sink);
    client.close();
    expect((await sink.over()).error).toMatchObject({ code: 'upstream_unreachable', why: 'given up' });
  });
});

describe('what to try when an address cannot be reached', () => {
  const target = { host: 'mcp.example', port: 8000, isTls: false };
  const route: DialRoute = { target, way: 'direct', hop: target, proxy: undefined };
  const failure = (code: string, address: string): DialFailure => ({
    step: 'connect',
    error: Object.assign(new Error(code), { code }),
    address,
  });

  it.each([
    ['ECONNREFUSED', '127.0.0.1', /^Nothing listens on 127\.0\.0\.1:8000.+ssh -L.+--ssh keeps one up/],
    ['ECONNREFUSED', '::1', /^Nothing listens on \[::1\]:8000/],
    ['ECONNREFUSED', '10.0.0.1', /not on 127\.0\.0\.1 alone/],
    ['ETIMEDOUT', '10.0.0.1', /firewall.+VPN/],
    ['EHOSTUNREACH', '10.0.0.1', /online/],
    ['ENETUNREACH', '10.0.0.1', /online/],
    ['ENETUNREACH', '2001:db8::1', /--family 4/],
    ['EADDRNOTAVAIL', '2001:db8::1', /--family 4/],
    ['ECONNRESET', '10.0.0.1', /HTTPS_PROXY/],
    ['ECONNRESET', '127.0.0.1', FAR_END],
    ['EACCES', '10.0.0.1', /firewall or sandbox/],
    ['EMFILE', '10.0.0.1', /^Is the MCP server running/],
  ])('%s %s', (code, address, hint) => {
    const error = unreachable(route, [failure(code, address)]);
    expect(error.sentence).toContain(`cannot reach mcp.example:8000: ${code} `);
    expect(error.why).toMatch(/:8000 \(IPv[46]\)$/);
    expect(error.hint).toMatch(hint);
  });

  it('is that for the address that got furthest', () => {
    const expired: DialFailure = { ...failure('CERT_HAS_EXPIRED', '10.0.0.2'), step: 'hop-tls' };
    const error = unreachable(route, [failure('ECONNREFUSED', '10.0.0.1'), expired]);
    expect(error.why).toBe(
      'ECONNREFUSED 10.0.0.1:8000 (IPv4); CERT_HAS_EXPIRED 10.0.0.2:8000 (IPv4), its certificate has expired',
    );
    expect(error.hint).toContain('renew');
  });

  it.each([
    ['ENOTFOUND', /^Is the host name right\?/],
    ['EAI_AGAIN', /name server.+online/],
    [undefined, /^Is the host name right\?/],
  ])('looking up a name: %s', (code, hint) => {
    const error = unresolved(route, code);
    expect(error.why).toBe(code === undefined ? 'mcp.example has no address' : `${code} looking up mcp.example`);
    expect(error.hint).toMatch(hint);
  });
});

describe('a connection that ends', () => {
  const origin: Origin = { where: 'https://mcp.example', isTls: true, way: 'direct' };
  const peer: Peer = { text: '10.0.0.1:443 (IPv4)', isLoopback: false };
  const errorOf = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

  it.each(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])('by %s is the network’s doing', (code) => {
    expect(lossOf(origin, peer, 'waiting', errorOf(code))).toMatchObject({
      code: 'upstream_lost',
      message: 'the connection to https://mcp.example was cut without a response',
      why: `${code} 10.0.0.1:443 (IPv4)`,
      hint: 'The network between was interrupted: by sleep, a VPN, or a NAT that forgot the connection.',
      mayHaveRun: true,
    });
  });

  it.each([
    ['https', { ...origin }, /client certificate/],
    ['http', { ...origin, isTls: false }, /https/],
    ['a proxy', { ...origin, way: 'proxy' as const }, /proxy/],
  ])('before any byte of %s says what may be wrong', (_what, of, hint) => {
    expect(lossOf(of, peer, 'silent', undefined).hint).toMatch(hint);
  });
});
