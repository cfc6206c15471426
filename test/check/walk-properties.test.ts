import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/check/finding.ts';
import { walkServer } from '../../src/check/walk.ts';
import { startBlackHole } from '../parts/black-hole.ts';
import { until, within } from '../parts/deadline.ts';
import { startHttpProxy } from '../parts/http-proxy.ts';
import { type Staging, startStagedMcp } from '../parts/staged-mcp.ts';
import { walked } from '../parts/walked.ts';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function staged(staging: Staging = {}): Promise<Awaited<ReturnType<typeof startStagedMcp>>> {
  const server = await startStagedMcp(staging);
  endings.push(server.close);
  return server;
}

const facts = { nodeVersion: '22.14.0' };
const TOKEN = 'tok-S3cret/+value==';
const BASIC = Buffer.from('kwild:pa55word-of-kwild').toString('base64');
const SECRETS = [TOKEN, BASIC, 'pa55word-of-kwild', 'query-s3cret', 'key-s3cret', 'cookie-s3cret', 'path-s3cret'];
const HEADERS = { Authorization: `Bearer ${TOKEN}`, 'X-API-Key': 'key-s3cret', Cookie: 'session=cookie-s3cret' };

describe('no finding holds a secret', () => {
  /** A server that tells everybody what it was sent. */
  const echo = (status: number): Staging => ({
    intercept: (req, res) => {
      const all = `${req.url} ${JSON.stringify(req.headers)}`;
      const headers = {
        'content-type': 'text/plain',
        'www-authenticate': `Bearer error="${all.replaceAll('"', "'")}"`,
      };
      res.writeHead(status, { ...headers, location: `https://other.example/?${TOKEN}`, server: TOKEN }).end(all);
      return true;
    },
  });

  it.each([
    200, 302, 400, 401, 403, 404, 405, 500, 502, 503,
  ])('of a server that echoes them with %d', async (status) => {
    const server = await staged(echo(status));
    for (const path of ['/sse?token=query-s3cret', '/t/path-s3cret/mcp']) {
      const text = JSON.stringify(await walked(server.url(path), { headers: HEADERS, timeoutMs: 1000 }));
      for (const secret of SECRETS) expect(text).not.toContain(secret);
      expect(text).toContain('$AUTHORIZATION');
    }
  });

  it('of a server that echoes them in what it says by MCP', async () => {
    const message = `no such key: ${TOKEN} ${BASIC}`;
    const server = await staged({ answers: { initialize: { code: -32603, message } } });
    const headers = { Authorization: `Basic ${BASIC}`, 'X-API-Key': TOKEN };
    for (const path of ['/sse', '/mcp']) {
      const found = await walked(server.url(path), { headers });
      expect(found.find(({ hop }) => hop === 'initialize')?.verdict).toBe('fail');
      for (const secret of SECRETS) expect(JSON.stringify(found)).not.toContain(secret);
    }
  });

  it('of a proxy with user and password', async () => {
    const proxy = await startHttpProxy({ answer: (head) => `HTTP/1.1 407 ${head.split('\r\n').at(-1)}\r\n\r\n` });
    endings.push(proxy.close);
    const own = proxy.url.replace('//', '//kwild:pa55word-of-kwild@');
    const found = await walked('https://mcp.invalid/sse', { proxy: { httpsProxy: own } });
    expect(found.at(-1)).toMatchObject({ hop: 'proxy', verdict: 'fail' });
    for (const secret of SECRETS) expect(JSON.stringify(found)).not.toContain(secret);
  });

  it('and other origins are sent none', async () => {
    const other = await staged();
    const seen: string[] = [];
    const listener = await staged({
      intercept: (req, res) => {
        seen.push(JSON.stringify(req.headers));
        res.end('{}');
        return true;
      },
    });
    const server = await staged({
      intercept: (_req, res) => {
        const at = `${listener.url('/meta').href}`;
        res.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${at}"` }).end();
        return true;
      },
    });
    const found = await walked(server.url('/sse'), { headers: HEADERS });
    expect(found.map(({ hop }) => hop)).toContain('metadata');
    expect(seen).toHaveLength(1);
    for (const secret of SECRETS) expect(seen[0]).not.toContain(secret);
    expect(other.methods).toEqual([]);
  });
});

