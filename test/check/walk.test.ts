import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Finding, Hop, Verdict } from '../../src/check/finding.ts';
import type { ResolvedAddress, WalkOptions } from '../../src/check/walk-options.ts';
import { startBlackHole } from '../parts/black-hole.ts';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { startHttpProxy } from '../parts/http-proxy.ts';
import { makeSelfSigned } from '../parts/self-signed.ts';
import { type Staging, startStagedMcp } from '../parts/staged-mcp.ts';
import { walked } from '../parts/walked.ts';

interface Place {
  readonly url: string | URL;
  readonly options?: Partial<WalkOptions>;
}

interface Row {
  readonly hop: Hop;
  readonly verdict?: Verdict;
  /** Stands in what is said or in the remedy. */
  readonly tells: RegExp;
  readonly remedy?: RegExp;
  readonly stage: () => Promise<Place>;
}

let certificates: Certificates;
const endings: (() => Promise<void> | void)[] = [];

beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** An MCP server of which one thing is wrong. */
async function staged(staging: Staging, path = '/sse', options: Partial<WalkOptions> = {}): Promise<Place> {
  const server = await startStagedMcp(staging);
  endings.push(server.close);
  return { url: server.url(path), options };
}

/** A TCP server that does with each connection what the test says. */
async function tcp(serve: (socket: Socket) => void, host = '127.0.0.1', port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    serve(socket.on('error', () => {}));
  });
  server.listen(port, host);
  await once(server, 'listening');
  endings.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((fulfil) => server.close(fulfil));
  });
  return (server.address() as AddressInfo).port;
}

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((fulfil) => server.close(fulfil));
  return port;
}

const lookup =
  (...found: readonly ResolvedAddress[]) =>
  (): Promise<readonly ResolvedAddress[]> =>
    Promise.resolve(found);
const refusal = (code: string) => (): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }));
const ORIGIN = 'https://app.example.com';
const PAGE = '<!doctype html><title>Welcome</title>';

/** Answers every request alike. */
const always = (
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): NonNullable<Staging['intercept']> => {
  return (_req, res) => {
    res.writeHead(status, headers).end(body);
    return true;
  };
};

