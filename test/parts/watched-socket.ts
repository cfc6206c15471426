/** Bytes on a socket of their own, and all that comes back until it closes. */
import { connect as connectTcp, type Socket } from 'node:net';
import { within } from './deadline.ts';

export interface RawSocket {
  readonly socket: Socket;
  /** Settles when the other side has closed, with all that it sent. */
  readonly closed: Promise<string>;
  text(): string;
}

export function watchSocket(socket: Socket): RawSocket {
  let text = '';
  const closed = new Promise<string>((fulfil) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => fulfil(text));
  });
  return { socket, closed, text: () => text };
}

export async function openRaw(port: number): Promise<RawSocket> {
  const raw = watchSocket(connectTcp(port, '127.0.0.1'));
  await within(5000, 'a connection', new Promise((fulfil) => raw.socket.once('connect', fulfil)));
  return raw;
}

/** Sends the bytes, and settles with what came back when the other side has closed. */
export async function exchange(port: number, bytes: string | Buffer, ms = 5000): Promise<string> {
  const raw = await openRaw(port);
  raw.socket.write(bytes);
  return within(ms, 'the other side closes', raw.closed);
}
