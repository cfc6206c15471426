/** Clients whose streams are cut and who come back for the rest (MCP 2025-11-25, resumability and redelivery). */
import { type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { type FaultProxy, startFaultProxy } from '../parts/fault-proxy.ts';
import { type FaultUpstream, startFaultUpstream } from '../parts/fault-upstream.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { connectHttp } from '../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';

const VERSION = { 'mcp-protocol-version': '2025-11-25' };
type Headers = Readonly<Record<string, string>>;

/** One response as it comes in. */
interface Arriving {
  readonly status: number;
  readonly response: IncomingMessage;
  text(): string;
  ids(): string[];
}

let upstream: FaultUpstream;
let gateway: TestGateway;
let session: Headers;

function open(method: string, body: string | undefined, headers: Headers): Promise<Arriving> {
  return new Promise((fulfil, reject) => {
    const accept = method === 'GET' ? { accept: 'text/event-stream' } : JSON_HEADERS;
    const outgoing = request(
      { host: '127.0.0.1', port: gateway.port, path: '/mcp', method, headers: { ...accept, ...headers }, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', () => {});
        const ids = (): string[] => [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? '');
        fulfil({ status: response.statusCode ?? 0, response, text: () => text, ids });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const call = (id: number): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"any","arguments":{}}}`;
const resume = (lastEventId: string, headers: Headers = {}): Promise<Arriving> =>
  open('GET', undefined, { ...session, ...headers, 'last-event-id': lastEventId });

/** Calls, and cuts the connection when the stream of the answer has begun; gives its last event id. */
async function callAndVanish(id: number): Promise<string> {
  const stream = await open('POST', call(id), session);
  await until('the stream is primed', () => stream.ids().length > 0);
  stream.response.destroy();
  return stream.ids().at(-1)!;
}

describe.each(['sse', 'http'] as const)('a client of Streamable HTTP, in front of a server over %s', (kind) => {
  beforeEach(async () => {
    upstream = await startFaultUpstream(kind);
    gateway = await startGateway({ upstream: upstream.url, upstreamTransport: kind, heartbeatMs: 40 });
    const headers = { ...JSON_HEADERS, ...gateway.alice };
    const opened = await send(gateway.origin, { method: 'POST', path: '/mcp', body: INITIALIZE, headers });
    session = { ...gateway.alice, ...VERSION, 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const body = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
    await send(gateway.origin, { method: 'POST', path: '/mcp', body, headers: { ...JSON_HEADERS, ...session } });
  });
  afterEach(async () => {
    await gateway.close();
    await upstream.kill();
  });

  it('gets the answer that came while it was away, once', async () => {
    const lastEventId = await callAndVanish(1);
    (await upstream.call(0)).answer('late');
    const back = await resume(lastEventId);
    await within(
      5000,
      'the end of the stream',
      until('the answer', () => back.text().includes('late')),
    );
    await until('the stream ends with its answer', () => back.response.complete);
    expect(back.text().match(/"id":1,/g)).toHaveLength(1);
    const again = await resume(back.ids().at(-1)!);
    expect([again.status, again.text()]).toEqual([204, '']);
  });

  it('gets the answer that comes after it is back', async () => {
    const back = await resume(await callAndVanish(1));
    (await upstream.call(0)).answer('late');
    await until('the answer', () => back.text().includes('late'));
    await until('the stream ends with its answer', () => back.response.complete);
  });

  it('is not taken to have cancelled by leaving, and its id stays in use meanwhile', async () => {
    await callAndVanish(1);
    const twice = await open('POST', call(1), session);
    await until('the refusal', () => twice.text().includes('duplicate_id'));
    expect(upstream.posts.filter((body) => body.includes('cancelled'))).toEqual([]);
  });

  it('that has cancelled has nothing to come back for', async () => {
    const stream = await open('POST', call(1), session);
    await until('the stream is primed', () => stream.ids().length > 0);
    const cancellation = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}';
    await open('POST', cancellation, session);
    await until('the stream ends', () => stream.response.complete);
    const back = await resume(stream.ids().at(-1)!);
    expect([back.status, back.text()]).toEqual([204, '']);
  });

  it('has one connection to a stream: the newest', async () => {
    const lastEventId = await callAndVanish(1);
    const first = await resume(lastEventId);
    const second = await resume(lastEventId);
    await until('the first gives way', () => first.response.complete);
    (await upstream.call(0)).answer('late');
    await until('the answer', () => second.text().includes('late'));
    expect(first.text()).not.toContain('late');
  });

  it.each([
    '1-99',
    '7-1',
    'nobody',
    '-1-0',
    '0-99999999999999',
    'x'.repeat(8000),
  ])('is refused an event id that nobody was given: %.12s', async (id) => {
    const answer = await resume(id);
    expect(answer.status).toBe(400);
    await until('the body', () => answer.text().includes('bad_request'));
  });

  it('of another principal gets nothing of it, as of a session that never was', async () => {
    const lastEventId = await callAndVanish(1);
    (await upstream.call(0)).answer('secret');
    const [foreign, unknown] = [
      await resume(lastEventId, gateway.bob),
      await resume(lastEventId, { 'mcp-session-id': 'never-was' }),
    ];
    await until('both bodies', () => foreign.response.complete && unknown.response.complete);
    expect([foreign.status, foreign.text()]).toEqual([unknown.status, unknown.text()]);
    expect(foreign.status).toBe(404);
  });

  it('of an older revision gets no event without data, and comes back by the ids of others', async () => {
    const older = { ...session, 'mcp-protocol-version': '2025-06-18' };
    const stream = await open('POST', call(1), older);
    await until('a heartbeat', () => stream.text().includes(': ping'));
    expect(stream.ids()).toEqual([]);
    (await upstream.call(0)).answer('done');
    await until('the answer', () => stream.response.complete);
    expect(stream.ids()).toHaveLength(1);
  });

  it('that never comes back costs the session nothing but the bound', async () => {
    const ids: string[] = [];
    for (let id = 1; id <= 20; id++) ids.push(await callAndVanish(id));
    for (let index = 0; index < 20; index++) (await upstream.call(index)).answer('x'.repeat(1_000_000));
    const last = await resume(ids[19]!);
    await until('the last is whole', () => last.text().length > 1_000_000 && last.response.complete);
    // What gave way is answered with that; a client that asks for it does not wait for ever.
    const first = await resume(ids[0]!);
    await until('the first is told', () => first.text().includes('could not be kept'));
    const stream = await open('POST', call(99), session);
    (await upstream.call(20)).answer('served');
    await until('the next call is served', () => stream.text().includes('served'));
  });
});

describe.each(['sse', 'http'] as const)('the SDK client, in front of a server over %s', (kind) => {
  let server: TestMcpServer;
  let link: FaultProxy;

  beforeEach(async () => {
    server = await startMcpServer({ transports: [kind] });
    const url = kind === 'sse' ? server.sseUrl : server.httpUrl;
    gateway = await startGateway({ upstream: url, heartbeatMs: 40 });
    link = await startFaultProxy(gateway.port);
  });
  afterEach(async () => {
    await link.close();
    await gateway.close();
    await server.kill();
  });

  it('has its call answered though the connection is reset under way', async () => {
    const client = await connectHttp(link.url('/mcp'), gateway.alice);
    let resumable = (): void => {};
    const hasId = new Promise<void>((fulfil) => {
      resumable = fulfil;
    });
    const call = { name: 'slow', arguments: { ms: 1500 } };
    const answer = client.client.callTool(call, undefined, { onresumptiontoken: () => resumable() });
    let isAnswered = false;
    void answer.then(() => {
      isAnswered = true;
    });
    await within(5000, 'the id of an event', hasId);
    expect(isAnswered).toBe(false);
    link.cut('rst');
    expect((await within(8000, 'the answer', answer)).content).toEqual([{ type: 'text', text: 'done' }]);
    await client.close();
  });
});