const ROWS: Readonly<Record<string, Row>> = {
  'a Node.js that is too old': {
    hop: 'machine',
    tells: /Node\.js 18\.20\.1.*Install Node\.js 20/,
    stage: () => staged({}, '/sse', { facts: { nodeVersion: '18.20.1' } }),
  },
  'a name that nobody knows': {
    hop: 'dns',
    tells: /mcp\.invalid has no address: ENOTFOUND.*host name right/,
    stage: async () => ({ url: 'http://mcp.invalid/sse', options: { lookup: refusal('ENOTFOUND') } }),
  },
  'a name server that does not answer': {
    hop: 'dns',
    tells: /EAI_AGAIN.*online/,
    stage: async () => ({ url: 'http://mcp.invalid/sse', options: { lookup: refusal('EAI_AGAIN') } }),
  },
  'a name server that hangs': {
    hop: 'dns',
    tells: /looking up mcp\.invalid took more than 100 ms/,
    stage: async () => ({
      url: 'http://mcp.invalid/sse',
      options: { lookup: () => new Promise(() => {}), timeoutMs: 100 },
    }),
  },
  'a name with AAAA records alone, while IPv4 is preferred': {
    hop: 'dns',
    verdict: 'warn',
    tells: /A none; AAAA 2001:db8::1.*needs an A record/,
    stage: async () => ({
      url: 'http://six.invalid/sse',
      options: { lookup: lookup({ address: '2001:db8::1', family: 6 }), until: 'dns' },
    }),
  },
  'a machine that puts ::1 first for localhost': {
    hop: 'dns',
    verdict: 'warn',
    tells: /taken for 127\.0\.0\.1, but this machine puts ::1 first.*SSH tunnel of Windows/,
    stage: async () => ({
      url: 'http://localhost:1/sse',
      options: { lookup: lookup({ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }), until: 'dns' },
    }),
  },
  'a port of this machine on which nothing listens': {
    hop: 'tcp',
    tells:
      /127\.0\.0\.1:\d+ \(IPv4\) ECONNREFUSED after \d+ ms \| Nothing listens there.*ssh -N -L \d+:127\.0\.0\.1:PORT.*--ssh/,
    stage: async () => ({ url: `http://127.0.0.1:${await closedPort()}/sse` }),
  },
  'a listener on ::1 alone': {
    hop: 'tcp',
    tells:
      /127\.0\.0\.1:\d+ \(IPv4\) ECONNREFUSED.*; only \[::1\]:\d+ \(IPv6\) is listened on \| Take --family 6, or let the server listen on 127/,
    stage: async () => ({
      url: `http://localhost:${await tcp(() => {}, '::1', await closedPort())}/sse`,
      options: { lookup: lookup() },
    }),
  },
  'a listener on ::1 alone, while the URL says 127.0.0.1': {
    hop: 'tcp',
    tells: /only \[::1\]:\d+ \(IPv6\) is listened on \| Take \[::1\] in the URL/,
    stage: async () => ({ url: `http://127.0.0.1:${await tcp(() => {}, '::1', await closedPort())}/sse` }),
  },
  'a listener on 127.0.0.1 alone, while the URL says ::1': {
    hop: 'tcp',
    tells:
      /\[::1\]:\d+ \(IPv6\) ECONNREFUSED.*; only 127\.0\.0\.1:\d+ \(IPv4\) is listened on \| Take 127\.0\.0\.1 in the URL.*ssh -L \[::1\]:/,
    stage: async () => ({ url: `http://[::1]:${await tcp(() => {})}/sse`, options: { family: 'any' } }),
  },
  'a tunnel whose far end refuses': {
    hop: 'ssh',
    tells: /takes connections and closes them at once.*far end is down/,
    stage: async () => ({ url: `http://127.0.0.1:${await tcp((socket) => socket.end())}/sse` }),
  },
  'a tunnel that closes when it is asked': {
    hop: 'ssh',
    tells: /closed the connection without a response.*far end is down/,
    stage: async () => ({
      url: `http://127.0.0.1:${await tcp((socket) => socket.on('data', () => socket.destroy()))}/sse`,
    }),
  },
  'the port of ssh itself': {
    hop: 'ssh',
    tells: /is an SSH server \(SSH-2\.0-OpenSSH_9\.6\).*first number after ssh -L/,
    stage: async () => ({
      url: `http://127.0.0.1:${await tcp((socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'))}/sse`,
    }),
  },
  'a proxy that is down': {
    hop: 'tcp',
    tells: /127\.0\.0\.1:\d+ \(IPv4\) ECONNREFUSED.*Is the proxy running\?/,
    stage: async () => ({
      url: 'http://mcp.invalid/sse',
      options: { proxy: { httpProxy: `http://127.0.0.1:${await closedPort()}` } },
    }),
  },
  'a proxy that lets nobody through': {
    hop: 'proxy',
    tells: /the proxy 127\.0\.0\.1:\d+ refused to connect to mcp\.invalid:443.*403/,
    stage: async () => {
      const proxy = await startHttpProxy({ answer: () => 'HTTP/1.1 403 Forbidden\r\n\r\n' });
      endings.push(proxy.close);
      return { url: 'https://mcp.invalid/sse', options: { proxy: { httpsProxy: proxy.url } } };
    },
  },
  'https for a port of plain HTTP': {
    hop: 'tls',
    tells: /ERR_SSL_\w+.*begin the URL with http:\/\//,
    stage: async () => {
      const { url } = await staged({});
      return { url: String(url).replace('http:', 'https:') };
    },
  },
  'http for a port of TLS': {
    hop: 'tls',
    tells: /TLS is spoken on port \d+.*Begin the URL with https:\/\//,
    stage: async () => {
      const { url } = await staged({ identity: certificates.server });
      return { url: String(url).replace('https:', 'http:') };
    },
  },
  'a certificate that has expired': {
    hop: 'tls',
    tells:
      /CERT_HAS_EXPIRED.*it shows expired \(2020-01-01 to 2020-02-01\) ← authority.*; for localhost, .*must renew the certificate/,
    stage: () => staged({ identity: certificates.expired }, '/sse', { tls: { ca: [certificates.ca.cert] } }),
  },
  'a certificate for another name': {
    hop: 'tls',
    tells: /its certificate is for other\.test.*it shows wrong-name \(2020-01-01 to 2049-12-31\) ← authority \|/,
    stage: () => staged({ identity: certificates.wrongName }, '/sse', { tls: { ca: [certificates.ca.cert] } }),
  },
  'a certificate of an authority that nobody knows': {
    hop: 'tls',
    tells:
      /signed by an authority that is not trusted here.*it shows server \(2020.*← authority;.*--ca.*fullchain\.pem/,
    stage: () => staged({ identity: certificates.server }),
  },
  'a certificate of an authority that nobody knows, through a proxy': {
    hop: 'tls',
    tells: /through the proxy.*it shows server \(2020.*← authority; for localhost, mcp\.test/,
    stage: async () => {
      const proxy = await startHttpProxy();
      endings.push(proxy.close);
      const { url } = await staged({ identity: certificates.server });
      return {
        url: String(url).replace('127.0.0.1', 'mcp.test'),
        options: { proxy: { httpsProxy: proxy.url } },
      };
    },
  },
  'a certificate that signs itself': {
    hop: 'tls',
    tells:
      /DEPTH_ZERO_SELF_SIGNED_CERT.*it shows self-signed \(20\d\d-\d\d-\d\d to 20\d\d-\d\d-\d\d\); for localhost \| .*of their own\.$/,
    stage: () => staged({ identity: makeSelfSigned(['localhost'], 90) }),
  },
  'a certificate that ends soon': {
    hop: 'tls',
    verdict: 'warn',
    tells: /self-signed; [45] days left.*Renew the certificate, which ends on 20\d\d-/,
    stage: async () => {
      const identity = makeSelfSigned(['localhost'], 5);
      const { url } = await staged({ identity });
      return {
        url: String(url).replace('127.0.0.1', 'localhost'),
        options: { tls: { ca: [identity.cert] }, lookup: lookup() },
      };
    },
  },
  'a clock that is ten minutes off': {
    hop: 'clock',
    verdict: 'warn',
    tells: /server's clock is (599|600|601) s behind.*NTP/,
    stage: () => staged({}, '/sse', { now: () => Date.now() + 600_000 }),
  },
  'a server that takes connections and says nothing': {
    hop: 'http',
    tells: /sent no head of a response.*is the MCP server hung/,
    stage: async () => {
      const hole = await startBlackHole();
      endings.push(hole.close);
      return { url: hole.url('/sse'), options: { timeoutMs: 300 } };
    },
  },
  'a path that is not there': {
    hop: 'http',
    tells: /GET \/other\/sse: HTTP 404.*\/sse and \/mcp are served there/,
    stage: () => staged({}, '/other/sse'),
  },
  'the root in place of a path': {
    hop: 'http',
    tells: /POST \/: HTTP 404.*\/sse and \/mcp are served there/,
    stage: () => staged({}, '/'),
  },
  'a Host that is not accepted': {
    hop: 'http',
    tells: /HTTP 421.*the Host mcp\.example is not accepted.*--allowed-hosts/,
    stage: () => staged({}, '/sse', { hostHeader: 'mcp.example' }),
  },
  'a web page': {
    hop: 'http',
    tells: /HTTP 200 in \d+ ms, text\/html.*a web page, not an MCP server.*Neither \/sse nor \/mcp/,
    stage: () => staged({ intercept: always(200, { 'content-type': 'text/html' }, PAGE) }),
  },
  'a redirect to another origin': {
    hop: 'http',
    tells: /HTTP 302.*redirects to https:\/\/login\.example\.com\/start.*No credential is ever sent/,
    stage: () => staged({ intercept: always(302, { location: 'https://login.example.com/start?for=me' }) }),
  },
  'a redirect to https': {
    hop: 'http',
    tells: /redirects to https:\/\/127\.0\.0\.1\/sse.*Begin the URL with https:\/\//,
    stage: () => staged({ intercept: always(301, { location: 'https://127.0.0.1/sse' }) }),
  },
  'a redirect of a POST': {
    hop: 'http',
    tells: /HTTP 302.*redirects to http:\/\/127\.0\.0\.1:\d+\/mcp\/.*Write that path in the URL/,
    stage: () => staged({ intercept: always(302, { location: '/mcp/' }) }, '/mcp'),
  },
  'a method that is not allowed': {
    hop: 'http',
    tells: /HTTP 405.*Neither \/sse nor \/mcp/,
    stage: () =>
      staged(
        {
          intercept: (req, res) =>
            always(req.url === '/app' ? 405 : 404, { 'content-type': 'text/html' }, PAGE)(req, res),
        },
        '/app',
      ),
  },
  'a proxy that wants a password of plain HTTP': {
    hop: 'proxy',
    tells: /is reached through a proxy that wants a credential.*HTTP_PROXY/,
    stage: async () => {
      const proxy = await startHttpProxy({ answer: () => 'HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n' });
      endings.push(proxy.close);
      return { url: 'http://mcp.invalid/sse', options: { proxy: { httpProxy: proxy.url } } };
    },
  },
  'a name without any address': {
    hop: 'dns',
    tells: /empty\.invalid has no address.*A or AAAA record/,
    stage: async () => ({ url: 'http://empty.invalid/sse', options: { lookup: lookup() } }),
  },
  'a proxy before a server that is down': {
    hop: 'http',
    tells: /HTTP 502 in \d+ ms, text\/html, from nginx\/1\.24.*the MCP server behind it is not/,
    stage: () => staged({ intercept: always(502, { server: 'nginx/1.24', 'content-type': 'text/html' }, PAGE) }),
  },
  'JSON that is no MCP': {
    hop: 'http',
    tells: /HTTP 200, application\/json/,
    stage: () => staged({ intercept: always(200, { 'content-type': 'application/json' }, '{"ok":true}') }, '/mcp'),
  },
  'a Bearer token that is missing': {
    hop: 'challenge',
    tells:
      /HTTP 401, it wants Bearer \(invalid_token\); no credential was sent.*--header "Authorization: Bearer \$TOKEN"/,
    stage: () =>
      staged({ intercept: always(401, { 'www-authenticate': 'Bearer realm="mcp", error="invalid_token"' }) }),
  },
  'a user and password that are missing': {
    hop: 'challenge',
    tells: /it wants Basic; no credential was sent.*Authorization: Basic \$\(printf/,
    stage: () => staged({ intercept: always(401, { 'www-authenticate': 'Basic realm="a, Bearer of b"' }) }, '/mcp'),
  },
  'a Bearer token where Basic is wanted': {
    hop: 'challenge',
    tells: /it wants Basic, and an Authorization of scheme bearer was sent/,
    stage: () =>
      staged({ intercept: always(401, { 'www-authenticate': 'Basic realm="x"' }) }, '/sse', {
        headers: { Authorization: 'Bearer tok-1234567890' },
      }),
  },
  'a token that is not accepted': {
    hop: 'challenge',
    tells: /what was sent in Authorization is not accepted.*not revoked/,
    stage: () =>
      staged({ intercept: always(401, { 'www-authenticate': 'Bearer' }) }, '/sse', {
        headers: { Authorization: 'Bearer tok-1234567890' },
      }),
  },
  'a 401 for the one transport that is spoken': {
    hop: 'challenge',
    tells: /HTTP 401, it wants Bearer/,
    stage: () =>
      staged(
        {
          intercept: (req, res) =>
            always(req.method === 'POST' ? 405 : 401, { 'www-authenticate': 'Bearer' })(req, res),
        },
        '/events',
      ),
  },
  'a near end of a tunnel that is down': {
    hop: 'tcp',
    tells: /ECONNREFUSED.*near end of the tunnel is down/,
    stage: async () => {
      const port = await closedPort();
      return {
        url: 'http://db.invalid/sse',
        options: { dialTo: () => Promise.resolve({ host: '127.0.0.1', port }) },
      };
    },
  },
  'a 403': {
    hop: 'challenge',
    tells: /HTTP 403: this address is not allowed.*does not let this address in/,
    stage: () => staged({ intercept: always(403, {}, 'this address is not allowed') }),
  },
  'metadata that speak of another URL': {
    hop: 'metadata',
    tells: /speaks of the resource "http:\/\/127\.0\.0\.1:9\/mcp", not of http.*--public-url/,
    stage: () =>
      staged({
        intercept: (req, res) => {
          if (req.url?.startsWith('/.well-known/')) {
            res.writeHead(200, { 'content-type': 'application/json' }).end('{"resource":"http://127.0.0.1:9/mcp"}');
          } else {
            const at = `http://${req.headers.host}/.well-known/oauth-protected-resource/sse`;
            res.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${at}"` }).end();
          }
          return true;
        },
      }),
  },
  'metadata that the proxy answers with a page': {
    hop: 'metadata',
    tells: /is not JSON.*forward \/\.well-known\//,
    stage: () =>
      staged({
        intercept: (req, res) => {
          if (req.url?.startsWith('/meta')) res.end(PAGE);
          else res.writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="/meta"' }).end();
          return true;
        },
      }),
  },
  'discovery where keys are used': {
    hop: 'metadata',
    verdict: 'warn',
    tells: /oauth-protected-resource\/sse answers, though a configured credential is used.*Answer 404/,
    stage: () =>
      staged(
        {
          intercept: (req, res) => {
            if (!req.url?.startsWith('/.well-known/')) return false;
            res.writeHead(200, { 'content-type': 'application/json' }).end('{"resource":"x"}');
            return true;
          },
        },
        '/sse',
        { headers: { Authorization: 'Bearer tok-1234567890' } },
      ),
  },
  'a stream of which nothing comes': {
    hop: 'stream',
    tells: /the head came after \d+ ms, but no event within 300 ms.*nginx is in the way.*proxy_buffering off/,
    stage: () => staged({ opening: '', isBeating: false, headers: { server: 'nginx' } }, '/sse', { timeoutMs: 300 }),
  },
  'a stream whose head is held back': {
    hop: 'stream',
    tells: /other paths are answered, but the head of the event stream does not come.*Caddy.*flush_interval -1/,
    stage: () =>
      staged({ headers: { via: '1.1 Caddy' }, intercept: (req) => req.url === '/sse' }, '/sse', { timeoutMs: 300 }),
  },
  'a stream that was collected': {
    hop: 'stream',
    tells: /Content-Length of \d+.*A proxy that does not say its name/,
    stage: () =>
      staged({
        intercept: always(
          200,
          { 'content-type': 'text/event-stream', 'content-length': '26' },
          'event: endpoint\ndata: /m\n\n\n',
        ),
      }),
  },
  'a stream that is compressed': {
    hop: 'stream',
    tells: /compressed \(Content-Encoding: gzip\).*nginx is in the way; it needs: gzip off/,
    stage: () =>
      staged({
        intercept: always(
          200,
          { 'content-type': 'text/event-stream', 'content-encoding': 'gzip', server: 'nginx' },
          gzipSync('event: endpoint\ndata: /messages\n\n'),
        ),
      }),
  },
  'a stream that ends at once': {
    hop: 'stream',
    tells: /the stream ends before its first event/,
    stage: () => staged({ intercept: always(200, { 'content-type': 'text/event-stream' }) }),
  },
  'a stream without an endpoint': {
    hop: 'endpoint',
    tells: /the first event is "message", where the legacy transport begins with endpoint/,
    stage: () => staged({ opening: 'data: {}\n\n' }),
  },
  'an endpoint on another origin': {
    hop: 'endpoint',
    tells: /the endpoint is on another origin: http:\/\/postgres-mcp:8000\/messages.*must announce a path/,
    stage: () => staged({ opening: 'event: endpoint\ndata: http://postgres-mcp:8000/messages?s=1\n\n' }),
  },
  'an endpoint to which the proxy forwards no POST': {
    hop: 'post',
    tells:
      /POST \/messages\/: HTTP 404.*the proxy forwards only the event stream.*Forward \/messages\/ as well as \/sse/,
    stage: () =>
      staged({
        opening: 'event: endpoint\ndata: /messages/?session=1\n\n',
        intercept: (req, res) => req.method === 'POST' && always(404)(req, res),
      }),
  },
  'an endpoint without the prefix of the proxy': {
    hop: 'post',
    tells: /POST \/messages\/: HTTP 405.*lacks the prefix \/pg, by which.*its prefix \/pg/,
    stage: () =>
      staged(
        {
          intercept: (req, res) => {
            if (req.url === '/pg/sse') {
              res.writeHead(200, { 'content-type': 'text/event-stream' });
              res.write('event: endpoint\ndata: /messages/?session=1\n\n');
            } else res.writeHead(405).end();
            return true;
          },
        },
        '/pg/sse',
      ),
  },
  'an initialize that hangs': {
    hop: 'initialize',
    tells: /initialize was not answered within 300 ms.*waiting for its database/,
    stage: () => staged({ answers: { initialize: 'nothing' } }, '/sse', { timeoutMs: 300 }),
  },
  'an initialize that is refused': {
    hop: 'initialize',
    tells: /initialize was refused: no database \(-32603\)/,
    stage: () => staged({ answers: { initialize: { code: -32603, message: 'no database' } } }),
  },
  'an initialize that is refused over Streamable HTTP': {
    hop: 'initialize',
    tells: /initialize was refused: no database \(-32603\)/,
    stage: () => staged({ answers: { initialize: { code: -32603, message: 'no database' } } }, '/mcp'),
  },
  'tools that cannot be listed': {
    hop: 'tools',
    tells: /tools\/list was answered with an error: relation does not exist/,
    stage: () => staged({ answers: { 'tools/list': { code: -32603, message: 'relation does not exist' } } }),
  },
  'tools that are never listed': {
    hop: 'tools',
    tells: /tools\/list was not answered within 300 ms/,
    stage: () => staged({ answers: { 'tools/list': 'nothing' } }, '/mcp', { timeoutMs: 300 }),
  },
  'a stream of which the end of an answer is held back': {
    hop: 'stream',
    tells:
      /the answer to tools\/list came only when the server sent more, after 300 ms: something buffers.*nginx is in the way.*proxy_buffering off/,
    stage: () =>
      staged({ held: ['tools/list'], headers: { server: 'nginx' } }, '/sse', { timeoutMs: 300, until: 'tools' }),
  },
  'a stream of which the handshake is held back': {
    hop: 'stream',
    tells: /the answer to initialize came only when the server sent more.*A proxy that does not say its name/,
    stage: () => staged({ held: ['initialize'] }, '/sse', { timeoutMs: 300 }),
  },
  'a ping that is refused': {
    hop: 'ping',
    verdict: 'warn',
    tells: /refused: Method not found/,
    stage: () => staged({ answers: { ping: { code: -32601, message: 'Method not found' } } }),
  },
  'an idle stream that is cut': {
    hop: 'heartbeat',
    tells: /the idle stream was ended after \d+ ms \| .*HAProxy is in the way; it needs: timeout client 330s/,
    stage: () => staged({ cutAfter: 'ping', headers: { via: '1.1 haproxy' } }),
  },
  'a preflight that is not answered': {
    hop: 'cors',
    tells: /preflight, HTTP 405: no Access-Control-Allow-Origin \| .*--allowed-origins https:\/\/app\.example\.com/,
    stage: () =>
      staged({ intercept: (req, res) => req.method === 'OPTIONS' && always(405)(req, res) }, '/sse', {
        origin: ORIGIN,
      }),
  },
  'a star with credentials': {
    hop: 'cors',
    tells: /Access-Control-Allow-Origin \* with credentials.*headers not allowed: authorization/,
    stage: () =>
      staged(
        {
          intercept: (req, res) =>
            req.method === 'OPTIONS' &&
            always(204, {
              'access-control-allow-origin': '*',
              'access-control-allow-credentials': 'true',
              'access-control-allow-headers': '*',
            })(req, res),
        },
        '/sse',
        { origin: ORIGIN },
      ),
  },
  'a session that pages cannot read': {
    hop: 'cors',
    tells: /response, HTTP 200: Mcp-Session-Id is not exposed/,
    stage: () => staged({ isExposed: false }, '/mcp', { origin: ORIGIN }),
  },
  'an Origin that is refused': {
    hop: 'cors',
    tells: /a request with Origin https:\/\/app\.example\.com is refused: HTTP 403/,
    stage: () =>
      staged(
        {
          intercept: (req, res) => req.headers.origin === ORIGIN && req.method !== 'OPTIONS' && always(403)(req, res),
        },
        '/sse',
        { origin: ORIGIN },
      ),
  },
  'a foreign Host over SSE': {
    hop: 'host',
    verdict: 'warn',
    tells: /a foreign Host is accepted: HTTP 200.*DNS rebinding/,
    stage: () => staged({ isGuarded: false }),
  },
  'a foreign Host over Streamable HTTP': {
    hop: 'host',
    verdict: 'warn',
    tells: /a foreign Host is accepted: HTTP 200.*DNS rebinding/,
    stage: () => staged({ isGuarded: false }, '/mcp'),
  },
};

const WAY: readonly Hop[] = [
  'dns',
  'ssh',
  'proxy',
  'tcp',
  'tls',
  'http',
  'challenge',
  'stream',
  'endpoint',
  'post',
  'initialize',
];

/** Findings that come with another and are no trouble of their own. */
const companions = (found: readonly Finding[], hop: Hop): readonly Finding[] =>
  hop === 'metadata' ? found.filter((finding) => finding.hop !== 'challenge') : found;

describe('what is wrong is said at its hop, with what to do', () => {
  it.each(Object.entries(ROWS))('%s', async (_name, { hop, verdict = 'fail', tells, stage }) => {
    const { url, options } = await stage();
    const found = await walked(url, options);
    const troubles = companions(found, hop).filter(
      (finding) => finding.verdict === 'fail' || finding.verdict === 'warn',
    );
    expect(troubles.map((finding) => `${finding.hop} ${finding.verdict}`)).toEqual([`${hop} ${verdict}`]);
    expect(`${troubles[0]?.said} | ${troubles[0]?.remedy}`).toMatch(tells);
    for (const { said, remedy } of troubles) {
      expect(said).not.toMatch(/[\r\n]/);
      expect(remedy).toBeTruthy();
    }
    if (verdict === 'fail' && !['machine', 'dns', 'proxy'].includes(hop)) expect(troubles[0]?.curl).toBeTruthy();
    // What depends on it was not looked at.
    if (verdict === 'fail' && WAY.includes(hop)) {
      const after = found.slice(found.indexOf(troubles[0]!) + 1);
      expect(after.filter((finding) => finding.hop !== hop && WAY.includes(finding.hop))).toEqual([]);
    }
  });
});
