import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Settles when the reader of a response has taken what was written, or is gone. A reader that takes nothing for
 * `stallTimeoutMs` is cut off; one that takes a little at a time is not, because the timeout is that of its socket: Node
 * looks at its end how much is still to be sent, and starts it anew where that has become less. What left at the very
 * start counts too, so the cut comes after one to two times `stallTimeoutMs`. What the reader sends would start it anew
 * as well, so nothing of that is read meanwhile.
 */
export function waitForReader(
  response: ServerResponse,
  draining: ServerResponse | Socket,
  stallTimeoutMs: number,
): Promise<void> {
  if ('stream' in response) return waitForStreamReader(response, stallTimeoutMs);
  const { socket } = response.req;
  const earlierMs = socket.timeout ?? 0;
  return new Promise((fulfil) => {
    const cut = (): void => void response.destroy();
    const settle = (): void => {
      // A response that has ended meanwhile has left the socket with the timeout for its next request.
      if (socket.timeout === stallTimeoutMs) socket.setTimeout(earlierMs);
      socket.off('timeout', cut);
      draining.off('drain', settle);
      response.off('close', settle);
      socket.resume();
      fulfil();
    };
    socket.pause();
    socket.setTimeout(stallTimeoutMs);
    socket.on('timeout', cut);
    draining.on('drain', settle);
    response.on('close', settle);
  });
}

/** So much may wait a second longer than the rest: Node does not tell how much of one write a stream's reader has taken. */
const BYTES_A_SECOND = 64 * 1024;

/** The same over HTTP/2, where one connection carries many readers and its timeout is that of none of them. */
function waitForStreamReader(response: ServerResponse, stallTimeoutMs: number): Promise<void> {
  return new Promise((fulfil) => {
    let left = response.writableLength;
    const watch = (): NodeJS.Timeout =>
      setTimeout(
        () => {
          if (response.writableLength >= left) response.destroy();
          left = response.writableLength;
          timer = watch();
        },
        stallTimeoutMs + (left / BYTES_A_SECOND) * 1000,
      ).unref();
    const settle = (): void => {
      clearTimeout(timer);
      response.off('drain', settle).off('close', settle);
      fulfil();
    };
    let timer = watch();
    response.on('drain', settle).on('close', settle);
  });
}
