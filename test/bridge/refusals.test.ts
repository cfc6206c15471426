import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { answer } from '../parts/memory-transport.ts';
import { answers, INITIALIZE, INITIALIZED, reasonOf, request } from '../parts/stdio-messages.ts';
import { type StreamBridge, startStreamBridge } from '../parts/stream-bridge.ts';

const WELCOME = answer('1', '{"protocolVersion":"2025-06-18","capabilities":{}}');
const STATUSES = [400, 413, 429, 500] as const;
const BODIES = [
  ['text/plain', 'it is too much', 'it is too much'],
  ['text/html', '<html><h1>Oops</h1></html>', 'an HTML page'],
  ['application/json', '{"detail":"no"}', '{"detail":"no"}'],
  ['application/json', '', ''],
] as const;

let server: Server;
let bridge: StreamBridge;
afterEach(async () => {
  await bridge.bridge.close();
  server.closeAllConnections();
  await new Promise((fulfil) => server.close(fulfil));
});

/** A server that refuses every request after the handshake. */
async function startRefusing(kind: 'sse' | 'http', status: number, type: string, refusal: string): Promise<string> {
  server = createServer((req, res) => {
    if (req.method === 'GET' && kind === 'sse') {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: endpoint\ndata: /messages\n\n');
      stream = res;
      return;
    }
    if (req.method !== 'POST') {
      res.writeHead(405).end();
      return;
    }
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('end', () => {
      if (body === INITIALIZE && kind === 'http')
        res.writeHead(200, { 'content-type': 'application/json' }).end(WELCOME);
      else if (body === INITIALIZE) {
        res.writeHead(202).end();
        stream?.write(`event: message\ndata: ${WELCOME}\n\n`);
      } else if (body === INITIALIZED) res.writeHead(202).end();
      else res.writeHead(status, { 'content-type': type }).end(refusal);
    });
  });
  let stream: import('node:http').ServerResponse | undefined;
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/${kind === 'sse' ? 'sse' : 'mcp'}`;
}

async function open(url: string): Promise<void> {
  bridge = startStreamBridge({ url });
  bridge.writeLine(INITIALIZE);
  await bridge.line('initialize is answered', answers('1'));
  bridge.writeLine(INITIALIZED);
}

describe.each(['sse', 'http'] as const)('a request that is refused over %s', (kind) => {
  const cases = STATUSES.flatMap((status) => BODIES.map((body) => [status, ...body] as const));

  it.each(
    cases,
  )('with HTTP %i, %s, %j is answered once, with its id and what the server said', async (status, type, body, said) => {
    await open(await startRefusing(kind, status, type, body));
    // Calls, since a list is asked for again where the server is in trouble.
    bridge.writeLine(request('9007199254740993', 'tools/call'));
    bridge.writeLine(request('"next"', 'tools/call'));
    const line = await bridge.line('it is answered', answers('9007199254740993'));
    await bridge.line('the next is answered', answers('"next"'));
    expect(reasonOf(line)).toBe('upstream_error');
    const { error } = JSON.parse(line) as { error: { code: number; message: string } };
    expect(error.code).toBe(-32603);
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+ (answered with an error|takes no more requests for now): HTTP /);
    expect(error.message.endsWith(`HTTP ${status}${said === '' ? '' : `: ${said}`}`)).toBe(true);
    expect(bridge.lines).toHaveLength(3);
  });
});

describe('an error answer without an id', () => {
  const ERROR = '{"code":-32700,"message":"Parse error","data":1.10}';

  it('over SSE is that to the only request that waits; with several it is dropped, and they go on waiting', async () => {
    const streams: import('node:http').ServerResponse[] = [];
    let posts = 0;
    server = createServer((req, res) => {
      if (req.method === 'GET') {
        streams.push(res.writeHead(200, { 'content-type': 'text/event-stream' }));
        res.write('event: endpoint\ndata: /messages\n\n');
      } else req.on('end', () => res.writeHead(202).end(() => posts++)).resume();
    });
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    const warnings: string[] = [];
    const ignore = (): void => {};
    bridge = startStreamBridge({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sse`,
      logger: {
        error: ignore,
        info: ignore,
        debug: ignore,
        warn: (first: unknown, second?: string) => void warnings.push(second ?? String(first)),
      },
    });
    const say = (text: string): unknown => streams[0]?.write(`event: message\ndata: ${text}\n\n`);
    bridge.writeLine(request('1', 'tools/list'));
    await until('the POST', () => posts === 1);
    say(`{"jsonrpc":"2.0","id":null,"error":${ERROR}}`);
    expect(await bridge.line('it is answered', answers('1'))).toBe(`{"jsonrpc":"2.0","id":1,"error":${ERROR}}`);
    for (const id of ['2', '3']) bridge.writeLine(request(id, 'tools/list'));
    await until('the POSTs', () => posts === 3);
    say(`{"jsonrpc":"2.0","id":null,"error":${ERROR}}`);
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual(['dropped a message that answers no open request of the client']);
    for (const id of ['2', '3']) say(answer(id));
    await bridge.line('the last is answered', answers('3'));
    expect(bridge.lines.slice(1)).toEqual([answer('2'), answer('3')]);
  });
});
