import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

// What a client waits for when it starts a bridge, beside what Node itself needs to do nothing.

const DEFAULT_BIN = fileURLToPath(new URL('../../bin/mcp-drawbridge.cjs', import.meta.url));
const INITIALIZE = `${JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } },
})}\n`;
const ANSWER = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'bench', version: '1' } },
});
const STARTS_PER_ROUND = 5;
const TIMEOUT_MS = 10_000;

/** @param {{ only: string[] }} options */
export function selectStart({ only }) {
  if (only.length > 0) throw new Error('--only is not for this bench');
}

/** @param {{ rounds: number }} options */
export function planStartSeconds({ rounds }) {
  return rounds * STARTS_PER_ROUND;
}

/** @param {{ rounds: number, bin?: string }} options */
export async function benchStart({ rounds, bin = DEFAULT_BIN }) {
  const server = await startServer();
  const origin = `http://127.0.0.1:${server.address().port}`;
  const peers = [
    { name: 'node -e 0', start: () => timeProcess(['-e', '0']), times: [] },
    { name: 'bridge, SSE', start: () => timeAnswer([bin, `${origin}/sse`, '--log-level', 'silent']), times: [] },
    { name: 'bridge, HTTP', start: () => timeAnswer([bin, `${origin}/mcp`, '--log-level', 'silent']), times: [] },
  ];
  try {
    for (const { start } of peers) await start();
    // In turn, so that a machine that slows down meanwhile slows all of them.
    for (let run = 0; run < rounds * STARTS_PER_ROUND; run++) {
      for (const { start, times } of peers) times.push(await start());
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
  const floor = median(peers[0].times);
  const report = peers.map(({ name, times }) => ({ name, medianMs: median(times), minMs: Math.min(...times), times }));
  console.log(
    `spawn to exit, and spawn to initialize answered: median of ${rounds * STARTS_PER_ROUND} starts each, in turn\n`,
  );
  console.log('| name         | median ms | min ms | over node -e 0 |');
  console.log('|--------------|----------:|-------:|---------------:|');
  for (const { name, medianMs, minMs } of report) {
    const over = `+${(medianMs - floor).toFixed(1)} ms`;
    console.log(
      `| ${name.padEnd(12)} | ${medianMs.toFixed(1).padStart(9)} | ${minMs.toFixed(1).padStart(6)} | ${over.padStart(14)} |`,
    );
  }
  return { results: report };
}

function timeProcess(args) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  return ended(child, args).then(() => performance.now() - startedAt);
}

async function timeAnswer(args) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const end = ended(child, args);
  child.stdin.write(INITIALIZE);
  const answeredMs = await new Promise((fulfil, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n')) fulfil(performance.now() - startedAt);
    });
    end.then(() => reject(new Error(`${args.join(' ')} ended before it answered`)), reject);
    child.stdout.on('end', () => {
      if (text.trimEnd() !== ANSWER) reject(new Error(`a wrong answer: ${text}`));
    });
  });
  child.stdin.end();
  await end;
  return answeredMs;
}

function ended(child, args) {
  return new Promise((fulfil, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    child.on('exit', (code) => {
      clearTimeout(timer);
      if (code === 0) fulfil();
      else reject(new Error(`${args.join(' ')} ended with ${code}`));
    });
  });
}

/** A server that answers initialize over either transport and does nothing else, so that it adds next to nothing. */
async function startServer() {
  let stream;
  const server = createServer((req, res) => {
    if (req.method === 'GET' && req.url === '/sse') {
      stream = res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('event: endpoint\ndata: /messages\n\n');
      return;
    }
    req.resume().on('end', () => {
      if (req.method !== 'POST') res.writeHead(405).end();
      else if (req.url === '/messages') {
        res.writeHead(202).end();
        stream.write(`event: message\ndata: ${ANSWER}\n\n`);
      } else res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': '1' }).end(ANSWER);
    });
  });
  await new Promise((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return server;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
