import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { DrawbridgeError } from '../../errors.ts';
import { errorReply } from '../../message/message.ts';

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * Lets the gateway answer `Expect` (RFC 9110 §10.1.1) in place of Node, which says 100 to everybody, known or not: a
 * body is asked for only when it will be read. An expectation that is none of HTTP's is refused with 417.
 */
export function answerExpectations(server: Pick<Server, 'on'>, handler: Handler): void {
  server.on('checkContinue', handler);
  server.on('checkExpectation', (_req: IncomingMessage, res: ServerResponse) => {
    const error = new DrawbridgeError('bad_request', 'what is expected is not understood', { status: 417 });
    const { bytes } = errorReply(undefined, error);
    res.writeHead(417, {
      'Content-Type': 'application/json',
      'Content-Length': bytes.length,
      'X-Content-Type-Options': 'nosniff',
      Connection: 'close',
    });
    res.end(bytes);
  });
}

/** Asks for the body where the client waits to be asked, and nobody has asked yet. */
export function askForBody(req: IncomingMessage, res: ServerResponse): void {
  if (req.headers.expect?.toLowerCase() !== '100-continue' || req.httpVersion === '1.0') return;
  // Without a listener of this kind Node has asked already.
  const { server } = req.socket as { readonly server?: { listenerCount(event: string): number } };
  if (server !== undefined && server.listenerCount('checkContinue') > 0) res.writeContinue();
}
