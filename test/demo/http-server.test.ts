import { get, type IncomingMessage, request } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type HttpServer, startHttpServer } from '../../src/demo/http-server.ts';
import { MAX_SESSIONS, SESSION_IDLE_MS } from '../../src/demo/sessions.ts';

let server: HttpServer;
const warnings: string[] = [];

beforeEach(async () => {
  server = await startHttpServer({
    createServer: () => new Server({ name: 'empty', version: '1' }),
    logger: { warn: (message) => warnings.push(message) },
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
  expect(warnings.splice(0)).toEqual([]);
});

function fetchStatus(path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
  return new Promise<number | undefined>((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    request(`${server.origin}${path}`, { method, headers }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    })
      .on('error', reject)
      .end(body);
  });
}

function openSse(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(`${server.origin}/sse`, resolve).on('error', reject));
}

it.each([
  'attacker.example',
  'localhost.attacker.example',
  '127.0.0.1.attacker.example:80',
  '127.0.0.1@x',
  '10.0.0.1',
])('refuses the Host %j on every path', async (host) => {
  for (const path of ['/sse', '/messages?sessionId=x', '/mcp', '/']) {
    expect(await fetchStatus(path, { headers: { host } })).toBe(403);
  }
});

it.each([
  'localhost',
  'LOCALHOST:1234',
  '127.0.0.1',
  '127.0.0.1:80',
  '[::1]',
  '[::1]:8000',
])('takes the Host %j', async (host) => {
  expect(await fetchStatus('/sse', { headers: { host } })).toBe(200);
});

it('refuses a foreign Origin and takes a loopback one', async () => {
  expect(await fetchStatus('/sse', { headers: { origin: 'https://attacker.example' } })).toBe(403);
  expect(await fetchStatus('/sse', { headers: { origin: 'null' } })).toBe(403);
  expect(await fetchStatus('/sse', { headers: { origin: 'http://localhost:3000' } })).toBe(200);
});

it.each([
  ['GET', '/', 404],
  ['GET', '//', 404],
  ['POST', '/sse', 405],
  ['GET', '/messages', 405],
  ['POST', '/messages', 404],
  ['POST', '/messages?sessionId=unknown', 404],
  ['GET', '/mcp', 400],
  ['DELETE', '/mcp', 400],
] as const)('answers %s %s with %i', async (method, path, status) => {
  expect(await fetchStatus(path, { method })).toBe(status);
});

it('answers an unknown Streamable HTTP session with 404', async () => {
  expect(await fetchStatus('/mcp', { method: 'POST', headers: { 'mcp-session-id': 'unknown' } })).toBe(404);
});

it(`refuses session ${MAX_SESSIONS + 1} with 503, and takes one more when one has ended`, async () => {
  const streams = await Promise.all(Array.from({ length: MAX_SESSIONS }, openSse));
  expect(streams.map(({ statusCode }) => statusCode)).toEqual(streams.map(() => 200));
  expect(await fetchStatus('/sse')).toBe(503);
  expect(await fetchStatus('/mcp', { method: 'POST' })).toBe(503);
  streams[0]!.destroy();
  await expect.poll(() => fetchStatus('/sse'), { timeout: 5_000 }).toBe(200);
  for (const stream of streams) stream.destroy();
});

it('keeps no session for a POST that is not an initialize', async () => {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
  for (let n = 0; n < MAX_SESSIONS + 6; n += 1) {
    expect(await fetchStatus('/mcp', { method: 'POST', headers, body })).toBe(400);
  }
});

it('frees a Streamable HTTP session that is idle, and not while its stream is open', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const transport = new StreamableHTTPClientTransport(new URL(`${server.origin}/mcp`));
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport as Transport);
  const headers = { 'mcp-session-id': transport.sessionId ?? '', accept: 'text/event-stream' };
  // 409, as there may be one such stream a session: the client's is open.
  await expect.poll(() => fetchStatus('/mcp', { headers }), { timeout: 5_000 }).toBe(409);
  vi.advanceTimersByTime(10 * SESSION_IDLE_MS);
  await expect(client.ping()).resolves.toEqual({});
  await client.close();
  const idleAndAsk = () => {
    vi.advanceTimersByTime(SESSION_IDLE_MS);
    return fetchStatus('/mcp', { method: 'POST', headers });
  };
  await expect.poll(idleAndAsk, { timeout: 5_000 }).toBe(404);
});

it('frees a Streamable HTTP session at its DELETE', async () => {
  const transport = new StreamableHTTPClientTransport(new URL(`${server.origin}/mcp`));
  await new Client({ name: 'test', version: '1' }).connect(transport as Transport);
  const headers = { 'mcp-session-id': transport.sessionId ?? '' };
  await transport.terminateSession();
  expect(await fetchStatus('/mcp', { method: 'POST', headers })).toBe(404);
  await transport.close();
});
