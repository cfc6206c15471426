import { dial } from '../upstream/dial/dialer.ts';
import { TlsTrust } from '../upstream/dial/tls-trust.ts';
import type { Walk } from './walk-state.ts';

const MAX_HEAD_BYTES = 64 * 1024;

/**
 * The head of a response as it came, for those that the strict reader does not take: of the event stream, of a POST, or
 * for `none` of a path that is not there. Empty where none comes.
 */
export async function readRawHead(walk: Walk, kind: 'sse' | 'http' | 'none'): Promise<string> {
  const { host, port, isTls, proxy, family, timeoutMs, options, url } = walk;
  let head = '';
  let hear = (): void => {};
  const heard = new Promise<void>((fulfil) => {
    hear = fulfil;
  });
  const take = (chunk: Buffer): void => {
    head += chunk.toString('latin1');
    if (head.includes('\r\n\r\n') || head.length > MAX_HEAD_BYTES) hear();
  };
  const trust = new TlsTrust(options.tls);
  const how = { family, connectTimeoutMs: timeoutMs, proxy, dialTo: options.dialTo, trust };
  const socket = await dial({ host, port, isTls }, how, walk.signal, take);
  socket.on('close', hear).on('error', hear);
  const method = kind === 'http' ? 'POST' : 'GET';
  const path = kind === 'none' ? '/drawbridge-check' : walk.path;
  const prefix = proxy !== undefined && !isTls ? url.origin : '';
  const length = kind === 'http' ? 'Content-Type: application/json\r\nContent-Length: 2\r\n' : '';
  const accept = kind === 'sse' ? 'text/event-stream' : 'application/json, text/event-stream';
  socket.write(
    `${method} ${prefix}${path} HTTP/1.1\r\nHost: ${options.hostHeader ?? url.host}\r\nAccept: ${accept}\r\nConnection: close\r\n${length}${walk.ownHeaders}\r\n${kind === 'http' ? '{}' : ''}`,
    'latin1',
  );
  try {
    await walk.within(heard, 'the head of a response', Math.min(timeoutMs, 2000));
  } finally {
    socket.destroy();
  }
  const end = head.indexOf('\r\n\r\n');
  return end === -1 ? head : head.slice(0, end);
}
