import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { DrawbridgeError } from '../../errors.ts';
import { errorReply } from '../../message/message.ts';
import { answerExpectations } from './expectations.ts';
import { LISTENER_BOUNDS } from './listener-options.ts';

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

const STATUS_LINES: Readonly<Record<number, string>> = {
  400: '400 Bad Request',
  408: '408 Request Timeout',
  431: '431 Request Header Fields Too Large',
};
/** How long a client that was refused may take to read why. */
const LINGER_MS = 1000;

/**
 * HTTP/1.1 with every wait bounded, for sockets that something else accepts: each is given to it as a `connection`.
 * What Node's parser does not take is answered with one JSON body, and closed.
 */
export function createHttp1Server(handler: Handler, headers: readonly string[]): Server {
  /** The newest response of each connection: while one is on its way, nothing may be written between its bytes. */
  const responses = new WeakMap<object, ServerResponse>();
  const handle: Handler = (req, res) => {
    responses.set(req.socket, res);
    // Node's parser takes "HTTP/2.0" in a request line too, which no HTTP/2 client ever writes there.
    if (req.httpVersionMajor === 1) handler(req, res);
    else refuse(req.socket, new DrawbridgeError('bad_request', 'this is not HTTP/1.1'), headers);
  };
  const server = createServer(
    {
      maxHeaderSize: LISTENER_BOUNDS.maxHeadBytes,
      headersTimeout: LISTENER_BOUNDS.headMs,
      requestTimeout: LISTENER_BOUNDS.requestMs,
      keepAliveTimeout: LISTENER_BOUNDS.idleMs,
      connectionsCheckingInterval: 500,
    },
    handle,
  );
  answerExpectations(server, handle);
  // Headers beyond a count would be dropped, and what was judged not be what was sent.
  server.maxHeadersCount = 0;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const response = responses.get(socket);
    const isAnswering = response?.headersSent === true && !response.writableFinished;
    if (!socket.writable || error.code === 'ECONNRESET' || isAnswering) socket.destroy();
    else refuse(socket, toRefusal(error), headers);
  });
  // Node begins to watch its timeouts when a server listens, which this one never does by itself.
  server.emit('listening');
  return server;
}

function toRefusal({ code }: NodeJS.ErrnoException): DrawbridgeError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new DrawbridgeError('bad_request', `the head is larger than ${LISTENER_BOUNDS.maxHeadBytes} bytes`, {
      status: 431,
      hint: 'Send fewer or smaller headers.',
    });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new DrawbridgeError('body_timeout', 'the request took too long');
  return new DrawbridgeError('bad_request', 'this is not HTTP');
}

function refuse(socket: Duplex, error: DrawbridgeError, headers: readonly string[]): void {
  const body = errorReply(undefined, error).bytes;
  const lines = [`HTTP/1.1 ${STATUS_LINES[error.status] ?? STATUS_LINES[400]}`];
  const all = ['Content-Type', 'application/json', 'Content-Length', String(body.length), ...headers];
  for (let index = 0; index < all.length; index += 2) lines.push(`${all[index]}: ${all[index + 1]}`);
  lines.push('Connection: close', '', '');
  socket.end(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body]));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
