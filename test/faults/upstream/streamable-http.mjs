import { EventStream } from './event-stream.mjs';

// Streamable HTTP of MCP 2025-03-26 to 2025-11-25, as the TypeScript SDK serves it.

/**
 * @param {import('./upstream.mjs').Upstream} upstream
 * @param {import('./upstream.mjs').SeenRequest} request
 * @param {import('node:http').ServerResponse} response
 */
export async function serveStreamableHttp(upstream, request, response) {
  const { method, path, headers, message } = request;
  if (path !== upstream.path) {
    response.writeHead(404).end('Not Found');
    return;
  }
  if (method === 'GET' && upstream.get !== 'stream') {
    if (upstream.get === '405') response.writeHead(405, { allow: 'POST, DELETE' }).end();
    return;
  }
  const isFirst = method === 'POST' && message?.method === 'initialize' && headers['mcp-session-id'] === undefined;
  const session = isFirst ? upstream.createSession() : upstream.sessions.get(headers['mcp-session-id']);
  if (!isFirst && headers['mcp-session-id'] === undefined) {
    response.writeHead(400).end('Bad Request: Mcp-Session-Id header is required');
  } else if (session === undefined) upstream.refuseSession(response);
  else if (method === 'GET') openStream(upstream, session, request, response);
  else if (method === 'DELETE') {
    upstream.sessions.delete(session.id);
    session.stream?.end();
    response.writeHead(200).end();
  } else if (message.id === undefined || message.method === undefined) {
    await upstream.accept(request, response);
    if (message.method === 'notifications/initialized') session.isInitialized = true;
    session.receive(message, request.rawId, () => {});
  } else answer(upstream, session, request, response);
}

function openStream(upstream, session, request, response) {
  const [name, number] = (request.headers['last-event-id'] ?? '').split('_');
  const resumed = upstream.streams.get(name);
  if (resumed !== undefined) {
    resumed.attach(response, { after: Number(number) });
    return;
  }
  session.stream = createStream(upstream);
  session.stream.attach(response, { headers: { 'mcp-session-id': session.id } });
}

function answer(upstream, session, request, response) {
  const headers = { 'mcp-session-id': session.id };
  if (upstream.answersAs === 'json') {
    session.receive(request.message, request.rawId, (text) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(text);
    });
    return;
  }
  const stream = createStream(upstream);
  request.stream = stream;
  stream.attach(response, { headers });
  session.receive(request.message, request.rawId, (text) => {
    stream.write(text);
    stream.end();
  });
}

function createStream(upstream) {
  const name = `s${upstream.streams.size}`;
  const stream = new EventStream(name, { hasIds: upstream.hasEventIds, retryMs: upstream.retryMs });
  upstream.streams.set(name, stream);
  return stream;
}
