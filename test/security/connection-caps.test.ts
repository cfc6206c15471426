/**
 * Connections cost memory and descriptors before anybody is known: they are counted when they are accepted, before TLS,
 * in all and by address, and given back when they close. T02: 500 handshakes that stall are closed in time and keep
 * nobody else waiting. X01: a head that never ends is answered with 408 in 15 s. X08: a process that has no descriptors
 * left goes on.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, describe, expect, it } from 'vitest';
import { addressBlockOf } from '../../src/gateway/listener/connection-caps.ts';
import { type Listener, listen } from '../../src/gateway/listener/listener.ts';
import type { ListenerOptions } from '../../src/gateway/listener/listener-options.ts';
import { silentLogger } from '../../src/log.ts';
import { makeCertificates } from '../parts/certificates.ts';
import { until, within } from '../parts/deadline.ts';
import { send } from '../parts/raw-http.ts';
import { BIN } from '../parts/run-cli.ts';
import { openRaw } from '../parts/watched-socket.ts';

const listeners: Listener[] = [];
afterAll(() => Promise.all(listeners.map((listener) => listener.close())));
async function start(options: Partial<ListenerOptions>): Promise<Listener> {
  const listener = await listen((_req, res) => void res.end('ok'), { port: 0, logger: silentLogger, ...options });
  listeners.push(listener);
  return listener;
}

describe('connections over the cap', () => {
  it.each([
    { maxConnections: 3 },
    { maxConnectionsPerAddress: 3 },
  ])('%j: are closed, until others have gone', async (caps) => {
    const { port, url } = await start(caps);
    const held = [await openRaw(port), await openRaw(port), await openRaw(port)];
    const fourth = await openRaw(port);
    expect(await within(2000, 'the fourth is closed', fourth.closed)).toBe('');
    for (const { socket } of held) socket.destroy();
    await until(
      'there is room again',
      async () => (await send(url, { path: '/' }).catch(() => undefined))?.status === 200,
    );
  });

  it('are counted before TLS', async () => {
    const certificates = makeCertificates();
    const { certFile, keyFile } = certificates.server;
    const { port } = await start({ tlsCert: certFile, tlsKey: keyFile, maxConnectionsPerAddress: 2 });
    const held = [await openRaw(port), await openRaw(port)];
    expect(await within(2000, 'the third is closed', (await openRaw(port)).closed)).toBe('');
    for (const { socket } of held) socket.destroy();
    certificates.remove();
  });

  it('of an address are not counted where it is a trusted proxy, which brings many clients', async () => {
    const { port, url } = await start({ maxConnectionsPerAddress: 3, trustProxies: ['127.0.0.1'] });
    const held = await Promise.all(Array.from({ length: 10 }, () => openRaw(port)));
    expect((await send(url, { path: '/' })).status).toBe(200);
    for (const { socket } of held) socket.destroy();
  });

  it('are counted by IPv4 address and by IPv6 network', () => {
    expect(addressBlockOf('::ffff:192.0.2.1')).toBe(addressBlockOf('192.0.2.1'));
    expect(addressBlockOf('2001:db8:0:1::1')).toBe(addressBlockOf('2001:db8:0:1:ffff:ffff:ffff:ffff'));
    expect(addressBlockOf('2001:db8:0:1::1')).not.toBe(addressBlockOf('2001:db8:0:2::1'));
    expect(addressBlockOf('::1')).toBe('0:0:0:0::/64');
    expect(addressBlockOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  });
});

it.concurrent('500 handshakes that stall are closed within 15 s, and a 501st client is served at once (T02)', {
  timeout: 40_000,
}, async () => {
  const certificates = makeCertificates();
  const { certFile, keyFile } = certificates.server;
  const { port } = await start({ tlsCert: certFile, tlsKey: keyFile, maxConnectionsPerAddress: 1000 });
  const since = performance.now();
  const stalled = await Promise.all(Array.from({ length: 500 }, () => openRaw(port)));
  const { request } = await import('node:https');
  const [response] = await within(
    5000,
    'an answer, long before the stalled ones are closed',
    once(request({ port, host: '127.0.0.1', ca: certificates.ca.cert, agent: false }).end(), 'response'),
  );
  expect(response.statusCode).toBe(200);
  await within(15_000, 'all are closed', Promise.all(stalled.map(({ closed }) => closed)));
  expect(performance.now() - since).toBeLessThan(15_500);
  certificates.remove();
});

it.concurrent('a head that never ends is answered with 408 within 16 s (X01)', { timeout: 30_000 }, async () => {
  const { port } = await start({});
  const raw = await openRaw(port);
  raw.socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  const text = await within(16_500, 'the connection is closed', raw.closed);
  expect(text).toMatch(/^HTTP\/1\.1 408 /);
  expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ error: { data: { reason: 'body_timeout' } } });
});

it('a process without free descriptors goes on, and serves again when there are some (X08)', async () => {
  const args = [BIN, 'gateway', '--upstream', 'http://127.0.0.1:9/sse', '--port', '0'];
  const child = spawn('prlimit', ['--nofile=64', process.execPath, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  await until('it listens', () => /listening on http:\S+,/.test(log), 15_000);
  const origin = /listening on (http:[^\s,]+)/.exec(log)?.[1] ?? '';
  const sockets = await Promise.all(Array.from({ length: 150 }, () => openRaw(Number(new URL(origin).port))));
  await until('some are refused', () => sockets.some(({ socket }) => socket.closed || socket.destroyed));
  for (const { socket } of sockets) socket.destroy();
  await until(
    'it serves again',
    async () => (await send(origin, { path: '/health' }).catch(() => undefined))?.status === 200,
  );
  expect(child.exitCode).toBe(null);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await within(8000, 'it ends', exited);
});
