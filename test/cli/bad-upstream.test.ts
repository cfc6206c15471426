import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type BadInput, expectRefusal, expectThreeLines, SECRET } from '../parts/bad-input.ts';
import { startMcpServer } from '../parts/mcp-server.ts';
import { runCli, startCli } from '../parts/run-cli.ts';
import { answers, INITIALIZE, reasonOf } from '../parts/stdio-messages.ts';

const UPSTREAM = ['gateway', '--upstream', 'http://127.0.0.1:9/sse', '--port', '0'];

const HEADERS: readonly BadInput[] = [
  {
    name: 'a header without a colon',
    args: ['http://127.0.0.1:9/sse', '--header', SECRET],
    error: '--header takes a name, a colon and a value',
    why: /is not that/,
    tryThis: /Authorization:Bearer/,
  },
  {
    name: 'a header with a line break',
    args: ['http://127.0.0.1:9/sse', '--header', `X-Key: ${SECRET}\r\nEvil: 1`],
    error: 'the header X-Key cannot be sent',
    why: /line break/,
    tryThis: /--header/,
  },
  {
    name: 'a header with a null',
    env: { DRAWBRIDGE_HEADER: `X-Key: ${SECRET}\u0001` },
    args: ['http://127.0.0.1:9/sse'],
    error: 'the header X-Key cannot be sent',
    why: /HTTP does not allow/,
    tryThis: /DRAWBRIDGE_HEADER/,
  },
  {
    name: 'a header split by the shell',
    args: ['--header', 'Authorization:', SECRET, 'http://127.0.0.1:9/sse'],
    error: 'the header Authorization has no value',
    why: /shell splits/,
    tryThis: /Quote/,
  },
  {
    name: 'a header split by the shell after its scheme',
    args: ['http://127.0.0.1:9/sse', '--header', 'Authorization:Bearer', SECRET],
    error: 'the header Authorization has no credential',
    why: /shell splits/,
    tryThis: /Quote/,
  },
  {
    name: 'a header of the gateway with a line break',
    args: [...UPSTREAM, '--upstream-header', `X-Key: ${SECRET}\nEvil: 1`],
    error: 'the header X-Key cannot be sent',
    why: /line break/,
    tryThis: /--upstream-header/,
  },
  {
    name: 'the second of two headers',
    args: [...UPSTREAM, '--upstream-header', 'A: b', '--upstream-header', SECRET],
    error: /takes a name/,
    why: /number 2/,
    tryThis: /--upstream-header/,
  },
  {
    name: 'a file of headers that is not there',
    env: { DRAWBRIDGE_HEADER_FILE: '/nowhere/headers' },
    args: ['http://127.0.0.1:9/sse'],
    error: 'cannot read /nowhere/headers',
    why: 'ENOENT; it is named with DRAWBRIDGE_HEADER_FILE',
    tryThis: /full path/,
  },
];

describe('bad headers', () => {
  it.concurrent.each(HEADERS)('$name: ends with 2 and says what, why and what to try', (bad) =>
    expectRefusal(bad, process.cwd()));
});

describe('a server that cannot be used', () => {
  it('ends the bridge with 3 where nothing listens, with initialize answered', async () => {
    const gone = await startMcpServer();
    await gone.kill();
    const bridge = startCli([gone.sseUrl, '--header', `Authorization:Bearer ${SECRET}`, '--log-level', 'silent']);
    bridge.writeLine(INITIALIZE);
    const result = await bridge.exited();
    expectThreeLines({ ...result, stdout: '' }, 3, {
      error: `cannot reach 127.0.0.1:${gone.port}`,
      why: `ECONNREFUSED 127.0.0.1:${gone.port} (IPv4)`,
      tryThis: 'Is the MCP server running, and is this its address?',
    });
    expect(answers('1')(result.stdout)).toBe(true);
    expect(reasonOf(result.stdout)).toBe('upstream_unreachable');
  });

  it('is told to a client that speaks only after it was found out', async () => {
    const server = createServer().on('connection', (socket) => socket.destroy());
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    const cut = once(server, 'connection').then(([socket]) => once(socket, 'close'));
    const bridge = startCli([
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/sse`,
      '--log-level',
      'silent',
    ]);
    await cut;
    // In the time that another process takes to come and go, one that ended at the loss would be gone.
    await runCli(['--version']);
    bridge.writeLine(INITIALIZE);
    const result = await bridge.exited();
    server.close();
    expect(reasonOf(result.stdout)).toBe('upstream_lost');
    expect(result.code).toBe(3);
  });

  it('ends the bridge with 4 where the credential is refused, without showing it though the server does', async () => {
    const server = createServer((req, res) => {
      res.writeHead(401, { 'Content-Type': 'text/plain' }).end(`go away,\nwith your ${req.headers.authorization}`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const bridge = startCli([`http://127.0.0.1:${port}/sse`, '--header', `Authorization:Token ${SECRET}`]);
    bridge.writeLine(INITIALIZE);
    const result = await bridge.exited();
    server.close();
    expectThreeLines({ ...result, stdout: '' }, 4, {
      error: `127.0.0.1:${port} refused the supplied credential`,
      why: 'HTTP 401: go away,\\u000awith your ***',
      tryThis: 'Check the credential given with --header.',
    });
  });
});
