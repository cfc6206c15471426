import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long the rest of a refused request is read, and thrown away, before its connection is closed. */
const LINGER_MS = 2000;
/** How much of it. */
const LINGER_BYTES = 16 * 1024 * 1024;

/**
 * Ends a response after which the connection is closed; the head has been written, with the length of the body in it.
 * Where the request is still coming the connection stays until that is over, within bounds: a close would reset it, and
 * whoever sends before it reads, as proxies do, would lose the answer that is on its way (RFC 9112 §9.6).
 */
export function endWithLastAnswer(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  // Each request of HTTP/2 is a stream of its own, which is ended without the connection.
  if (req.complete || req.destroyed || req.httpVersionMajor !== 1) {
    res.end(body);
    return;
  }
  res.write(body);
  let bytes = 0;
  const timer = setTimeout(end, LINGER_MS);
  timer.unref();
  function end(): void {
    clearTimeout(timer);
    if (!res.writableEnded) res.end();
  }
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) end();
  });
  req.on('end', end).on('error', end).on('close', end);
}
