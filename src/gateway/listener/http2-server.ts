import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { DrawbridgeError } from '../../errors.ts';
import { errorReply } from '../../message/message.ts';
import type { Handler } from './http1-server.ts';
import { GatewayHttp2Request, GatewayHttp2Response } from './http2-messages.ts';
import { LISTENER_BOUNDS } from './listener-options.ts';

export interface BoundedHttp2Server {
  /** Is given TLS sockets that agreed on `h2` as a `connection`. */
  readonly server: Pick<Http2Server, 'emit'>;
  /** Tells every client that no new stream is taken; sessions end with their last stream. */
  closeSessions(): void;
}

/** HTTP/2 with every wait and every count bounded, over the connections that something else accepts. */
export function createHttp2Server(handler: Handler, headers: readonly string[]): BoundedHttp2Server {
  const sessions = new Set<Pick<ServerHttp2Session, 'close'>>();
  const server = createServer(
    {
      Http2ServerRequest: GatewayHttp2Request,
      Http2ServerResponse: GatewayHttp2Response,
      settings: {
        maxConcurrentStreams: LISTENER_BOUNDS.maxStreams,
        maxHeaderListSize: LISTENER_BOUNDS.maxHeadBytes,
        enablePush: false,
      },
      maxHeaderListPairs: 128,
      maxOutstandingPings: 10,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
    },
    (req, res) => {
      if (sizeOf(req.rawHeaders) > LISTENER_BOUNDS.maxHeadBytes) return refuse(res, HEAD_TOO_LARGE, headers);
      watchBody(req, res, headers);
      // The two have all of HTTP/1.1's that the gateway uses.
      handler(req as unknown as IncomingMessage, res as unknown as ServerResponse);
    },
  );
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    let streams = 0;
    session.on('stream', (stream) => {
      streams++;
      stream.on('close', () => streams--);
    });
    // Streams have timeouts of their own; this one is for a connection that has none.
    session.setTimeout(LISTENER_BOUNDS.idleMs, () => {
      if (streams === 0) session.close();
    });
  });
  server.on('sessionError', () => {});
  return {
    server,
    closeSessions: () => {
      for (const session of sessions) session.close();
    },
  };
}

/** A request whose body does not end in time is answered, as over HTTP/1.1, and its stream ended. */
function watchBody(req: GatewayHttp2Request, res: GatewayHttp2Response, headers: readonly string[]): void {
  if (req.stream.endAfterHeaders) return;
  const timer = setTimeout(() => {
    if (!res.headersSent && !res.destroyed) refuse(res, BODY_TOO_SLOW, headers);
  }, LISTENER_BOUNDS.requestMs);
  timer.unref();
  req.on('end', () => clearTimeout(timer));
  res.on('close', () => clearTimeout(timer));
}

const BODY_TOO_SLOW = new DrawbridgeError('body_timeout', 'the request took too long');
const HEAD_TOO_LARGE = new DrawbridgeError(
  'bad_request',
  `the head is larger than ${LISTENER_BOUNDS.maxHeadBytes} bytes`,
  {
    status: 431,
    hint: 'Send fewer or smaller headers.',
  },
);

function refuse(res: GatewayHttp2Response, error: DrawbridgeError, headers: readonly string[]): void {
  const { bytes } = errorReply(undefined, error);
  res.writeHead(error.status, ['Content-Type', 'application/json', ...headers, 'Connection', 'close']);
  res.end(bytes);
}

/** Node holds a client to the announced size of a head only roughly. */
function sizeOf(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((bytes, text) => bytes + text.length, 0);
}
