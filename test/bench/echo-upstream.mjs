import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { monotonicMs } from './clock.mjs';
import { fillText } from './fill-text.mjs';

// A fake MCP server, legacy SSE at /sse and Streamable HTTP at /mcp, that costs as little as Node can: raw sockets, no
// node:http. What it writes has the shape of Python's SDK under uvicorn (lower-case headers, chunked streams, CRLF line
// ends, answers to a POST as an event stream), because that is what stands there in real life. Run as a child, with the
// port as its argument where it must be a certain one: sends { port, listeningAtMs } over IPC once it listens, the time
// on the machine's monotonic clock.

const MAX_HEAD_BYTES = 16_384;
const MAX_BODY_BYTES = 1_048_576;
const MAX_FILL_BYTES = 100_000_000;

/** @param {string[]} lines of this kind of stream alone */
function streamHead(...lines) {
  const common = ['HTTP/1.1 200 OK', 'server: uvicorn', 'connection: keep-alive', 'x-accel-buffering: no'];
  return [...common, ...lines, 'Transfer-Encoding: chunked', '\r\n'].join('\r\n');
}

const STREAM_HEAD = streamHead('cache-control: no-store', 'content-type: text/event-stream; charset=utf-8');
const ANSWER_LINES = ['cache-control: no-cache, no-transform', 'content-type: text/event-stream'];
const LAST_CHUNK = '0\r\n\r\n';

/** @param {string} status @param {string} body */
function plain(status, body) {
  return `HTTP/1.1 ${status}\r\nserver: uvicorn\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const ACCEPTED = plain('202 Accepted', 'Accepted');
const ENDED = plain('200 OK', '');
const NO_SESSION = plain('404 Not Found', 'Could not find session');
const SESSION_MISSING = plain('400 Bad Request', 'Bad Request: Missing session ID');
const NOT_FOUND = plain('404 Not Found', 'Not Found');
const BAD_REQUEST = plain('400 Bad Request', 'Could not parse message');
const WRONG_HOST = plain('421 Misdirected Request', 'Invalid Host header');

/** @type {Map<string, import('node:net').Socket>} session id → its stream */
const streams = new Map();

/** @type {Map<string, string>} session id of Streamable HTTP → the head of each of its answers */
const answerHeads = new Map();

/** Everything here is ASCII, or bytes that latin1 carries unchanged, so a string's length is its size in bytes. */
function eventChunk(event, data) {
  const text = `event: ${event}\r\ndata: ${data}\r\n\r\n`;
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function openStream(socket) {
  const id = randomBytes(16).toString('hex');
  streams.set(id, socket);
  socket.on('close', () => streams.delete(id));
  socket.write(STREAM_HEAD, 'latin1');
  socket.write(eventChunk('endpoint', `/messages/?session_id=${id}`), 'latin1');
}

/** @type {Map<number, Buffer>} made once each: making it is not what is measured */
const filledResults = new Map();

function filledResult(bytes) {
  const known = filledResults.get(bytes);
  if (known !== undefined) return known;
  const text = fillText(Math.min(bytes, MAX_FILL_BYTES));
  const result = Buffer.from(`{"content":[{"type":"text","text":"${text}"}]}`, 'latin1');
  filledResults.set(bytes, result);
  return result;
}

/** @returns {string | Buffer} the result as JSON */
function answer(message) {
  if (message.method === 'initialize') {
    return JSON.stringify({
      protocolVersion: message.params?.protocolVersion ?? '2024-11-05',
      capabilities: { tools: {} },
      serverInfo: { name: 'echo-upstream', version: '1.0.0' },
    });
  }
  if (message.method === 'tools/call') {
    if (message.params?.name === 'fill') return filledResult(Number(message.params.arguments?.bytes));
    return `{"content":[{"type":"text","text":${JSON.stringify(message.params?.arguments?.text ?? '')}}]}`;
  }
  if (message.method === 'tools/list') return '{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}';
  return '{}';
}

/** @returns {any} undefined where the body is no JSON object */
function parse(body) {
  try {
    const message = JSON.parse(body);
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

function receive(socket, target, body) {
  const stream = streams.get(/[?&]session_id=([0-9a-f]+)/.exec(target)?.[1] ?? '');
  if (stream === undefined) return socket.write(NO_SESSION, 'latin1');
  const message = parse(body);
  if (message === undefined) return socket.write(BAD_REQUEST, 'latin1');
  // 202 first, the answer after it, as a real server does that has to think before it answers.
  socket.write(ACCEPTED, 'latin1');
  if (isRequest(message)) respond(stream, message);
}

function isRequest(message) {
  return message.id !== undefined && message.method !== undefined;
}

/** Writes the answer as an event, between what else belongs to its HTTP response. */
function respond(socket, message, before = '', after = '') {
  const result = answer(message);
  const start = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":`;
  if (typeof result === 'string') {
    return socket.write(`${before}${eventChunk('message', `${start}${result}}`)}${after}`, 'latin1');
  }
  const [open, close] = [`event: message\r\ndata: ${start}`, '}\r\n\r\n'];
  const size = open.length + result.length + close.length;
  socket.cork();
  socket.write(`${before}${size.toString(16)}\r\n${open}`, 'latin1');
  socket.write(result);
  socket.write(`${close}\r\n${after}`, 'latin1');
  return socket.uncork();
}

function startSession() {
  const id = randomBytes(16).toString('hex');
  answerHeads.set(id, streamHead(...ANSWER_LINES, `mcp-session-id: ${id}`));
  return id;
}

/** Streamable HTTP. */
function serveMcp(socket, method, head, body) {
  const message = method === 'POST' ? parse(body) : {};
  if (message === undefined) return socket.write(BAD_REQUEST, 'latin1');
  const named = /\r\nmcp-session-id: *(\S+)/i.exec(head)?.[1];
  const id = named ?? (message.method === 'initialize' ? startSession() : undefined);
  if (id === undefined) return socket.write(SESSION_MISSING, 'latin1');
  const answerHead = answerHeads.get(id);
  if (answerHead === undefined) return socket.write(NO_SESSION, 'latin1');
  if (method === 'GET') return socket.write(answerHead, 'latin1');
  if (method === 'DELETE') {
    answerHeads.delete(id);
    return socket.write(ENDED, 'latin1');
  }
  if (!isRequest(message)) return socket.write(ACCEPTED, 'latin1');
  return respond(socket, message, answerHead, LAST_CHUNK);
}

function route(socket, head, body) {
  const [method, target = ''] = head.slice(0, head.indexOf('\r\n')).split(' ');
  // Python's SDK refuses a Host it does not know; a peer that forwards its client's Host must be seen to fail here.
  if (!/\r\nhost: *(?:localhost|127\.0\.0\.1):/i.test(head)) return socket.write(WRONG_HOST, 'latin1');
  if (method === 'GET' && target === '/sse') return openStream(socket);
  if (method === 'POST' && target.startsWith('/messages/')) return receive(socket, target, body);
  if (target === '/mcp' && ['POST', 'GET', 'DELETE'].includes(method)) return serveMcp(socket, method, head, body);
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
server.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => {
  process.send?.({ port: server.address().port, listeningAtMs: monotonicMs() });
});
process.on('disconnect', () => process.exit(0));
