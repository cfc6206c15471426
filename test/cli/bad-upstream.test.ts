import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type BadInput, expectRefusal, expectThreeLines, SECRET } from '../parts/bad-input.ts';
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
  it('ends the bridge with 4 where it is refused before the client speaks, who still is told', async () => {
    const server = createServer((_req, res) => res.writeHead(401).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const refused = once(server, 'connection').then(([socket]) => once(socket, 'close'));
    const { port } = server.address() as AddressInfo;
    const bridge = startCli([`http://127.0.0.1:${port}/sse`, '--log-level', 'silent']);
    await refused;
    // In the time that another process takes to come and go, one that ended at the refusal would be gone.
    await runCli(['--version']);
    bridge.writeLine(INITIALIZE);
    const result = await bridge.exited();
    server.close();
    expect(answers('1')(result.stdout)).toBe(true);
    expect(reasonOf(result.stdout)).toBe('upstream_refused');
    expect(result.code).toBe(4);
  });

  it('ends the bridge with 3 where what answers is no MCP server for as long as it is given', async () => {
    const server = createServer((_req, res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const bridge = startCli([`http://127.0.0.1:${port}/sse`, '--log-level', 'silent']);
    bridge.writeLine(INITIALIZE);
    const result = await bridge.exited(12_000);
    server.close();
    expectThreeLines({ ...result, stdout: '' }, 3, {
      error: `127.0.0.1:${port} did not answer as an MCP server`,
      why: 'HTTP 200, text/html',
      tryThis: 'Is this really the URL of an MCP server?',
    });
    expect(reasonOf(result.stdout)).toBe('upstream_invalid');
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
      tryThis: /^Give the credential that it wants with --header/,
    });
  });
});
