import type { ServerResponse } from 'node:http';

/** Answers a request with a status and one line of text; does nothing when an answer has begun. */
export function refuse(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return;
  // The request's body may not have been read: a second request on this connection would start in the middle of it.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${message}\n`);
}
