import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { SseUpstream } from '../../src/upstream/sse.ts';
import type { UpstreamOptions } from '../../src/upstream/upstream-options.ts';
import { within } from '../parts/deadline.ts';
import { EventLog, messageOf, quietly, rejectionOf } from '../parts/memory-transport.ts';
import { event, type RawServer, response, STREAM_HEAD, startRawServer } from '../parts/raw-server.ts';

let server: RawServer;
const upstreams: SseUpstream[] = [];

beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.close()));
  await server.close();
});

const ENDPOINT = event('/messages?sessionId=1', 'event: endpoint\n');

function create(options: Partial<UpstreamOptions> = {}): SseUpstream {
  const upstream = new SseUpstream({ url: server.url('/sse'), logger: silentLogger, ...options });
  upstreams.push(upstream);
  return upstream;
}

async function startError(bytes: string, options: Partial<UpstreamOptions> = {}, isEnded = true) {
  const upstream = create(options);
  const log = new EventLog();
  const rejection = rejectionOf(upstream.start(log));
  const { connection } = await server.next('GET');
  if (isEnded) connection.end(bytes);
  else await connection.write(bytes);
  const error = await within(3000, 'the start to fail', rejection);
  expect(log.ends).toEqual([error]);
  return error;
}

describe('opening the event stream', () => {
  it('asks for it as an event stream, with the headers that were configured', async () => {
    const started = create({ headers: { Authorization: 'Bearer k' }, hostHeader: 'localhost:1' }).start(new EventLog());
    const { head, reply } = await server.next('GET /sse');
    await reply(STREAM_HEAD + ENDPOINT);
    await started;
    expect(head).toBe(
      'GET /sse HTTP/1.1\r\nHost: localhost:1\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\nAuthorization: Bearer k',
    );
  });

  it.each([
    'text/event-stream; charset=utf-8',
    'Text/Event-Stream',
    'text/event-stream ;x=y',
  ])('takes %s', async (type) => {
    const upstream = create();
    const started = upstream.start(new EventLog());
    await (await server.next('GET')).reply(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n\r\n${ENDPOINT}`);
    await started;
  });

  it.each([
    [401, 'upstream_refused', 'refused the supplied credential'],
    [403, 'upstream_refused', 'refused the supplied credential'],
    [404, 'session_lost', 'does not know this session or path'],
    [405, 'upstream_error', 'answered with an error'],
    [503, 'upstream_error', 'answered with an error'],
  ])('fails on HTTP %i with %s', async (status, code, message) => {
    expect(await startError(response(status, 'the body'))).toMatchObject({
      code,
      message: `127.0.0.1:${server.port} ${message}`,
      why: `HTTP ${status}: the body`,
      upstreamStatus: status,
    });
  });

  it('tells how to satisfy a server that wants another Host', async () => {
    expect(await startError(response(421, 'Invalid Host header'))).toMatchObject({
      code: 'upstream_error',
      message: `127.0.0.1:${server.port} does not accept this Host header`,
      hint: expect.stringMatching(/use one of them in the URL.*--upstream-host/),
    });
  });

  it('names where a redirect leads, and does not go there', async () => {
    const error = await startError(response(307, '', { Location: 'http://other.example/sse' }));
    expect(error).toMatchObject({
      code: 'upstream_redirect',
      message: `127.0.0.1:${server.port} redirects to http://other.example/sse`,
      mayHaveRun: false,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('fails at once on a page with status 200, though the page never ends', async () => {
    const page = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n<html>';
    expect(await startError(page, {}, false)).toMatchObject({
      code: 'upstream_invalid',
      message: `127.0.0.1:${server.port} did not answer as an MCP server`,
      why: 'HTTP 200, text/html',
    });
  });

  it('quotes no HTML, and of other bodies 200 characters', async () => {
    expect(await startError(response(500, '<!DOCTYPE html><title>secret</title>'))).toMatchObject({
      why: 'HTTP 500: an HTML page',
    });
    expect(await startError(response(500, 'x'.repeat(5000)))).toMatchObject({ why: `HTTP 500: ${'x'.repeat(200)}` });
  });

  it('fails when the stream ends before it told its endpoint', async () => {
    expect(await startError(STREAM_HEAD)).toMatchObject({
      code: 'upstream_lost',
      message: `127.0.0.1:${server.port} ended its event stream`,
    });
  });

  it('fails when no endpoint comes in time', async () => {
    expect(await startError(`${STREAM_HEAD}: ping\n\n`, { endpointTimeoutMs: 50 }, false)).toMatchObject({
      code: 'upstream_timeout',
      message: `127.0.0.1:${server.port} opened no event stream with an endpoint within 50 ms`,
    });
  });

  it('fails when nobody listens', async () => {
    const url = server.url('/sse');
    await server.close();
    expect(await rejectionOf(create({ url }).start(new EventLog()))).toMatchObject({ code: 'upstream_unreachable' });
  });

  it.each([
    ['http://evil.test/messages', '"http://evil.test/messages"'],
    ['//evil.test/messages', '"//evil.test/messages"'],
    ['https://127.0.0.1/messages', '"https://127.0.0.1/messages"'],
    ['http://127.0.0.1:1/messages', '"http://127.0.0.1:1/messages"'],
    ['javascript:alert(1)', '"javascript:alert(1)"'],
    ['http://[', '"http://["'],
  ])('refuses the foreign endpoint %s', async (endpoint, why) => {
    expect(await startError(STREAM_HEAD + event(endpoint, 'event: endpoint\n'), {}, false)).toMatchObject({
      code: 'upstream_invalid',
      message: `127.0.0.1:${server.port} announced an endpoint that is not its own`,
      why,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('takes an endpoint that is its own by the Host header it was sent', async () => {
    const upstream = create({ hostHeader: 'mcp.example:8000' });
    const started = upstream.start(new EventLog());
    const { reply } = await server.next('GET');
    await reply(STREAM_HEAD + event('http://mcp.example:8000/m?s=1', 'event: endpoint\n'));
    await started;
    quietly(upstream.send(messageOf('{}')));
    await server.next('POST /m?s=1');
  });

  it.each([
    ['/m?s=1', '/m?s=1'],
    ['m?s=1', '/m?s=1'],
    ['?s=1', '/sse?s=1'],
    ['http://localhost:PORT/m', '/m'],
    ['http://127.0.0.1:PORT/m#x', '/m'],
    ['/a b\u00e9', '/a%20b%C3%A9'],
  ])('takes the endpoint %s', async (endpoint, path) => {
    const upstream = create();
    const started = upstream.start(new EventLog());
    const told = event(endpoint.replace('PORT', String(server.port)), 'event: endpoint\n');
    await (await server.next('GET')).reply(STREAM_HEAD + told);
    await started;
    quietly(upstream.send(messageOf('{"method":"x"}')));
    expect((await server.next('POST')).path).toBe(path);
  });
});
