import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import type { Transport } from '../../src/relay/transport.ts';
import { createUpstream, type DetectingOptions } from '../../src/upstream/detection.ts';
import { within } from '../parts/deadline.ts';
import { answer, EventLog, messageOf, quietly, rejectionOf, request } from '../parts/memory-transport.ts';
import { event, json, type RawServer, response, STREAM_HEAD, startRawServer } from '../parts/raw-server.ts';

let server: RawServer;
const upstreams: Transport[] = [];

beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  const closed = Promise.all(upstreams.splice(0).map((upstream) => upstream.close()));
  await server.close();
  await closed;
});

interface Created {
  readonly upstream: Transport;
  readonly log: EventLog;
  readonly detected: string[];
}

function create(path: string, kind: DetectingOptions['kind'] = 'auto'): Created {
  const detected: string[] = [];
  const onDetected = (found: string): void => void detected.push(found);
  const upstream = createUpstream({ url: server.url(path), logger: silentLogger, kind, onDetected });
  upstreams.push(upstream);
  return { upstream, log: new EventLog(), detected };
}

const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}';
const WELCOME = answer('0', '{"protocolVersion":"2025-06-18"}');
const ENDPOINT = event('/messages', 'event: endpoint\n');
const seen = (): string[] => server.requests.map(({ method, path }) => `${method} ${path}`);
const settled = (promise: unknown) => within(2000, 'the rejection', rejectionOf(promise));

describe('a URL that ends in /sse', () => {
  it('is opened as an event stream, with one request', async () => {
    const { upstream, log, detected } = create('/sse');
    const started = upstream.start(log);
    quietly(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('GET /sse')).reply(STREAM_HEAD + ENDPOINT);
    await started;
    const post = await server.next('POST /messages');
    expect(post.body).toBe(INITIALIZE);
    expect([detected, seen()]).toEqual([['sse'], ['GET /sse', 'POST /messages']]);
    await server.connections[0]!.write(event(WELCOME));
    expect(await log.messageCount(1)).toEqual([WELCOME]);
  });

  it.each([400, 404, 405, 406, 415, 501])('is posted to when it answers HTTP %i', async (status) => {
    const { upstream, log, detected } = create('/sse/');
    const started = upstream.start(log);
    quietly(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('GET /sse/')).reply(response(status, 'no'));
    await started;
    await (await server.next('POST /sse/')).reply(json(WELCOME));
    expect(await log.messageCount(1)).toEqual([WELCOME]);
    expect([detected, seen()]).toEqual([['http'], ['GET /sse/', 'POST /sse/']]);
  });

  it.each([
    [401, 'upstream_refused'],
    [403, 'upstream_refused'],
    [500, 'upstream_error'],
    [503, 'upstream_error'],
  ])('is not asked again otherwise when it answers HTTP %i', async (status, code) => {
    const { upstream, log, detected } = create('/sse');
    const error = settled(upstream.start(log));
    const waiting = settled(upstream.send(messageOf(INITIALIZE)));
    const endsBefore = waiting.then(() => log.ends.length);
    await (await server.next('GET')).reply(response(status));
    expect(await error).toMatchObject({ code, upstreamStatus: status });
    expect(await waiting).toMatchObject({ code, mayHaveRun: false });
    expect([await endsBefore, log.ends]).toEqual([1, [await error]]);
    expect([detected, seen()]).toEqual([[], ['GET /sse']]);
  });

  it('whose stream ends with its endpoint has its end told', async () => {
    const { upstream, log } = create('/sse');
    const started = upstream.start(log);
    (await server.next('GET')).connection.end(
      `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: ${ENDPOINT.length}\r\n\r\n${ENDPOINT}`,
    );
    await started;
    expect(await log.ended()).toMatchObject({ code: 'upstream_lost' });
    expect(log.ends).toHaveLength(1);
  });
});

