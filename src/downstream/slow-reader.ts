import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Settles when the reader of a response has taken what was written, or is gone. A reader that takes nothing for
 * `stallTimeoutMs` is cut off; one that takes a little at a time is not, because the timeout is that of its socket: Node
 * looks at its end how much is still to be sent, and starts it anew where that has become less. What left at the very
 * start counts too, so the cut comes after one to two times `stallTimeoutMs`.
 */
export function waitForReader(
  response: ServerResponse,
  draining: ServerResponse | Socket,
  stallTimeoutMs: number,
): Promise<void> {
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
      fulfil();
    };
    socket.setTimeout(stallTimeoutMs);
    socket.on('timeout', cut);
    draining.on('drain', settle);
    response.on('close', settle);
  });
}
