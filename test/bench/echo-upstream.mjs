import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';

// A fake MCP server over legacy SSE that costs as little as Node can: raw sockets, no node:http. What it writes has the
// shape of Python's SDK under uvicorn (lower-case headers, chunked stream, CRLF line ends), because that is what stands
// behind the gateway in real life. Run as a child: sends { port } over IPC once it listens.

const MAX_HEAD_BYTES = 16_384;
const MAX_BODY_BYTES = 1_048_576;

const STREAM_HEAD = [
  'HTTP/1.1 200 OK',
  'server: uvicorn',
  'cache-control: no-store',
  'connection: keep-alive',
  'x-accel-buffering: no',
  'content-type: text/event-stream; charset=utf-8',
  'Transfer-Encoding: chunked',
  '\r\n',
].join('\r\n');

/** @param {string} status @param {string} body */
function plain(status, body) {
  return `HTTP/1.1 ${status}\r\nserver: uvicorn\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const ACCEPTED = plain('202 Accepted', 'Accepted');
const NO_SESSION = plain('404 Not Found', 'Could not find session');
const NOT_FOUND = plain('404 Not Found', 'Not Found');
const BAD_REQUEST = plain('400 Bad Request', 'Could not parse message');
const WRONG_HOST = plain('421 Misdirected Request', 'Invalid Host header');

/** @type {Map<string, import('node:net').Socket>} session id → its stream */
const streams = new Map();

/** Everything here is ASCII, or bytes that latin1 carries unchanged, so a string's length is its size in bytes. */
function writeEvent(stream, event, data) {
  const text = `event: ${event}\r\ndata: ${data}\r\n\r\n`;
  stream.write(`${text.length.toString(16)}\r\n${text}\r\n`, 'latin1');
}

function openStream(socket) {
  const id = randomBytes(16).toString('hex');
  streams.set(id, socket);
  socket.on('close', () => streams.delete(id));
  socket.write(STREAM_HEAD, 'latin1');
  writeEvent(socket, 'endpoint', `/messages/?session_id=${id}`);
}

/** @returns {string} the result as JSON */
function answer(message) {
  if (message.method === 'initialize') {
    return JSON.stringify({
      protocolVersion: message.params?.protocolVersion ?? '2024-11-05',
      capabilities: { tools: {} },
      serverInfo: { name: 'echo-upstream', version: '1.0.0' },
    });
  }
  if (message.method === 'tools/call') {
    return `{"content":[{"type":"text","text":${JSON.stringify(message.params?.arguments?.text ?? '')}}]}`;
  }
  if (message.method === 'tools/list') return '{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}';
  return '{}';
}

function receive(socket, target, body) {
  const stream = streams.get(/[?&]session_id=([0-9a-f]+)/.exec(target)?.[1] ?? '');
  if (stream === undefined) return socket.write(NO_SESSION, 'latin1');
  let message;
  try {
    message = JSON.parse(body);
  } catch {
    return socket.write(BAD_REQUEST, 'latin1');
  }
  // 202 first, the answer after it, as a real server does that has to think before it answers.
  socket.write(ACCEPTED, 'latin1');
  if (message.id !== undefined && message.method !== undefined) {
    writeEvent(stream, 'message', `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${answer(message)}}`);
  }
}

function route(socket, head, body) {
  const [method, target = ''] = head.slice(0, head.indexOf('\r\n')).split(' ');
  // Python's SDK refuses a Host it does not know; a peer that forwards its client's Host must be seen to fail here.
  if (!/\r\nhost: *(?:localhost|127\.0\.0\.1):/i.test(head)) return socket.write(WRONG_HOST, 'latin1');
  if (method === 'GET' && target === '/sse') return openStream(socket);
  if (method === 'POST' && target.startsWith('/messages/')) return receive(socket, target, body);
  return socket.write(NOT_FOUND, 'latin1');
}

function serve(socket) {
  let pending = '';
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    pending += chunk.latin1Slice();
    // Each turn consumes one request or leaves.
    while (pending !== '') {
      const headEnd = pending.indexOf('\r\n\r\n');
      if (headEnd < 0) {
        if (pending.length > MAX_HEAD_BYTES) socket.destroy();
        return;
      }
      const head = pending.slice(0, headEnd);
      const bodyBytes = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      const end = headEnd + 4 + bodyBytes;
      if (bodyBytes > MAX_BODY_BYTES || /\r\ntransfer-encoding:/i.test(head)) {
        socket.end(plain('411 Length Required', 'The bench upstream reads bodies of a known, small length only'));
        return;
      }
      if (pending.length < end) return;
      const body = pending.slice(headEnd + 4, end);
      pending = pending.slice(end);
      route(socket, head, body);
    }
  });
}

const server = createServer(serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => process.send?.({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
