import { EventStream } from './event-stream.mjs';

// The HTTP+SSE transport of MCP 2024-11-05, as Python's SDK serves it.

const MESSAGES = '/messages/';

/**
 * @param {import('./upstream.mjs').Upstream} upstream
 * @param {import('./upstream.mjs').SeenRequest} request
 * @param {import('node:http').ServerResponse} response
 */
export async function serveSse(upstream, request, response) {
  const { method, path } = request;
  const url = new URL(path, 'http://staged');
  if (url.pathname === upstream.path) {
    if (method !== 'GET') response.writeHead(405, { allow: 'GET' }).end('Method Not Allowed');
    else if (upstream.get === 'stream') openStream(upstream, response);
    return;
  }
  if (url.pathname !== MESSAGES || method !== 'POST') {
    response.writeHead(404).end('Not Found');
    return;
  }
  const session = upstream.sessions.get(url.searchParams.get('session_id') ?? '');
  if (session === undefined) {
    upstream.refuseSession(response);
    return;
  }
  await upstream.accept(request, response);
  // A session whose stream has gone accepts what comes and does nothing with it, as Python's SDK does.
  if (!session.stream.isOpen) return;
  if (request.message.method === 'notifications/initialized') session.isInitialized = true;
  session.receive(request.message, request.rawId, (text) => session.stream.write(text));
}

function openStream(upstream, response) {
  const session = upstream.createSession();
  session.stream = new EventStream(session.id, { hasIds: false, retryMs: upstream.retryMs });
  session.stream.attach(response);
  session.stream.write(`${MESSAGES}?session_id=${session.id}`, 'endpoint');
}
