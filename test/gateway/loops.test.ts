import { afterEach, describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/gateway.ts';
import type { Logger } from '../../src/log.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { connectHttp, connectSse } from '../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';

const SERVER_FREE = 'http://127.0.0.1:9/mcp';
const ends: (() => Promise<void>)[] = [];
let lines: string[] = [];
const note = (...parts: unknown[]): void => {
  lines.push(JSON.stringify(parts));
};
const logger: Logger = { debug: note, info: note, warn: note, error: note };

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  lines = [];
});

async function start(): Promise<TestGateway> {
  const gateway = await startGateway({ upstream: SERVER_FREE, logger });
  ends.push(() => gateway.close());
  return gateway;
}

/** Points a gateway, which had to listen first, to what is in front of it. */
function lead(from: TestGateway, to: TestGateway, path: string, more: Record<string, string> = {}): void {
  from.gateway.reload({
    upstream: `${to.origin}${path}`,
    keyFile: from.keyFile,
    upstreamHeaders: { ...to.alice, ...more },
    logger,
  });
}

const initialize = (gateway: TestGateway) =>
  send(gateway.origin, {
    method: 'POST',
    path: '/mcp',
    headers: { ...JSON_HEADERS, ...gateway.alice },
    body: INITIALIZE,
  });

/** By the name of the gateway, and not by the number of those that were passed. */
function expectFoundAtOnce(): void {
  expect(lines.join('\n')).toMatch(/come back to the gateway that sent it/);
  expect(lines.join('\n')).not.toMatch(/has passed \d+ gateways/);
}

describe('an upstream that leads back', () => {
  it.each(['/mcp', '/sse'])('to the gateway itself is answered with loop_detected (%s)', async (path) => {
    const a = await start();
    lead(a, a, path);
    const answer = await initialize(a);
    expect(answer.status).toBe(508);
    expect(JSON.parse(answer.body)).toMatchObject({
      id: 0,
      error: { code: -32603, data: { reason: 'loop_detected' } },
    });
    expect(lines.join('\n')).toMatch(/loop_detected/);
    expectFoundAtOnce();
    expect(a.gateway.sessionCount).toBe(0);
  });

  it.each(['/mcp', '/sse'])('over another gateway too (%s)', async (path) => {
    const [a, b] = [await start(), await start()];
    lead(a, b, path);
    lead(b, a, path);
    const answer = await initialize(a);
    expect([answer.status, answer.body]).toEqual([508, expect.stringContaining('loop_detected')]);
    expect([a.gateway.sessionCount, b.gateway.sessionCount]).toEqual([0, 0]);
    expectFoundAtOnce();
  });

  it('is found after the options have changed as well', async () => {
    const a = await start();
    lead(a, a, '/mcp');
    lead(a, a, '/mcp', { 'X-Other': '1' });
    expect((await initialize(a)).status).toBe(508);
  });

  it('tells the client nothing of the addresses', async () => {
    const a = await start();
    lead(a, a, '/mcp');
    expect((await initialize(a)).body).not.toContain('127.0.0.1');
  });
});

describe('gateways in a row', () => {
  let server: TestMcpServer;

  it.each(['/mcp', '/sse'])('serve as one does, and name themselves to the next (%s)', async (path) => {
    server = await startMcpServer();
    ends.push(() => server.kill());
    const [a, b] = [await start(), await start()];
    lead(a, b, path);
    b.gateway.reload({
      upstream: path === '/mcp' ? server.httpUrl : server.sseUrl,
      keyFile: b.keyFile,
      logger,
    });
    const connect = path === '/mcp' ? connectHttp : connectSse;
    const client = await connect(`${a.origin}${path}`, a.alice);
    expect(await client.callText('echo', { text: 'through both' })).toBe('through both');
    await client.close();
    const vias = new Set(server.seen.map(({ headers }) => headers.via));
    expect([...vias]).toEqual([expect.stringMatching(/^1\.1 drawbridge-[0-9a-f]{16}, 1\.1 drawbridge-[0-9a-f]{16}$/)]);
  });
});

it('Via cannot be configured: the gateway writes it', () => {
  const options = { upstream: SERVER_FREE, auth: 'none', upstreamHeaders: { via: '1.1 me' } } as const;
  expect(() => createGateway(options)).toThrow('the header Via is written by the gateway itself');
});
