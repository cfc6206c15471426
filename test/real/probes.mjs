/** Attack tools of others and malformed requests of our own against the built gateway; prints verdicts. Not part of CI. */
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { ensureInstalled } from './debian.mjs';

const BIN = new URL('../../bin/mcp-drawbridge.cjs', import.meta.url).pathname;
const TOOL = '/usr/bin/slowhttptest';
const seconds = process.argv[2] ?? '20';
const H = 'Host: localhost';
const BODY =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"p","version":"1"}}}';
const L = BODY.length;
const X = L.toString(16);
const ACCEPT = 'Accept: application/json, text/event-stream';
const post = (lines, body = BODY) => [
  'POST /mcp HTTP/1.1',
  H,
  ACCEPT,
  'Content-Type: application/json',
  ...lines,
  '',
  body,
];
const get = (line, ...lines) => [line, ...lines, '', ''];

/** Each must be refused (4xx, 5xx) or closed, and none may reach the server. */
const MALFORMED = [
  ...[`${L}, ${L}`, `+${L}`, '-1', `0x${X}`, `${L} ${L}`, '1e1', '٢', '', '99999999999999999999'].map((n) =>
    post([`Content-Length: ${n}`]),
  ),
  ...['chunked', 'gzip', 'chunked, chunked', 'identity', 'xchunked', 'chunked, gzip', '"chunked"', '\vchunked'].map(
    (t) => post([`Content-Length: ${L}`, `Transfer-Encoding: ${t}`]),
  ),
  ...[
    `Content-Length : ${L}`,
    ` Content-Length: ${L}`,
    `Content-Length\t: ${L}`,
    'Bad Name: 1',
    'X\0: 1',
    ': empty',
    'NoColon',
    'X: a\0b',
    'X: a\x01b',
  ].map((line) => post([line, `Content-Length: ${L}`])),
  ...['zz', '-1', `0x${X}`, `${X} `, ';', 'ffffffffffffffffff', `${X}\n`].map((size) =>
    post(['Transfer-Encoding: chunked'], `${size}\r\n${BODY}\r\n0\r\n\r\n`),
  ),
  post([`Content-Length: ${L}`, 'Content-Length: 3']),
  ...[
    'GET /sse HTTP/1.2',
    'GET /sse HTTP/9.9',
    'GET /sse',
    'GET  /sse HTTP/1.1',
    'get /sse HTTP/1.1',
    'GET /sse HTTP/1.1 x',
    'TRACE /sse HTTP/1.1',
    'CONNECT localhost:1 HTTP/1.1',
    'GET http://evil.test/sse HTTP/1.1',
    'GET //sse HTTP/1.1',
    'GET /%2e%2e/sse HTTP/1.1',
    'GET /sse#x HTTP/1.1',
    'GET * HTTP/1.1',
    '\0GET /sse HTTP/1.1',
  ].map((line) => get(line, H)),
  get('GET /sse HTTP/1.1'),
  get('GET /sse HTTP/1.1', H, H),
  get('GET /sse HTTP/1.1', 'Host: evil.test'),
  get('GET /sse HTTP/1.1', 'Host: localhost@evil.test'),
];

function ask(port, text, waitMs = 5000) {
  return new Promise((fulfil) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setTimeout(waitMs, () => socket.destroy(new Error('left open')));
    socket.on('data', (chunk) => {
      answer += chunk;
      if (answer.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', (error) => fulfil(error.message === 'left open' ? 'LEFT OPEN' : 'closed'));
    socket.on('close', () => fulfil(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'closed'));
  });
}

await ensureInstalled({
  find: async () => (existsSync(TOOL) ? TOOL : undefined),
  missing: `${TOOL} was not found`,
  packages: ['slowhttptest'],
});
const reached = [];
const upstream = createServer((req, res) => {
  reached.push(`${req.method} ${req.url}`);
  res.end();
});
await new Promise((fulfil) => upstream.listen(0, '127.0.0.1', fulfil));
const target = `http://127.0.0.1:${upstream.address().port}/sse`;
const args = [BIN, 'gateway', '--upstream', target, '--upstream-transport', 'sse', '--port', '0'];
const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
const port = await new Promise((fulfil, reject) => {
  gateway.stderr.on('data', (chunk) => {
    const found = /listening on http:\/\/[^:]+:(\d+)/.exec(chunk)?.[1];
    if (found !== undefined) fulfil(Number(found));
  });
  gateway.once('exit', (code) => reject(new Error(`the gateway ended with ${code}`)));
});
const rssMb = () =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))[1]) / 1024);

try {
  // Else every refusal below could be for another reason than the one meant.
  await ask(port, post([`Content-Length: ${L}`]).join('\r\n'));
  if (reached.length === 0) throw new Error('the well-formed request did not reach the server');
  reached.length = 0;
  let bad = 0;
  for (const lines of MALFORMED) {
    const before = reached.length;
    const verdict = await ask(port, lines.join('\r\n'));
    const isRefused = reached.length === before && (verdict === 'closed' || Number(verdict) >= 400);
    if (!isRefused) bad++;
    console.log(`${isRefused ? 'ok ' : 'BAD'} ${verdict}  ${JSON.stringify(lines.join('|').slice(0, 110))}`);
  }
  console.log(
    `malformed: ${MALFORMED.length - bad} of ${MALFORMED.length} refused or closed; ${reached.length} reached the server ${reached.join(' ')}`,
  );
  if (bad > 0 || reached.length > 0) process.exitCode = 1;

  let [worstMs, failed, peakMb] = [0, 0, rssMb()];
  const watch = setInterval(async () => {
    const start = performance.now();
    const verdict = await ask(port, `GET /health HTTP/1.1\r\n${H}\r\nConnection: close\r\n\r\n`);
    worstMs = Math.max(worstMs, performance.now() - start);
    if (verdict !== '200') failed++;
    peakMb = Math.max(peakMb, rssMb());
  }, 200);
  const url = `http://127.0.0.1:${port}/mcp`;
  const attacks = ['-H', '-B', '-R'].map((kind) => {
    const slow = [kind, '-c', '200', '-r', '100', '-i', '5', '-l', seconds, '-p', '3', '-u', url];
    return new Promise((fulfil) => {
      execFile(TOOL, slow, { maxBuffer: 64 * 1024 * 1024 }, (error, out) => {
        const text = out.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g'), '');
        const last = (word) => [...text.matchAll(new RegExp(`${word}:\\s+(\\w+)`, 'g'))].at(-1)?.[1] ?? '?';
        const ending = text.match(/Exit status:.*/)?.[0] ?? `ended: ${error?.message.slice(0, 80)}`;
        const figures = ['connected', 'error', 'closed', 'service available'].map((word) => `${word} ${last(word)}`);
        fulfil(`slowhttptest ${kind}: ${figures.join(', ')}; ${ending}`);
      });
    });
  });
  for (const verdict of await Promise.all(attacks)) console.log(verdict);
  clearInterval(watch);
  console.log(`/health meanwhile: worst ${Math.round(worstMs)} ms, ${failed} failed; RSS at most ${peakMb} MB`);
} finally {
  gateway.kill('SIGTERM');
  upstream.closeAllConnections();
  upstream.close();
}