describe('any other URL', () => {
  it('gets the first message as a POST, and nothing before it', async () => {
    const { upstream, log, detected } = create('/mcp');
    await upstream.start(log);
    expect(seen()).toEqual([]);
    const sent = [upstream.send(messageOf(INITIALIZE)), upstream.send(messageOf(request('1')))];
    const post = await server.next('POST /mcp');
    expect(post.body).toBe(INITIALIZE);
    await post.reply(json(WELCOME, { 'Mcp-Session-Id': 's1' }));
    expect((await server.next('POST /mcp')).body).toBe(request('1'));
    await sent[0];
    quietly(sent[1]);
    expect([detected, seen(), log.messages]).toEqual([['http'], ['POST /mcp', 'POST /mcp'], [WELCOME]]);
  });

  it.each([400, 404, 405, 406, 415, 501])('is opened as an event stream when it answers HTTP %i', async (status) => {
    const { upstream, log, detected } = create('/x');
    await upstream.start(log);
    const sent = [upstream.send(messageOf(INITIALIZE)), upstream.send(messageOf(request('1')))];
    await (await server.next('POST /x')).reply(response(status, 'no'));
    await (await server.next('GET /x')).reply(STREAM_HEAD + ENDPOINT);
    for (const body of [INITIALIZE, request('1')]) {
      const post = await server.next('POST /messages');
      expect(post.body).toBe(body);
      await post.reply(response(202));
    }
    await Promise.all(sent);
    expect([detected, seen()]).toEqual([['sse'], ['POST /x', 'GET /x', 'POST /messages', 'POST /messages']]);
  });

  it('that is a page, not a server, is tried as both, and the first answer told', async () => {
    const { upstream, log } = create('/');
    await upstream.start(log);
    const sent = [INITIALIZE, request('1')].map((text) => settled(upstream.send(messageOf(text))));
    await (await server.next('POST /')).reply(response(405, 'POST not allowed'));
    await (await server.next('GET /')).reply(response(200, '<html>', { 'Content-Type': 'text/html' }));
    for (const error of sent)
      expect(await error).toMatchObject({ code: 'upstream_error', why: 'HTTP 405: POST not allowed' });
    expect(seen()).toEqual(['POST /', 'GET /']);
  });

  it.each([
    [401, 'upstream_refused'],
    [403, 'upstream_refused'],
    [421, 'upstream_error'],
    [500, 'upstream_error'],
    [503, 'upstream_error'],
  ])('is not asked otherwise when it answers HTTP %i, and the question stays open', async (status, code) => {
    const { upstream, log, detected } = create('/mcp');
    await upstream.start(log);
    const errors = [INITIALIZE, request('1')].map((text) => settled(upstream.send(messageOf(text))));
    await (await server.next('POST')).reply(response(status));
    const [first, waiting] = await Promise.all(errors);
    expect(first).toMatchObject({ code, upstreamStatus: status, mayHaveRun: true });
    expect(waiting).toMatchObject({ code, upstreamStatus: status, mayHaveRun: false });
    quietly(upstream.send(messageOf(INITIALIZE)));
    await (await server.next('POST')).reply(json(WELCOME));
    expect(await log.messageCount(1)).toEqual([WELCOME]);
    expect([detected, seen()]).toEqual([['http'], ['POST /mcp', 'POST /mcp']]);
  });

  it('is not asked otherwise when a JSON-RPC error answers the first message', async () => {
    const { upstream, log, detected } = create('/mcp');
    await upstream.start(log);
    quietly(upstream.send(messageOf(INITIALIZE)));
    const body = '{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"Unsupported protocol version"}}';
    await (await server.next('POST')).reply(response(400, body, { 'Content-Type': 'application/json' }));
    expect(await log.messageCount(1)).toEqual([body]);
    expect(seen()).toEqual(['POST /mcp']);
    expect(detected).toHaveLength(1);
  });

  it('that answers nothing is told so', async () => {
    const { upstream, log } = create('/mcp');
    await upstream.start(log);
    const error = settled(upstream.send(messageOf(INITIALIZE)));
    (await server.next('POST')).connection.end();
    expect(await error).toMatchObject({ code: 'upstream_lost', mayHaveRun: true });
    expect(log.ends).toEqual([]);
  });
});

describe('closing before the transport is known', () => {
  it.each(['/mcp', '/sse'])('settles everything that waits at %s, and opens nothing later', async (path) => {
    const { upstream, log, detected } = create(path);
    const started = Promise.resolve(upstream.start(log)).catch(() => {});
    const errors = [INITIALIZE, request('1')].map((text) => settled(upstream.send(messageOf(text))));
    await server.next(path === '/mcp' ? 'POST' : 'GET');
    await upstream.close();
    for (const error of await Promise.all(errors)) expect(error).toMatchObject({ code: 'upstream_lost' });
    expect(await settled(upstream.send(messageOf(request('2'))))).toMatchObject({ code: 'upstream_lost' });
    await within(1000, 'the start to settle', started);
    expect([detected, log.ends, seen().length]).toEqual([[], [], 1]);
  });

  it('before anything was sent leaves no way to send', async () => {
    const { upstream, log } = create('/mcp');
    await upstream.start(log);
    await upstream.close();
    expect(await settled(upstream.send(messageOf(INITIALIZE)))).toMatchObject({
      code: 'upstream_lost',
      mayHaveRun: false,
    });
    expect(seen()).toEqual([]);
  });
});

describe('a transport that is fixed', () => {
  it.each([
    ['sse', '/mcp', 'GET /mcp'],
    ['http', '/sse', 'POST /sse'],
  ] as const)('(%s) is used whatever the URL %s suggests, and no other is tried', async (kind, path, first) => {
    const { upstream, log } = create(path, kind);
    const started = Promise.resolve(upstream.start(log)).catch(() => {});
    const error = settled(upstream.send(messageOf(INITIALIZE)));
    await (await server.next(first)).reply(response(405));
    expect(await error).toMatchObject({ code: 'upstream_error', upstreamStatus: 405 });
    await started;
    expect(seen()).toEqual([first]);
  });
});
