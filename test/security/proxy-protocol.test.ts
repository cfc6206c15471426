/**
 * A PROXY line says who the client is, so whoever may send one can be anybody: only trusted proxies may, all of their
 * connections must, and nothing else gets in. What it says must be seen by all that comes after, inside TLS too. A neighbour of I04.
 */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type Listener, listen } from '../../src/gateway/listener/listener.ts';
import type { ListenerOptions } from '../../src/gateway/listener/listener-options.ts';
import { peerAddressOf } from '../../src/gateway/listener/peer-address.ts';
import { readProxyHeader } from '../../src/gateway/listener/proxy-protocol.ts';
import { silentLogger } from '../../src/log.ts';
import { makeCertificates } from '../parts/certificates.ts';
import { within } from '../parts/deadline.ts';
import { exchange, openRaw, watchSocket } from '../parts/watched-socket.ts';

let listener: Listener | undefined;
afterEach(() => listener?.close());
async function start(options: Partial<ListenerOptions> = {}): Promise<Listener> {
  listener = await listen((req, res) => void res.end(`<${peerAddressOf(req.socket)} ${req.socket.localPort}>`), {
    port: 0,
    logger: silentLogger,
    proxyProtocol: true,
    trustProxies: ['127.0.0.0/8'],
    ...options,
  });
  return listener;
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n';

function v2(command: number, family: number, body: Buffer): Buffer {
  const head = Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    Buffer.from([0x20 | command, family, 0, 0]),
  ]);
  head.writeUInt16BE(body.length, 14);
  return Buffer.concat([head, body]);
}
const V2_IPV4 = v2(1, 0x11, Buffer.from([192, 0, 2, 8, 198, 51, 100, 1, 0xc3, 0x50, 0x01, 0xbb]));
const V2_IPV6 = v2(1, 0x21, Buffer.from(`20010db8${'0'.repeat(23)}9${'0'.repeat(32)}c35001bb`, 'hex'));

describe('a line of a trusted proxy', () => {
  it.each([
    ['version 1', Buffer.from(V1), '<192.0.2.7 443>'],
    ['version 1 over IPv6', Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 50000 443\r\n'), '<2001:db8::7 443>'],
    ['version 2', V2_IPV4, '<192.0.2.8 443>'],
    ['version 2 over IPv6', V2_IPV6, '<2001:db8::9 443>'],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), '<127.0.0.1 '],
    ['LOCAL', v2(0, 0, Buffer.alloc(0)), '<127.0.0.1 '],
  ])('%s says who the client is', async (_name, line, shown) => {
    const { port } = await start();
    expect(await exchange(port, Buffer.concat([line, Buffer.from(REQUEST)]))).toContain(shown);
  });

  it('may come one byte at a time', async () => {
    const { port } = await start();
    const raw = await openRaw(port);
    for (const byte of V2_IPV4) {
      raw.socket.write(Buffer.from([byte]));
      await new Promise((fulfil) => setImmediate(fulfil));
    }
    raw.socket.write(REQUEST);
    expect(await within(5000, 'an answer', raw.closed)).toContain('<192.0.2.8 443>');
  });

  it('is seen inside TLS', async () => {
    const certificates = makeCertificates();
    const { certFile, keyFile } = certificates.server;
    const { port } = await start({ tlsCert: certFile, tlsKey: keyFile });
    const socket = connectTcp(port, '127.0.0.1');
    socket.write(V1);
    const raw = watchSocket(connectTls({ socket, ca: certificates.ca.cert, servername: 'localhost' }));
    raw.socket.write(REQUEST);
    expect(await within(5000, 'an answer', raw.closed)).toContain('<192.0.2.7 443>');
    certificates.remove();
  });
});

describe('what is refused', () => {
  it.each([
    ['no line', REQUEST],
    ['a line that is too long', `PROXY UNKNOWN ${'x'.repeat(200)}\r\n${REQUEST}`],
    ['an address that is none', `PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n${REQUEST}`],
    ['an address of the other family', `PROXY TCP4 ::1 ::1 1 2\r\n${REQUEST}`],
    ['a port beyond 65535', `PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n${REQUEST}`],
    ['a version 3', Buffer.from(V2_IPV4.map((byte, index) => (index === 12 ? 0x31 : byte)))],
    ['a length that is too short', v2(1, 0x11, Buffer.alloc(4))],
    ['a length beyond the bound', v2(1, 0x11, Buffer.alloc(4000))],
    ['UDP', v2(1, 0x12, Buffer.alloc(12))],
  ])('%s', async (_name, bytes) => {
    const { port } = await start();
    expect(await exchange(port, bytes)).toBe('');
  });

  it('a peer that is no trusted proxy', async () => {
    const { port } = await start({ trustProxies: ['10.0.0.0/8'] });
    expect(await exchange(port, V1 + REQUEST)).toBe('');
  });

  it('a line that does not come within 3 s', async () => {
    const { port } = await start();
    expect(await exchange(port, 'PROXY TCP4 192.0', 4500)).toBe('');
  });

  it('a line where none is taken', async () => {
    const { port } = await start({ proxyProtocol: false });
    expect(await exchange(port, V1 + REQUEST)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

it('clients behind one proxy are counted each by their own address', async () => {
  const { port } = await start({ maxConnectionsPerAddress: 1 });
  const held = await openRaw(port);
  held.socket.write(V1);
  const other = await exchange(port, Buffer.concat([V2_IPV4, Buffer.from(REQUEST)]));
  expect(other).toContain('<192.0.2.8 443>');
  expect(await exchange(port, V1 + REQUEST)).toBe('');
  held.socket.destroy();
});

it('every beginning of a header is incomplete, and no byte more is taken than it has', () => {
  for (const header of [Buffer.from(V1), V2_IPV4, V2_IPV6]) {
    for (let length = 0; length < header.length; length++)
      expect(readProxyHeader(header.subarray(0, length))).toBe('incomplete');
    expect(readProxyHeader(Buffer.concat([header, Buffer.from('more')]))).toMatchObject({ bytes: header.length });
  }
});
