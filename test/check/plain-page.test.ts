import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { Finding } from '../../src/check/finding.ts';
import { walkServer } from '../../src/check/walk.ts';

let server: Server;
afterEach(() => server.close());

async function walk(path: string, handler: RequestListener): Promise<{ findings: Finding[]; methods: string[] }> {
  const methods: string[] = [];
  server = createServer((req, res) => {
    methods.push(req.method ?? '');
    handler(req, res);
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  const findings: Finding[] = [];
  for await (const finding of walkServer({ url, until: 'http', timeoutMs: 1000, facts: { nodeVersion: '22.0.0' } })) {
    findings.push(finding);
  }
  return { findings, methods };
}

it('a page is asked for once, with GET', async () => {
  const { findings, methods } = await walk('/ready', (_req, res) => res.end('ready'));
  expect(methods).toEqual(['GET']);
  expect(findings.at(-1)).toMatchObject({ hop: 'http', verdict: 'ok' });
});

it('one that is not well fails with what it says', async () => {
  const { findings } = await walk('/ready', (_req, res) => res.writeHead(503).end('no upstream'));
  expect(findings.at(-1)).toMatchObject({
    verdict: 'fail',
    said: expect.stringMatching(/^GET \/ready: HTTP 503 in \d+ ms: no upstream$/),
  });
});

it('one that never answers is not waited for longer than a hop may take', async () => {
  const { findings } = await walk('/ready', () => {});
  expect(findings.at(-1)).toMatchObject({ hop: 'http', verdict: 'fail', said: 'GET /ready: no answer within 1000 ms' });
});

it('a server of MCP at another path, which refuses GET, is asked in its own way', async () => {
  const { findings, methods } = await walk('/', (req, res) => {
    if (req.method === 'GET') return res.writeHead(405).end();
    return res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"jsonrpc":"2.0","id":"1","result":{}}');
  });
  expect(methods.slice(0, 2)).toEqual(['GET', 'POST']);
  expect(findings.at(-1)).toMatchObject({ hop: 'http', verdict: 'ok' });
});

it('an MCP path is never taken for a page', async () => {
  const { methods } = await walk('/mcp', (_req, res) => res.writeHead(401).end());
  expect(methods[0]).toBe('POST');
});
