/** An MCP server that refuses the gateway: what the operator's log says of it, and what the client is told. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GATEWAY_COMMAND_OPTIONS } from '../../../src/config/gateway-options.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { operatorHint } from '../../../src/gateway/operator-hint.ts';
import { silentLogger } from '../../../src/log.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../../parts/raw-http.ts';

let reply: { status: number; headers: Record<string, string>; body: string };
let upstream: Server;
let gateway: TestGateway;
let warnings: { fields: Readonly<Record<string, unknown>>; message: string }[];

beforeEach(async () => {
  warnings = [];
  upstream = createServer((_req, res) => res.writeHead(reply.status, reply.headers).end(reply.body));
  await new Promise<void>((fulfil) => upstream.listen(0, '127.0.0.1', fulfil));
});
afterEach(async () => {
  await gateway.close();
  upstream.closeAllConnections();
  await new Promise((fulfil) => upstream.close(fulfil));
});

async function start(path: '/sse' | '/mcp'): Promise<number> {
  const { port } = upstream.address() as AddressInfo;
  const warn = (fields: Readonly<Record<string, unknown>> | string, message?: string): void => {
    if (typeof fields === 'object') warnings.push({ fields, message: message ?? '' });
  };
  gateway = await startGateway({
    upstream: `http://127.0.0.1:${port}${path}`,
    upstreamTransport: path === '/sse' ? 'sse' : 'http',
    logger: { ...silentLogger, warn },
  });
  return port;
}

const PLAIN = { 'content-type': 'text/plain' };
const CASES = [
  {
    status: 421,
    headers: PLAIN,
    body: 'Invalid Host header',
    says: 'does not accept this Host header',
    hint: /--upstream-host/,
  },
  { status: 403, headers: PLAIN, body: 'Invalid Origin header', says: 'refused', hint: /Origin.*--upstream-header/ },
  { status: 403, headers: PLAIN, body: 'no', says: 'refused', hint: /--upstream-header.*--upstream-host/ },
  { status: 401, headers: PLAIN, body: '', says: 'refused', hint: /--upstream-header "Authorization: Bearer …"/ },
  { status: 404, headers: PLAIN, body: '', says: 'does not know this session or path', hint: /path of --upstream/ },
  {
    status: 307,
    headers: { location: 'http://other.example/sse' },
    body: '',
    says: 'http://other.example/sse',
    hint: /--upstream/,
  },
  {
    status: 200,
    headers: { 'content-type': 'text/html' },
    body: '<html>',
    says: 'did not answer as an MCP',
    hint: /--upstream/,
  },
] as const;

describe.each(CASES)('an MCP server that answers HTTP $status $body', ({ hint, says, ...answer }) => {
  it.each([
    { method: 'GET', path: '/sse', of: '/sse' } as const,
    { method: 'POST', path: '/mcp', of: '/mcp' } as const,
  ])('is explained in the log with what to try, at $method $path, and the client sees 502 and no internals', async ({
    of,
    ...request
  }) => {
    reply = answer;
    const port = await start(of);
    const body = request.method === 'POST' ? { body: INITIALIZE } : {};
    const { status, body: text } = await send(gateway.origin, {
      ...request,
      headers: { ...JSON_HEADERS, ...gateway.alice },
      ...body,
    });
    expect([status, text]).toEqual([502, expect.stringMatching(/behind this gateway/)]);
    expect(text).not.toMatch(new RegExp(`${port}|127\\.0\\.0\\.1|other\\.example|--`));
    const told = warnings.filter(({ message }) => message.includes(says));
    expect(told).toHaveLength(1);
    expect(told[0]!.fields['try']).toMatch(hint);
    expect(gateway.gateway.sessionCount).toBe(0);
  });
});

describe('what an operator is told to try', () => {
  const error = (code: ConstructorParameters<typeof DrawbridgeError>[0], hint: string, upstreamStatus?: number) =>
    new DrawbridgeError(code, 'x', { hint, ...(upstreamStatus === undefined ? {} : { upstreamStatus }) });

  it.each([
    error('upstream_unreachable', 'Nothing listens. Is it running? --ssh keeps one up.'),
    error('upstream_untrusted', 'Give the authority with --ca.'),
    error('upstream_timeout', '--headers-timeout 0 waits'),
    error('upstream_refused', 'Give --client-cert.', 400),
    error('upstream_refused', 'Give --header.', 401),
    error('upstream_refused', 'Give --header.', 403),
    error('upstream_error', 'x', 421),
    error('upstream_redirect', 'x', 307),
    error('upstream_invalid', 'x', 200),
    error('session_lost', 'x', 404),
  ])('is an option that the gateway has: $code $upstreamStatus', (given) => {
    const names = GATEWAY_COMMAND_OPTIONS.map(({ name }) => `--${name}`);
    const mentioned = operatorHint(given).match(/--[a-z][a-z-]*/g) ?? [];
    expect(names).toEqual(expect.arrayContaining(mentioned));
  });

  it('is the error’s own advice where that names no option of the bridge', () => {
    const given = error('upstream_unreachable', 'This machine cannot go there over IPv6; --family 4 takes IPv4.');
    expect(operatorHint(given)).toBe(given.hint);
  });
});
