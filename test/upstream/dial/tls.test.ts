import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createTcpServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TlsOptions } from '../../../src/upstream/dial/tls-trust.ts';
import { HttpClient, type HttpClientOptions } from '../../../src/upstream/http/http-client.ts';
import { type Certificates, type Identity, makeCertificates } from '../../parts/certificates.ts';
import { until } from '../../parts/deadline.ts';
import { json, type RawServer, startRawServer } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';
import { startTlsFront, type TlsFront } from '../../parts/tls-front.ts';

let certificates: Certificates;
let server: RawServer;
const fronts: TlsFront[] = [];
const listeners: Server[] = [];
const clients: HttpClient[] = [];
const ends: (() => void)[] = [];

beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());
beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const end of ends.splice(0)) end();
  await Promise.all(fronts.splice(0).map((front) => front.close()));
  await Promise.all(listeners.splice(0).map((each) => new Promise((fulfil) => each.close(fulfil))));
  await server.close();
});

async function startFront(identity: Identity): Promise<TlsFront> {
  const front = await startTlsFront(server.port, { cert: identity.cert, key: identity.key });
  fronts.push(front);
  return front;
}

const trusted = (): TlsOptions => ({ ca: [certificates.ca.cert] });

function get(url: string, options: Partial<HttpClientOptions> = {}): ResponseRecorder {
  const client = new HttpClient({
    url: new URL(url),
    family: '4',
    connectTimeoutMs: 2000,
    tls: trusted(),
    ...options,
  });
  clients.push(client);
  const sink = new ResponseRecorder();
  client.request({ method: 'GET', path: '/', headers: '', timeoutMs: 0 }, sink);
  return sink;
}

