import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express5 from 'express';
import express4 from 'express4';
import { afterEach, describe, expect, it } from 'vitest';
import { MCP_CLIENTS } from '../../../src/clients/catalog.ts';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { renderPage } from '../../../src/gateway/page/render-page.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { type RawRequest, send } from '../../parts/raw-http.ts';

/** What browsers send, Chromium's here; and what MCP clients send. */
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8' };
const STREAM = { accept: 'text/event-stream' };
const UPSTREAM = 'http://127.0.0.1:9/sse';
const SECRET = 'upstream-secret-4711';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: Omit<GatewayOptions, 'keyFile'> = {}): Promise<TestGateway> {
  const gateway = await startGateway({ upstream: UPSTREAM, ...options });
  closers.push(() => gateway.close());
  return gateway;
}

const open = (gateway: TestGateway, path: string, more: Partial<RawRequest> = {}) =>
  send(gateway.origin, { path, headers: BROWSER, ...more });

const textOf = (html: string): string =>
  html
    .replace(/<[^>]+>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

describe('a browser', () => {
  it.each(['/', '/sse', '/mcp', '/mcp/', '/?from=chat'])('that opens %s gets the page', async (path) => {
    const gateway = await start();
    const { status, headers, body } = await open(gateway, path);
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(body).toContain('This is the address of an MCP server');
    expect(textOf(body)).toContain(`npx -y mcp-drawbridge check ${gateway.origin}/mcp`);
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body));
  });

  it('is shown the entry of every client, with this address in it', async () => {
    const gateway = await start({ publicUrl: 'https://db.example.com/team' });
    const { body } = await open(gateway, '/');
    for (const { title } of MCP_CLIENTS) expect(textOf(body)).toContain(title);
    const entries = [...body.matchAll(/<details>(.*?)<\/details>/gs)].map(([, text]) => textOf(text!));
    expect(entries).toHaveLength(MCP_CLIENTS.length);
    for (const entry of entries) expect(entry).toMatch(/https:\/\/db\.example\.com\/team\/(mcp|sse)/);
    expect(body).not.toContain(gateway.origin);
  });

  it('gets a policy that lets in the page’s own style and script by their hashes, and nothing else', async () => {
    const { headers, body } = await open(await start(), '/');
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; script-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-frame-options']).toBe('DENY');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(body).not.toMatch(/ (?:src|style|on\w+)=|url\(|@import/);
    expect(body).not.toMatch(/<(?:link|img|iframe|form|object|base)\b/);
  });

  it('learns no version, no server behind the gateway and no secret', async () => {
    const options = {
      upstreamHeaders: { Authorization: SECRET },
      upstreams: { crm: { upstream: 'http://127.0.0.1:10/mcp' } },
    };
    const { headers, body } = await open(await start(options), '/');
    const all = JSON.stringify(headers) + body;
    for (const hidden of [SECRET, '127.0.0.1:9/', '127.0.0.1:10', 'crm', process.version])
      expect(all).not.toContain(hidden);
    expect(all).not.toMatch(/\b0\.1\.0\b/);
  });

  it('is told of the server whose address it opened', async () => {
    const gateway = await start({ upstreams: { crm: { upstream: 'http://127.0.0.1:10/mcp' } } });
    const { body } = await open(gateway, '/crm/mcp');
    expect(textOf(body)).toContain(`${gateway.origin}/crm/mcp`);
    expect(textOf(body)).not.toContain(`${gateway.origin}/mcp`);
  });

  it('is asked to fill in the name where every server has one', async () => {
    const gateway = await startGateway({ upstreams: { crm: { upstream: 'http://127.0.0.1:10/mcp' } } });
    closers.push(() => gateway.close());
    const { body } = await open(gateway, '/');
    expect(textOf(body)).toContain(`${gateway.origin}/NAME/mcp`);
    expect(body).not.toContain('crm');
  });

  it('that asks for the head alone gets no body', async () => {
    const answer = await open(await start(), '/mcp', { method: 'HEAD' });
    expect([answer.status, answer.body, answer.headers['content-type']]).toEqual([200, '', 'text/html; charset=utf-8']);
  });

  it('gets an error at any other path', async () => {
    const { status, headers } = await open(await start(), '/nowhere');
    expect([status, headers['content-type']]).toEqual([404, 'application/json']);
  });

  it('gets no page where it is switched off', async () => {
    const gateway = await start({ page: false });
    expect((await open(gateway, '/')).status).toBe(404);
    expect((await open(gateway, '/mcp')).status).toBe(401);
  });

  it('gets no page after a reload that switches it off', async () => {
    const gateway = await start();
    expect((await open(gateway, '/')).status).toBe(200);
    gateway.gateway.reload({ upstream: UPSTREAM, keyFile: gateway.keyFile, page: false });
    expect((await open(gateway, '/')).status).toBe(404);
  });

  it('of a foreign Host, Origin or address is refused before', async () => {
    const gateway = await start({ denyAddresses: ['192.0.2.0/24'], trustProxies: ['127.0.0.1'] });
    const ask = (headers: Readonly<Record<string, string>>) =>
      open(gateway, '/', { headers: { ...BROWSER, ...headers } });
    expect((await ask({ host: 'evil.test' })).status).toBe(403);
    expect((await ask({ origin: 'https://evil.test' })).status).toBe(403);
    expect((await ask({ 'x-forwarded-for': '192.0.2.7' })).status).toBe(403);
    expect((await ask({})).status).toBe(200);
  });

  it.each(['/', '/mcp'])('that opened %s over https at a proxy is told https', async (path) => {
    const gateway = await start({ trustProxies: ['127.0.0.1'] });
    const headers = { ...BROWSER, 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' };
    const answer = await open(gateway, path, { headers });
    expect(textOf(answer.body)).toContain(`check ${gateway.origin.replace('http', 'https')}/mcp`);
    expect(answer.headers['strict-transport-security']).toMatch(/max-age/);
  });

  it.each(['/', '/mcp'])('that comes too often to %s is refused before', async (path) => {
    const gateway = await start({ limitAddress: '1r/m burst=60' });
    const statuses: (number | undefined)[] = [];
    for (let count = 0; count < 70; count++) statuses.push((await open(gateway, path)).status);
    expect(statuses).toContain(429);
    expect(statuses[0]).toBe(200);
  });

  it('is never shown a key that is in the address', async () => {
    const gateway = await start({ pathKeys: true });
    const key = gateway.alice.Authorization.slice('Bearer '.length);
    const { status, body } = await open(gateway, `/t/${key}/mcp`);
    expect(status).toBe(400);
    expect(body).not.toContain(key);
  });
});

