/**
 * HTTP/2 carries many requests over one connection: what bounds or ends one of them must not touch its neighbours, and
 * its own ways of saying things twice (`:authority` beside Host, floods of streams and settings) must not pass.
 * Neighbours of H10 and X01 over HTTP/2.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { until, within } from '../parts/deadline.ts';
import { type ListeningGateway, startListeningGateway } from '../parts/listener.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { INITIALIZE, JSON_HEADERS } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let certificates: Certificates;
let upstream: TestMcpServer;
let gateway: ListeningGateway;
let client: ClientHttp2Session;

beforeAll(async () => {
  certificates = makeCertificates();
  upstream = await startMcpServer();
  const { certFile, keyFile } = certificates.server;
  gateway = await startListeningGateway({ upstream: upstream.sseUrl }, { tlsCert: certFile, tlsKey: keyFile });
  client = dial(gateway);
});

afterAll(async () => {
  client.destroy();
  await gateway.close();
  await upstream.kill();
  certificates.remove();
});

function dial({ url }: { readonly url: string }): ClientHttp2Session {
  const session = connect(url, { ca: certificates.ca.cert });
  session.on('error', () => {});
  return session;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: string): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return within(
    5000,
    `an answer to ${headers[':path']}`,
    new Promise((fulfil, reject) => {
      let text = '';
      let head: Record<string, unknown> = {};
      stream.on('response', (given) => {
        head = given;
      });
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      stream.on('error', reject);
      stream.on('close', () => fulfil({ status: Number(head[':status']), headers: head, body: text }));
    }),
  );
}

interface Sse {
  readonly stream: ClientHttp2Stream;
  readonly endpoint: string;
  text(): string;
  post(body: string): Promise<Answer>;
}

async function openSse(session: ClientHttp2Session, from: ListeningGateway): Promise<Sse> {
  const stream = session.request({ ':path': '/sse', accept: 'text/event-stream', ...from.alice });
  let text = '';
  stream.on('error', () => {});
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await until('the endpoint event', () => text.includes('\n\n') || text.includes('\r\n\r\n'));
  const endpoint = /data: (\S+)/.exec(text)?.[1] ?? '';
  return {
    stream,
    endpoint,
    text: () => text,
    post: (body) => ask(session, { ':method': 'POST', ':path': endpoint, ...JSON_HEADERS, ...from.alice }, body),
  };
}

const echo = (id: number): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { text: `t${id}` } } });

describe('MCP over HTTP/2', () => {
  it('has a session of SSE, its POSTs and a tool call on one connection', async () => {
    const sse = await openSse(client, gateway);
    expect((await sse.post(INITIALIZE)).status).toBe(202);
    await until('the answer to initialize', () => sse.text().includes('"id":0'));
    await sse.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    await sse.post(echo(7));
    await until('the answer of the tool', () => sse.text().includes('"id":7') && sse.text().includes('t7'));
    sse.stream.close();
  });

  it('has eight event streams on one connection, each with its own answers', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => openSse(client, gateway)));
    await Promise.all(
      all.map(async (sse, index) => {
        await sse.post(INITIALIZE);
        await until('the answer to initialize', () => sse.text().includes('"id":0'));
        await sse.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
        await sse.post(echo(100 + index));
        await until('its answer', () => sse.text().includes(`t${100 + index}`));
      }),
    );
    all.forEach((sse, index) => {
      for (let other = 0; other < 8; other++) expect(sse.text().includes(`t${100 + other}`)).toBe(other === index);
    });
    for (const sse of all) sse.stream.close();
  });

  it('answers Streamable HTTP as JSON', async () => {
    const answer = await ask(
      client,
      { ':method': 'POST', ':path': '/mcp', ...JSON_HEADERS, ...gateway.alice },
      INITIALIZE,
    );
    expect(answer.status).toBe(200);
    expect(answer.headers['mcp-session-id']).toBeTypeOf('string');
    expect(answer.body).toContain('"serverInfo"');
  });

  it('serves /health, and 404 elsewhere, with the headers that harden', async () => {
    const health = await ask(client, { ':path': '/health' });
    expect(health.status).toBe(200);
    expect(health.body).toBe('{"status":"ok"}');
    for (const answer of [health, await ask(client, { ':path': '/nothing' })]) {
      expect(answer.headers['strict-transport-security']).toContain('max-age');
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['connection']).toBeUndefined();
      expect(answer.headers['x-powered-by']).toBeUndefined();
    }
    expect((await ask(client, { ':path': '/nothing' })).status).toBe(404);
  });

  it('refuses who has no key with 401 and a challenge', async () => {
    const answer = await ask(client, { ':path': '/sse', accept: 'text/event-stream' });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });
});

describe('what HTTP/2 can say in two ways', () => {
  it('refuses a Host that is not :authority', async () => {
    const answer = await ask(client, {
      ':path': '/sse',
      ':authority': 'localhost',
      host: '127.0.0.1',
      accept: 'text/event-stream',
      ...gateway.alice,
    });
    expect(answer.status).toBe(400);
  });

  it('judges :authority as it judges Host', async () => {
    const answer = await ask(client, { ':path': '/sse', ':authority': 'evil.test', ...gateway.alice });
    expect(answer.status).toBe(403);
  });

  it('refuses a repeated Authorization', async () => {
    const stream = client.request({
      ':path': '/sse',
      authorization: gateway.alice.authorization,
      'x-api-key': ['a', 'b'],
    });
    stream.on('error', () => {});
    const [head] = await within(
      5000,
      'a response',
      new Promise<[Record<string, unknown>]>((fulfil) => stream.once('response', (given) => fulfil([given]))),
    );
    expect(head[':status']).toBe(400);
    stream.close();
  });
});

describe('bounds of a connection', () => {
  it('refuses a body that is too large, and goes on with the connection', async () => {
    const stream = client.request({
      ':method': 'POST',
      ':path': '/mcp',
      'content-length': String(64 * 1024 * 1024),
      ...JSON_HEADERS,
      ...gateway.alice,
    });
    stream.on('error', () => {}).resume();
    const head = await within(
      5000,
      'a response',
      new Promise<Record<string, unknown>>((fulfil) => stream.once('response', fulfil)),
    );
    expect(head[':status']).toBe(413);
    await within(5000, 'the stream ends', new Promise((fulfil) => stream.once('close', fulfil)));
    expect((await ask(client, { ':path': '/health' })).status).toBe(200);
  });

  it('does not take headers beyond 16 KiB', async () => {
    const session = dial(gateway);
    const stream = session.request({ ':path': '/health', 'x-long': 'x'.repeat(40_000) });
    let status = 0;
    stream.on('error', () => {}).resume();
    stream.on('response', (head) => {
      status = Number(head[':status']);
    });
    await within(5000, 'the stream ends', new Promise((fulfil) => stream.once('close', fulfil)));
    expect([0, 431]).toContain(status);
    session.destroy();
  });

  it('lets no more than 100 streams be open at once', async () => {
    const session = dial(gateway);
    const settings = await within(
      5000,
      'settings',
      new Promise<{ maxConcurrentStreams?: number }>((fulfil) => session.once('remoteSettings', fulfil)),
    );
    expect(settings.maxConcurrentStreams).toBe(100);
    session.destroy();
  });

  it('outlives a client that opens streams and resets them at once', async () => {
    const session = dial(gateway);
    for (let index = 0; index < 3000 && !session.destroyed; index++) {
      const stream = session.request({ ':path': '/health' });
      stream.on('error', () => {});
      stream.close(constants.NGHTTP2_CANCEL);
    }
    expect((await ask(client, { ':path': '/health' })).status).toBe(200);
    session.destroy();
  });
});

describe('a reader that stalls', () => {
  let silent: SilentUpstream;
  let own: ListeningGateway;
  beforeAll(async () => {
    silent = await startSilentUpstream();
    const { certFile, keyFile } = certificates.server;
    own = await startListeningGateway(
      { upstream: silent.url, upstreamTransport: 'sse', stallTimeoutMs: 300 },
      { tlsCert: certFile, tlsKey: keyFile },
    );
  });
  afterAll(async () => {
    await own.close();
    await silent.close();
  });

  it('is cut, while its neighbour on the same connection goes on', async () => {
    const session = dial(own);
    const neighbour = await openSse(session, own);
    const stalled = await openSse(session, own);
    stalled.stream.pause();
    const event = (text: string): string =>
      `event: message\r\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${text}"}}\r\n\r\n`;
    for (let index = 0; index < 16; index++) silent.write(event('x'.repeat(16_384)));
    await until('the stalled session ends upstream', () => silent.streamCount() === 1, 10_000);
    expect(neighbour.stream.closed).toBe(false);
    silent.write(event('still here'));
    await until('the neighbour hears', () => neighbour.text().includes('still here'));
    session.destroy();
  });
});
