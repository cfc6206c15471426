import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until, within } from './deadline.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

let server: Server;
let accepted: Socket[];
let heard: Buffer[];
let proxy: FaultProxy;

beforeEach(async () => {
  accepted = [];
  heard = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('data', (chunk) => heard.push(chunk));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startFaultProxy((server.address() as AddressInfo).port);
});
afterEach(async () => {
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  await new Promise((fulfil) => server.close(fulfil));
});

interface Dialled {
  readonly socket: Socket;
  text(): string;
  /** How it ended: with an errno, in good order, or not at all. */
  ending(): string | undefined;
}

async function dial(): Promise<Dialled> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let ending: string | undefined;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('end', () => (ending ??= 'end'));
  socket.on('error', (error: NodeJS.ErrnoException) => (ending ??= error.code ?? 'error'));
  await within(2000, 'a connection', once(socket, 'connect'));
  return { socket, text: () => text, ending: () => ending };
}

async function dialThrough(): Promise<Dialled & { readonly far: Socket }> {
  const count = accepted.length;
  const dialled = await dial();
  await until('the connection arrives', () => accepted.length > count);
  return { ...dialled, far: accepted[count]! };
}

const heardText = (): string => Buffer.concat(heard).toString();

describe('the fault proxy', () => {
  it('forwards bytes and ends both ways', async () => {
    const { socket, far, text, ending } = await dialThrough();
    socket.write('hello');
    await until('the bytes up', () => heardText() === 'hello');
    far.write('there');
    await until('the bytes down', () => text() === 'there');
    far.end();
    await until('the end', () => ending() === 'end');
    socket.end();
    await until('nothing is open', () => proxy.connectionCount === 0);
  });

  it('gives each byte by itself, in order', async () => {
    proxy.faults.bytewise = true;
    const { socket } = await dialThrough();
    socket.write('abcdefgh');
    await until('all bytes', () => heardText() === 'abcdefgh');
    expect(heard.length).toBeGreaterThan(1);
  });

  it('holds each piece for as long as it was told', async () => {
    proxy.faults.latencyMs = 80;
    const { socket } = await dialThrough();
    const startedAt = performance.now();
    socket.write('late');
    await until('the bytes', () => heardText() === 'late');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(75);
  });

  it.each(['fin', 'rst'] as const)('cuts by %s after exactly so many bytes, down', async (how) => {
    proxy.faults.cutAfter = { direction: 'down', bytes: 3, how };
    const { far, text, ending } = await dialThrough();
    far.write('abcdef');
    await until('the cut', () => ending() !== undefined);
    if (how === 'fin') expect([text(), ending()]).toEqual(['abc', 'end']);
    else expect(ending()).toBe('ECONNRESET');
    await until('nothing is open', () => proxy.connectionCount === 0);
  });

  it('cuts after so many bytes up, which arrive', async () => {
    proxy.faults.cutAfter = { direction: 'up', bytes: 2, how: 'fin' };
    const { socket, far } = await dialThrough();
    socket.write('xyz');
    await within(2000, 'the far end sees the end', once(far, 'end'));
    expect(heardText()).toBe('xy');
  });

  it('cuts what is open on demand, the newest alone too', async () => {
    const first = await dialThrough();
    const second = await dialThrough();
    proxy.cut('rst', 'newest');
    await until('the newest is cut', () => second.ending() === 'ECONNRESET');
    expect(first.ending()).toBeUndefined();
    proxy.cut('fin');
    await until('the other is cut', () => first.ending() === 'end');
  });

  it('goes silent and keeps both sockets', async () => {
    const { socket, far, text, ending } = await dialThrough();
    proxy.stall();
    socket.write('lost');
    far.write('lost');
    far.end();
    const other = await dialThrough();
    other.socket.write('heard');
    await until('another connection is forwarded', () => heardText() === 'heard');
    expect([text(), ending(), proxy.connectionCount]).toEqual(['', undefined, 2]);
  });

  it('reads nothing while it is paused, and all of it afterwards', async () => {
    const { socket } = await dialThrough();
    proxy.pause();
    socket.write(Buffer.alloc(16 * 1024 * 1024));
    await until('the writer feels it', () => socket.writableLength > 0);
    expect(heard).toEqual([]);
    proxy.resume();
    await until('everything', () => heard.reduce((sum, { length }) => sum + length, 0) === 16 * 1024 * 1024);
  });

  it('adds bytes that nobody sent', async () => {
    const { text } = await dialThrough();
    proxy.inject('down', 'forged');
    await until('the bytes down', () => text() === 'forged');
    proxy.inject('up', 'forged too');
    await until('the bytes up', () => heardText() === 'forged too');
  });

  it('refuses for a while on the same port, and goes to another target when it is told', async () => {
    const { port } = proxy;
    proxy.refuse();
    await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const other = createServer((socket) => socket.on('error', () => {}).end('other'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    proxy.target((other.address() as AddressInfo).port);
    await proxy.accept();
    expect(proxy.port).toBe(port);
    const { text } = await dial();
    await until('the other target', () => text() === 'other');
    other.close();
  });
});