describe('an MCP client', () => {
  it.each([
    ['a stream', { method: 'GET', headers: STREAM }],
    ['a stream, and takes HTML too', { method: 'GET', headers: { accept: 'text/event-stream, text/html' } }],
    ['anything', { method: 'GET', headers: { accept: '*/*' } }],
    ['JSON', { method: 'GET', headers: { accept: 'application/json' } }],
    ['nothing', { method: 'GET', headers: {} }],
    ['a POST', { method: 'POST', headers: { ...BROWSER, 'content-type': 'application/json' }, body: '{}' }],
  ])('that asks for %s gets no page', async (_what, request) => {
    const gateway = await start();
    for (const path of ['/sse', '/mcp']) {
      const { status, headers } = await send(gateway.origin, { path, ...request });
      expect([status, headers['content-type']]).toEqual([401, 'application/json']);
    }
  });
});

describe.each([
  ['5', express5],
  ['4', express4 as unknown as typeof express5],
])('mounted in somebody’s Express %s app', (_version, express) => {
  async function serve(app: RequestListener): Promise<string> {
    const server = createServer(app);
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    closers.push(
      () =>
        new Promise((fulfil) => {
          server.closeAllConnections();
          server.close(() => fulfil());
        }),
    );
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('it shows its address under the mount path', async () => {
    const { gateway } = await start();
    const app = express();
    app.use('/db', gateway.router);
    const origin = await serve(app);
    for (const path of ['/db', '/db/', '/db/sse']) {
      const { status, body } = await send(origin, { path, headers: BROWSER });
      expect([status, textOf(body).includes(`${origin}/db/mcp`)]).toEqual([200, true]);
    }
  });

  it('it leaves the root to the host’s own page', async () => {
    const { gateway } = await start();
    const app = express();
    app.use(gateway.router);
    app.get('/', (_req, res) => {
      res.send('mine');
    });
    const origin = await serve(app);
    expect((await send(origin, { path: '/', headers: BROWSER })).body).toBe('mine');
    expect((await send(origin, { path: '/mcp', headers: BROWSER })).body).toContain(`${origin}/mcp`);
  });
});

it.each([
  ['a key', {}, /asks for a key/],
  ['nothing', { auth: 'none', keyFile: undefined } as object, /asks for no credential/],
])('says that the gateway asks for %s', async (_what, options, text) => {
  const gateway = await start(options);
  expect((await open(gateway, '/')).body).toMatch(text);
});

it('names the bridge with what it needs over plain http to another computer', async () => {
  const gateway = await start({ allowedHosts: ['db.example.test'] });
  const answer = await open(gateway, '/', { headers: { ...BROWSER, host: 'db.example.test' } });
  expect(textOf(answer.body)).toContain('npx -y mcp-drawbridge http://db.example.test/mcp --allow-http');
  expect(textOf((await open(gateway, '/')).body)).not.toContain('--allow-http');
});

it('has clients start the bridge where only it can show a certificate', () => {
  const facts = { baseUrl: 'https://db.example.com', serverPath: '' } as const;
  const entriesOf = (credential: 'certificate' | 'key') =>
    [...renderPage({ ...facts, credential }).matchAll(/<details>(.*?)<\/details>/gs)].map(([, text]) => textOf(text!));
  for (const entry of entriesOf('certificate')) expect(entry).toContain('mcp-drawbridge');
  expect(entriesOf('key').some((entry) => !entry.includes('mcp-drawbridge'))).toBe(true);
  expect(renderPage({ ...facts, credential: 'certificate' })).toContain('--client-key');
  expect(renderPage({ ...facts, credential: 'password' })).toContain('Authorization: Basic');
});