/** A server of openssl, which tells clients in TLS that it refuses them; Node's own only closes. Answers any GET. */
async function startOpenssl(args: readonly string[]): Promise<number> {
  const { ca, server: own } = certificates;
  const child = spawn(
    'openssl',
    [
      's_server',
      '-accept',
      '127.0.0.1:0',
      '-www',
      '-cert',
      own.certFile,
      '-key',
      own.keyFile,
      '-CAfile',
      ca.certFile,
      ...args,
    ],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  ends.push(() => child.kill());
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await until('openssl to listen', () => /ACCEPT [\d.]+:\d+/.test(text));
  return Number(/ACCEPT [\d.]+:(\d+)/.exec(text)?.[1]);
}

describe('a server of https', () => {
  it.each(['127.0.0.1', 'localhost'])('is reached as %s where its authority is given', async (host) => {
    const { port } = await startFront(certificates.server);
    const sink = get(`https://${host}:${port}/`);
    await (await server.next('GET /')).reply(json('hello'));
    expect((await sink.over()).body).toBe('hello');
  });

  it('is reached where its authority is one of several in one file', async () => {
    const { port } = await startFront(certificates.server);
    const { ca, strangerClient } = certificates;
    const sink = get(`https://127.0.0.1:${port}/`, {
      tls: { ca: [`# theirs\n${strangerClient.cert}\n# ours\n${ca.cert.replaceAll('\n', '\r\n')}`] },
    });
    await (await server.next('GET /')).reply(json('hello'));
    expect((await sink.over()).body).toBe('hello');
  });

  it('is asked for by the name in the URL, wherever the connection leads', async () => {
    const front = await startFront(certificates.server);
    const dialTo = (): Promise<{ host: string; port: number }> =>
      Promise.resolve({ host: '127.0.0.1', port: front.port });
    const sink = get('https://mcp.test/', { dialTo });
    await (await server.next('GET /')).reply(json('hello'));
    expect((await sink.over()).body).toBe('hello');
    expect(front.serverNames).toEqual(['mcp.test']);
  });

  it('that wants a client certificate gets it', async () => {
    const port = await startOpenssl(['-Verify', '1', '-verify_return_error']);
    const { ca, client } = certificates;
    const sink = get(`https://127.0.0.1:${port}/`, {
      tls: { ca: [ca.cert], cert: client.cert, key: client.key },
    });
    expect((await sink.over()).status).toBe(200);
  });
});

describe('a certificate that cannot be trusted', () => {
  it.each([
    [
      'is of an unknown authority',
      'server',
      { tls: {} },
      /^UNABLE_TO_VERIFY_LEAF_SIGNATURE .+ is not trusted here$/,
      /--ca or NODE_EXTRA_CA_CERTS\. Company networks/,
    ],
    ['has expired', 'expired', {}, /^CERT_HAS_EXPIRED .+, its certificate has expired$/, /renew.+clock/],
    [
      'is for other names',
      'wrongName',
      {},
      /^ERR_TLS_CERT_ALTNAME_INVALID .+, its certificate is for other\.test, 127\.0\.0\.9$/,
      /name that the certificate has/,
    ],
  ] as const)('because it %s, is said to be so', async (_what, name, options, why, hint) => {
    const { port } = await startFront(certificates[name]);
    const { error } = await get(`https://localhost:${port}/`, options).over();
    expect(error).toMatchObject({
      code: 'upstream_untrusted',
      message: `cannot reach localhost:${port}`,
      mayHaveRun: false,
    });
    expect(error?.why).toContain(` 127.0.0.1:${port} (IPv4)`);
    expect(error?.why).toMatch(why);
    expect(error?.hint).toMatch(hint);
    expect(server.requests).toEqual([]);
  });
});

describe('a client that a server does not want', () => {
  it.each([
    ['has no certificate, in TLS 1.3', ['-tls1_3'], undefined, 'CERTIFICATE_REQUIRED'],
    ['has no certificate, in TLS 1.2', ['-tls1_2'], undefined, 'HANDSHAKE_FAILURE'],
    ['has a foreign certificate, in TLS 1.3', ['-tls1_3'], 'strangerClient', 'UNKNOWN_CA'],
    ['has a foreign certificate, in TLS 1.2', ['-tls1_2'], 'strangerClient', 'UNKNOWN_CA'],
  ] as const)('because it %s, is told so', async (_what, args, name, code) => {
    const port = await startOpenssl(['-Verify', '1', '-verify_return_error', ...args]);
    const identity = name === undefined ? {} : { cert: certificates[name].cert, key: certificates[name].key };
    const { error } = await get(`https://127.0.0.1:${port}/`, { tls: { ...trusted(), ...identity } }).over();
    // The prefix differs between versions of OpenSSL.
    expect(error?.why?.replace(/^ERR_SSL_[A-Z0-9/]+_ALERT/, 'ERR_SSL_ALERT')).toBe(
      `ERR_SSL_ALERT_${code} 127.0.0.1:${port} (IPv4)`,
    );
    expect(error?.hint).toContain('--client-cert and --client-key');
    expect(error?.mayHaveRun).toBe(false);
    if (code !== 'HANDSHAKE_FAILURE') expect(error?.code).toBe('upstream_refused');
  });
});

describe('a server that speaks something else', () => {
  async function listen(answer: (write: (bytes: string | Buffer) => void) => void): Promise<number> {
    const listener = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => answer((bytes) => socket.end(bytes)));
    });
    listeners.push(listener);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return (listener.address() as { port: number }).port;
  }

  it('is HTTP where the URL says https', async () => {
    const port = await listen((write) => write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const { error } = await get(`https://127.0.0.1:${port}/`).over();
    expect(error).toMatchObject({
      code: 'upstream_unreachable',
      why: `ERR_SSL_WRONG_VERSION_NUMBER 127.0.0.1:${port} (IPv4)`,
    });
    expect(error?.hint).toContain('begin the URL with http://');
  });

  it('closes where the URL says https, as a tunnel does that leads nowhere', async () => {
    const port = await listen((write) => write(''));
    const { error } = await get(`https://127.0.0.1:${port}/`).over();
    expect(error).toMatchObject({ code: 'upstream_unreachable', why: `ECONNRESET 127.0.0.1:${port} (IPv4)` });
    expect(error?.hint).toMatch(/SSH tunnel.+http:\/\//);
  });

  it('never takes part in the handshake', async () => {
    const port = await listen(() => {});
    const { error } = await get(`https://127.0.0.1:${port}/`, { connectTimeoutMs: 50 }).over();
    expect(error).toMatchObject({ code: 'upstream_unreachable', why: `ETIMEDOUT 127.0.0.1:${port} (IPv4)` });
    expect(error?.hint).toContain('not part in TLS');
  });

  it.each([
    ['with an alert', Buffer.from([0x15, 0x03, 0x01, 0, 2, 2, 0x46]), 'upstream_invalid'],
    [
      'as nginx does',
      'HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 49\r\n\r\nThe plain HTTP request was sent to HTTPS port....',
      undefined,
    ],
  ])('is TLS where the URL says http, and says so %s', async (_how, bytes, code) => {
    const port = await listen((write) => write(bytes));
    const sink = await get(`http://127.0.0.1:${port}/`).over();
    if (code === undefined) expect(sink.status).toBe(400);
    else {
      expect(sink.error).toMatchObject({
        code,
        why: `it answered in TLS, from 127.0.0.1:${port} (IPv4)`,
        hint: 'Begin the URL with https://.',
      });
    }
  });
});

describe('certificates and keys that cannot be read', () => {
  const broken = '-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n';
  it.each([
    ['no PEM', () => ({ ca: ['nothing of the kind'] }), '--ca', 'it has no PEM certificate'],
    ['a damaged one', () => ({ ca: [certificates.ca.cert + broken] }), '--ca', 'one of its certificates is damaged'],
    [
      'a key that belongs to another',
      () => ({ cert: certificates.client.cert, key: certificates.server.key }),
      '--client-key',
      /KEY_VALUES_MISMATCH/,
    ],
    ['a key that is none', () => ({ cert: certificates.client.cert, key: 'no key' }), '--client-key', /^ERR_OSSL_/],
  ])('%s is an error of the configuration, before anything is dialled', async (_what, tls, option, why) => {
    const { error } = await get('https://127.0.0.1:9/', { tls: tls() }).over();
    expect(error?.code).toBe('config');
    expect(`${error?.message} ${error?.hint}`).toContain(option);
    if (typeof why === 'string') expect(error?.why).toBe(why);
    else expect(error?.why).toMatch(why);
  });
});
