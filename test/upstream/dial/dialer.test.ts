import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type DialOptions, dial } from '../../../src/upstream/dial/dialer.ts';
import { isLoopback } from '../../../src/upstream/dial/loopback.ts';
import { within } from '../../parts/deadline.ts';
import { rejectionOf } from '../../parts/memory-transport.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
const never = new AbortController().signal;
const ipv4: DialOptions = { family: '4', connectTimeoutMs: 2000 };

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((fulfil) => server.close(fulfil));
});

async function listen(address: string): Promise<number> {
  const server = createServer((socket) => sockets.push(socket.on('error', () => {})));
  await new Promise<void>((fulfil, reject) => server.once('error', reject).listen(0, address, fulfil));
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

/** A port of 127.0.0.1 on which nobody listens. */
async function freePort(): Promise<number> {
  const port = await listen('127.0.0.1');
  await new Promise((fulfil) => servers.pop()?.close(fulfil));
  return port;
}

async function connected(host: string, port: number, options: DialOptions = ipv4): Promise<string | undefined> {
  const socket = await within(3000, `a connection to ${host}`, dial({ host, port, isTls: false }, options, never));
  sockets.push(socket);
  return socket.remoteAddress;
}

describe('the names of this machine', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    'a.localhost',
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '[::1]',
    '::ffff:127.0.0.1',
  ])('include %s', (host) => expect(isLoopback(host)).toBe(true));

  it.each([
    'localhost.evil.test',
    '127.0.0.1.evil.test',
    'evillocalhost',
    '0.0.0.0',
    '128.0.0.1',
    '::2',
    '',
    '127.evil',
    '::ffff:10.0.0.1',
  ])('do not include %j', (host) => expect(isLoopback(host)).toBe(false));
});

describe('dialling', () => {
  it('takes localhost and every name under it for 127.0.0.1', async () => {
    const port = await listen('127.0.0.1');
    for (const host of ['localhost', 'LocalHost', 'db.localhost', '127.0.0.1']) {
      expect(await connected(host, port)).toBe('127.0.0.1');
    }
  });

  it('takes localhost for ::1 when IPv6 is asked for', async ({ skip }) => {
    const port = await listen('::1').catch(() => skip('this machine has no IPv6'));
    expect(await connected('localhost', port, { ...ipv4, family: '6' })).toBe('::1');
    expect(await connected('::1', port)).toBe('::1');
  });

  it('goes on to the next address when the first does not answer', async ({ skip }) => {
    const port = await listen('::1').catch(() => skip('this machine has no IPv6'));
    expect(await connected('localhost', port, { ...ipv4, family: 'any' })).toBe('::1');
  });

  it('names the address, its family and the cause when nobody listens', async () => {
    const port = await freePort();
    expect(await rejectionOf(dial({ host: 'localhost', port, isTls: false }, ipv4, never))).toMatchObject({
      code: 'upstream_unreachable',
      message: `cannot reach localhost:${port}`,
      why: `ECONNREFUSED 127.0.0.1:${port} (IPv4)`,
      mayHaveRun: false,
    });
  });

  it('names every address that was tried', async () => {
    const port = await freePort();
    const { why } = await rejectionOf(
      dial({ host: 'localhost', port, isTls: false }, { ...ipv4, family: 'any' }, never),
    );
    expect(why).toMatch(
      new RegExp(`^ECONNREFUSED 127\\.0\\.0\\.1:${port} \\(IPv4\\); E\\w+ \\[::1\\]:${port} \\(IPv6\\)$`),
    );
  });

  it('says that a name does not resolve', async () => {
    const host = 'no-such-host.invalid';
    const error = await within(15_000, 'the look-up', rejectionOf(dial({ host, port: 80, isTls: false }, ipv4, never)));
    expect(error).toMatchObject({ code: 'upstream_unreachable', message: `cannot reach ${host}:80` });
    expect(error.why).toMatch(/^(ENOTFOUND|EAI_AGAIN) looking up no-such-host\.invalid$/);
    expect(error.hint).toMatch(/^Is the host name right\?|^The name server did not answer/);
  });

  it('gives up on a server that never finishes the TLS handshake', async () => {
    const port = await listen('127.0.0.1');
    const target = { host: '127.0.0.1', port, isTls: true };
    expect(await rejectionOf(dial(target, { family: '4', connectTimeoutMs: 50 }, never))).toMatchObject({
      code: 'upstream_unreachable',
      why: `ETIMEDOUT 127.0.0.1:${port} (IPv4)`,
    });
  });

  it('says what is wrong when a server of plain HTTP is dialled as https', async () => {
    const port = await listen('127.0.0.1');
    servers[0]!.on('connection', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const error = await rejectionOf(dial({ host: '127.0.0.1', port, isTls: true }, ipv4, never));
    expect(error.code).toBe('upstream_unreachable');
    expect(error.why).toMatch(/^(ERR_SSL_\w+|EPROTO|ECONNRESET) 127\.0\.0\.1:\d+ \(IPv4\)$/);
  });

  it('ends when it is called off, before and while it is under way', async () => {
    const port = await listen('127.0.0.1');
    const target = { host: '127.0.0.1', port, isTls: true };
    const early = await rejectionOf(dial(target, ipv4, AbortSignal.abort()));
    const controller = new AbortController();
    const under = rejectionOf(dial(target, ipv4, controller.signal));
    servers[0]!.once('connection', () => controller.abort());
    for (const error of [early, await within(2000, 'the end', under)]) {
      expect(error).toMatchObject({ code: 'upstream_unreachable', why: 'given up' });
    }
  });
});
