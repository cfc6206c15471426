/**
 * An MCP server over both transports that answers initialize and nothing else. Started with the address to listen on;
 * writes its port to stdout, then a line for each tools/call that has arrived; ends with its stdin.
 */
import { createServer } from 'node:http';

const WELCOME = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 'hanging', version: '1.0.0' } };

/** @type {import('node:http').ServerResponse | undefined} */
let stream;
const server = createServer((req, res) => {
  if (req.method === 'GET' && req.url === '/sse') {
    stream = res.writeHead(200, { 'content-type': 'text/event-stream' });
    stream.write('event: endpoint\ndata: /messages\n\n');
    return;
  }
  if (req.method !== 'POST') {
    res.writeHead(405).end();
    return;
  }
  let body = '';
  req.on('data', (chunk) => {
    body += chunk;
  });
  req.on('end', () => {
    const isSse = req.url === '/messages';
    const { id, method } = JSON.parse(body);
    const answer = JSON.stringify({ jsonrpc: '2.0', id, result: WELCOME });
    if (isSse) res.writeHead(202).end();
    if (method === 'initialize') {
      if (isSse) stream?.write(`event: message\ndata: ${answer}\n\n`);
      else res.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    } else if (method === 'tools/call') {
      // With it goes the acknowledgement of every byte of the call: what is not acknowledged is sent again for minutes.
      if (!isSse) res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': taken\n\n');
      process.stdout.write(`called over ${isSse ? 'sse' : 'http'}\n`);
    } else if (!isSse) res.writeHead(202).end();
  });
});
server.listen(0, process.argv[2], () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.stdout.write(`${address.port}\n`);
});
process.stdin.resume().on('end', () => process.exit());