describe('a walk ends', () => {
  it('at once by its signal, with nothing more found, whatever it waits for', async () => {
    const hole = await startBlackHole();
    endings.push(hole.close);
    const abort = new AbortController();
    const walking = walked(hole.url('/sse'), { signal: abort.signal, timeoutMs: 60_000 });
    await hole.asked();
    abort.abort();
    const found = await within(1000, 'the walk to end', walking);
    expect(found.map(({ hop }) => hop)).toEqual(['machine', 'dns', 'tcp']);
  });

  it('before it begins, where the signal says so already', async () => {
    const server = await staged();
    const found = await walked(server.url('/sse'), { signal: AbortSignal.abort() });
    expect(found.length).toBeLessThanOrEqual(1);
    expect(server.methods).toEqual([]);
  });

  it.each([
    '/sse',
    '/mcp',
  ])('with its session, when the signal comes while the stream of %s is watched', async (path) => {
    const server = await staged({ isBeating: false });
    const abort = new AbortController();
    const found: Finding[] = [];
    const options = { url: server.url(path), facts, heartbeatMs: 60_000, signal: abort.signal };
    for await (const finding of walkServer(options)) {
      found.push(finding);
      if (finding.hop === 'ping') setTimeout(() => abort.abort(), 20);
    }
    expect(found.at(-1)?.hop).toBe('ping');
    await until('the session is ended', () => server.openCount() === 0);
  });

  it.each(['/sse', '/mcp'])('with its session, when who reads it stops in the middle of %s', async (path) => {
    const server = await staged();
    for await (const finding of walkServer({ url: server.url(path), facts })) {
      if (finding.hop === 'initialize') break;
    }
    await until('the session is ended', () => server.openCount() === 0);
    expect(server.methods).not.toContain('tools/list');
  });

  it.each([
    ['dns', 'dns'],
    ['tcp', 'tcp'],
    ['http', 'http'],
    ['initialize', 'initialize'],
    ['ping', 'ping'],
  ] as const)('after the hop %s, where that is the last', async (hop, last) => {
    const server = await staged();
    const found = await walked(server.url('/sse'), { until: hop });
    expect(found.at(-1)?.hop).toBe(last);
    await until('no session is open', () => server.openCount() === 0);
  });

  it('with a server that lists tools in a circle', async () => {
    const server = await staged({
      results: { 'tools/list': { tools: [], nextCursor: 'again' } },
    });
    const found = await walked(server.url('/sse'));
    expect(found.find(({ hop }) => hop === 'tools')?.said).toMatch(/^0 tools in \d+ ms, 20 pages$/);
  });
});

describe('the way there', () => {
  it('may be a proxy, whose part it says', async () => {
    const server = await staged();
    const proxy = await startHttpProxy();
    endings.push(proxy.close);
    const found = await walked(`http://mcp.invalid:${server.port}/sse`, {
      proxy: { httpProxy: proxy.url },
      hostHeader: `127.0.0.1:${server.port}`,
      facts: { ...facts, proxyVariables: ['HTTP_PROXY'] },
    });
    expect(found.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')).toEqual([]);
    expect(found[0]?.said).toContain('HTTP_PROXY set, in force for mcp.invalid');
    expect(found.find(({ hop }) => hop === 'dns')?.verdict).toBe('skip');
    expect(found.find(({ hop }) => hop === 'proxy')?.said).toContain(`127.0.0.1:${proxy.port} is given every request`);
    expect(found.at(-1)).toMatchObject({ hop: 'host', verdict: 'skip' });
  });

  it('leaves a proxy out for which NO_PROXY says so', async () => {
    const proxy = { httpProxy: 'http://127.0.0.1:9', noProxy: 'example.com, .invalid' };
    const found = await walked('http://mcp.invalid/sse', {
      proxy,
      facts: { ...facts, proxyVariables: ['HTTP_PROXY', 'NO_PROXY'] },
      lookup: () => Promise.reject(Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' })),
    });
    expect(found[0]?.said).toContain('NO_PROXY covers mcp.invalid');
    expect(found.at(-1)?.hop).toBe('dns');
  });

  it('may be a tunnel, of which the near end is dialled', async () => {
    const server = await staged();
    const found = await walked('http://db.invalid:8000/sse', {
      dialTo: () => Promise.resolve({ host: '127.0.0.1', port: server.port }),
      hostHeader: `127.0.0.1:${server.port}`,
    });
    expect(found.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')).toEqual([]);
    expect(found.find(({ hop }) => hop === 'ssh')?.said).toContain(`its near end is 127.0.0.1:${server.port}`);
    expect(found.find(({ hop }) => hop === 'initialize')?.verdict).toBe('ok');
  });

  it('goes to Streamable HTTP where the path speaks that in place of SSE, and the other way round', async () => {
    const swapped = await staged({ paths: { sse: '/stream', http: '/sse' } });
    for (const path of ['/sse', '/stream']) {
      const found = await walked(swapped.url(path));
      expect(found.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')).toEqual([]);
      expect(found.find(({ hop }) => hop === 'tools')?.verdict).toBe('ok');
    }
    await until('no session is open', () => swapped.openCount() === 0);
  });

  it('refuses headers that cannot be sent', async () => {
    await expect(walked('http://127.0.0.1:9/sse', { headers: { 'X-A': 'a\nb' } })).rejects.toMatchObject({
      code: 'config',
    });
  });
});

describe('the commands beside the findings', () => {
  it('do the same with curl, secrets from variables', async () => {
    const server = await staged({
      intercept: (req, res) => {
        if (req.headers.authorization === `Bearer ${TOKEN}`) return false;
        res.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
        return true;
      },
    });
    const found = await walked(server.url('/mcp'), { headers: { Authorization: `Bearer ${TOKEN}` } });
    const curl = found.find(({ hop }) => hop === 'initialize')?.curl ?? '';
    const run = async (env: Readonly<Record<string, string>>): Promise<string> =>
      (await promisify(execFile)('sh', ['-c', curl], { env: { PATH: process.env['PATH'], ...env }, timeout: 10_000 }))
        .stdout;
    expect(await run({ AUTHORIZATION: `Bearer ${TOKEN}` })).toMatch(
      /^HTTP\/1\.1 200[\s\S]*"serverInfo":\{"name":"staged"/,
    );
    expect(await run({})).toMatch(/^HTTP\/1\.1 401/);
  });
});
