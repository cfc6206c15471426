/**
 * T01 old TLS and weak ciphers; T03 plaintext and noise to the TLS port, TLS to the plaintext port; T04 server names
 * that are odd. None may crash the listener, and all that is refused is closed. The openssl client is one that is not
 * Node's own.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listener, listen } from '../../src/gateway/listener/listener.ts';
import { silentLogger } from '../../src/log.ts';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { within } from '../parts/deadline.ts';
import { exchange } from '../parts/watched-socket.ts';

let certificates: Certificates;
let secure: Listener;
let strict: Listener;
let plain: Listener;
beforeAll(async () => {
  certificates = makeCertificates();
  const files = { tlsCert: certificates.server.certFile, tlsKey: certificates.server.keyFile };
  const start = (options: object): Promise<Listener> =>
    listen((_req, res) => void res.end('ok'), { port: 0, logger: silentLogger, ...options });
  [secure, strict, plain] = [await start(files), await start({ ...files, tlsMinVersion: '1.3' }), await start({})];
});
afterAll(async () => {
  await Promise.all([secure.close(), strict.close(), plain.close()]);
  certificates.remove();
});

async function handshakes(port: number, args: readonly string[]): Promise<boolean> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args], { stdio: 'pipe' });
  child.stdin.on('error', () => {});
  child.stdin.end();
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await within(10_000, 'openssl ends', new Promise((fulfil) => child.on('close', fulfil)));
  return /Cipher is (?!\(NONE\))\S+/.test(text);
}

const lives = (listener: Listener): Promise<boolean> => handshakes(listener.port, []);

describe('openssl s_client', () => {
  it.each([
    [['-tls1_2'], true, false],
    [['-tls1_3'], true, true],
    [['-tls1'], false, false],
    [['-tls1_1'], false, false],
    [['-tls1_2', '-cipher', 'AES128-GCM-SHA256'], false, false],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA'], false, false],
    [['-tls1_2', '-cipher', 'aNULL:eNULL:@SECLEVEL=0'], false, false],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-GCM-SHA384'], true, false],
  ] as const)('%j', async (args, bySecure, byStrict) => {
    expect(await handshakes(secure.port, args)).toBe(bySecure);
    expect(await handshakes(strict.port, args)).toBe(byStrict);
  });
});

describe('bytes that are not what the port speaks', () => {
  it.each([
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['64 kB of noise', randomBytes(65_536)],
  ])('%s closes a TLS connection', async (_name, bytes) => {
    expect(await exchange(secure.port, bytes)).not.toContain('HTTP/1.1');
    expect(await lives(secure)).toBe(true);
  });

  it('TLS, noise and the start of HTTP/2 on the plain port are answered with 400 and closed', async () => {
    const hello = Buffer.from('16030100c8010000c40303', 'hex');
    for (const bytes of [hello, randomBytes(65_536), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET /mcp HTTP/2.0\r\n\r\n']) {
      const text = await exchange(plain.port, bytes);
      expect(text).toMatch(/^(HTTP\/1\.1 400 |$)/);
    }
    const text = await exchange(plain.port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(text).toContain('200 OK');
  });

  it('a head of more than 16 KiB is answered with 431 and one JSON body', async () => {
    const text = await exchange(plain.port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ jsonrpc: '2.0', id: null });
  });
});

it.each([
  'mcp.test',
  'MCP.TEST',
  'unknown.test',
  `${'a'.repeat(63)}.${'b'.repeat(63)}.test`,
  'nul\0.test',
])('a server name %j changes nothing, and harms nothing', async (servername) => {
  await within(
    5000,
    'a handshake or its end',
    new Promise<void>((fulfil) => {
      const options = { port: secure.port, host: '127.0.0.1', ca: certificates.ca.cert, servername };
      const socket = connectTls({ ...options, checkServerIdentity: () => undefined }, () => socket.end());
      socket.on('error', () => {});
      socket.on('close', () => fulfil());
    }),
  );
  expect(await lives(secure)).toBe(true);
});
