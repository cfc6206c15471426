import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS } from '../parts/raw-http.ts';
import { startChromium } from './chromium.ts';

const SCREENSHOTS = join(tmpdir(), 'drawbridge-screenshots');
const ENTRY = new URL('browser-page.mjs', import.meta.url).pathname;

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly error?: string;
}

let browser: Browser;
let listed: Server;
let unlisted: Server;
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** A site of one page, on an origin of its own. */
async function servePage(script: string): Promise<Server> {
  const server = createServer((req, res) => {
    const isScript = req.url === '/page.js';
    res.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html; charset=utf-8' });
    res.end(isScript ? script : '<!doctype html><title>Page</title><h1>Page</h1><script src="/page.js"></script>');
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return server;
}

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  const script = outputFiles[0]!.text;
  [listed, unlisted] = await Promise.all([servePage(script), servePage(script)]);
  browser = await startChromium('MAP evil.test 127.0.0.1');
  mkdirSync(SCREENSHOTS, { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  for (const server of [listed, unlisted]) {
    server?.closeAllConnections();
    server?.close();
  }
});

describe.each(['sse', 'http'] as const)('a page in Chromium, in front of a server that speaks %s', (kind) => {
  let upstream: TestMcpServer;
  let gateway: GatewayProcess;
  let page: Page;

  beforeEach(async () => {
    upstream = await startMcpServer({ transports: [kind] });
    const origin = `http://127.0.0.1:${portOf(listed)}`;
    const options = ['--allowed-origins', origin, '--limit-calls', '2'];
    gateway = await startGatewayProcess(kind === 'sse' ? upstream.sseUrl : upstream.httpUrl, options);
    page = await browser.newPage();
  });

  afterEach(async () => {
    await page?.close();
    await gateway?.close();
    await upstream?.kill();
  });

  const visit = (server: Server, host = '127.0.0.1') => page.goto(`http://${host}:${portOf(server)}/`);
  const call = (name: 'useTools' | 'ask', options: object): Promise<unknown> =>
    page.evaluate(`${name}(${JSON.stringify(options)})`);
  const ask = async (options: object): Promise<Answer> => (await call('ask', options)) as Answer;
  const post = (headers: Readonly<Record<string, string>>, body: string): Promise<Answer> =>
    ask({ url: `${gateway.origin}/mcp`, method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body });

  it('on a listed origin lists and calls tools over both transports with the SDK', async () => {
    await visit(listed);
    for (const [door, path] of [
      ['sse', '/sse'],
      ['http', '/mcp'],
    ] as const) {
      const text = `hello over ${door}`;
      const options = { kind: door, url: `${gateway.origin}${path}`, headers: gateway.alice, text };
      expect(await call('useTools', options)).toMatchObject({ tools: expect.arrayContaining(['echo']), text });
    }
    expect(await page.locator('p').allTextContents()).toEqual(['sse: hello over sse', 'http: hello over http']);
    await page.screenshot({ path: join(SCREENSHOTS, `listed-origin-${kind}.png`) });
  });

  it('on an origin that is not listed sees a network error, and the server sees nothing', async () => {
    await visit(unlisted);
    const before = upstream.seen.length;
    for (const [door, path] of [
      ['sse', '/sse'],
      ['http', '/mcp'],
    ] as const) {
      const options = { kind: door, url: `${gateway.origin}${path}`, headers: gateway.alice, text: 'never' };
      expect(await call('useTools', options)).toMatchObject({ error: expect.stringMatching(/Failed to fetch/) });
    }
    // A simple request goes out without a preflight.
    const simple = { url: `${gateway.origin}/sse`, method: 'POST', body: INITIALIZE };
    expect(await ask(simple)).toMatchObject({ error: expect.stringMatching(/Failed to fetch/) });
    expect(upstream.seen.slice(before)).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, `unlisted-origin-${kind}.png`) });
  });

  it('can read the refusal of a wrong key, and how to authenticate', async () => {
    await visit(listed);
    const answer = await post({ authorization: 'Bearer mdb_wrong' }, INITIALIZE);
    expect(answer.status).toBe(401);
    expect(answer.headers?.['www-authenticate']).toMatch(/^Bearer realm=/);
    expect(JSON.parse(answer.body ?? '')).toMatchObject({ error: { data: { reason: 'unauthorized' } } });
  });

  it('can read its session id, and when to come back from a limit', async () => {
    await visit(listed);
    const { status, headers } = await post(gateway.bob, INITIALIZE);
    expect(status).toBe(200);
    const session = { ...gateway.bob, 'Mcp-Session-Id': headers?.['mcp-session-id'] ?? '' };
    expect(session['Mcp-Session-Id']).not.toBe('');
    expect((await post(session, '{"jsonrpc":"2.0","method":"notifications/initialized"}')).status).toBe(202);
    const echo = (id: number) =>
      JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { text: 'x' } } });
    for (const id of [1, 2]) expect((await post(session, echo(id))).status).toBe(200);
    const refused = await post(session, echo(3));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers?.['retry-after'])).toBeGreaterThan(0);
  });

  it('of a name that was rebound to this machine is refused, with a good key', async () => {
    await visit(listed, 'evil.test');
    const before = upstream.seen.length;
    const url = `http://evil.test:${new URL(gateway.origin).port}/sse`;
    expect(await ask({ url, headers: gateway.alice })).toMatchObject({
      error: expect.stringMatching(/Failed to fetch/),
    });
    // A navigation has no Origin: the Host alone gives it away.
    await page.setExtraHTTPHeaders(gateway.alice);
    const answer = await page.goto(url);
    expect(answer?.status()).toBe(403);
    expect(await answer?.text()).toContain('host');
    expect(upstream.seen.slice(before)).toEqual([]);
  });
});
