import { afterEach, describe, expect, it, vi } from 'vitest';
import type { HttpClient, HttpClientOptions } from '../../../src/upstream/http/http-client.ts';
import { until } from '../../parts/deadline.ts';
import { GET, get, HttpClients, post } from '../../parts/http-clients.ts';
import { json, response } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

const clients = new HttpClients();

const createClient = (options: Partial<HttpClientOptions> = {}): HttpClient => clients.create(options);

describe('a request', () => {
  it('is written as it is given, with its Host and its length', async () => {
    const client = createClient();
    get(client, post('{"a":"é"}'));
    const { head, body } = await clients.server.next('POST /a?b=c');
    expect(head).toBe(`POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:${clients.server.port}\r\nX-A: b\r\nContent-Length: 10`);
    expect(body).toBe('{"a":"é"}');
  });

  it('has the Host header that was configured', async () => {
    get(createClient({ hostHeader: 'localhost:8000' }));
    expect((await clients.server.next('GET')).headers.get('host')).toBe('localhost:8000');
  });

  it('with a body of 1 MB arrives whole', async () => {
    const sink = get(createClient(), post('x'.repeat(1_000_000)));
    const request = await clients.server.next('POST');
    expect(request.body.length).toBe(1_000_000);
    await request.reply(response(202));
    expect((await sink.over()).status).toBe(202);
  });
});

describe('a connection', () => {
  it('carries one request after the other', async () => {
    const client = createClient();
    for (const body of ['one', 'two', 'three']) {
      const sink = get(client);
      await (await clients.server.next('GET')).reply(json(body));
      expect((await sink.over()).body).toBe(body);
    }
    expect(clients.server.connections).toHaveLength(1);
  });

  it('carries one request at a time', async () => {
    const client = createClient();
    const [first, second] = [get(client), get(client)];
    const [a, b] = [await clients.server.next('GET'), await clients.server.next('GET')];
    expect(a.connection).not.toBe(b.connection);
    await b.reply(json('b'));
    await a.reply(json('a'));
    await Promise.all([first.over(), second.over()]);
    expect([first.body, second.body].sort()).toEqual(['a', 'b']);
  });

  it('is free again when its response ends, so that what the end brings about can use it', async () => {
    const client = createClient();
    const next = new ResponseRecorder();
    client.request(GET, new ResponseRecorder(() => client.request(GET, next)));
    await (await clients.server.next('GET')).reply(json('one'));
    await (await clients.server.next('GET')).reply(json('two'));
    expect((await next.over()).body).toBe('two');
    expect(clients.server.connections).toHaveLength(1);
  });

  it.each([
    ['with its last bytes', true],
    ['a packet later', false],
  ])('that brings bytes after a response, %s, is closed, and they are given to no request', async (_when, isAtOnce) => {
    const client = createClient();
    const first = get(client);
    const { connection } = await clients.server.next('GET');
    const forged = json('{"forged":true}');
    await connection.write(json('one') + (isAtOnce ? forged : ''));
    await first.over();
    if (!isAtOnce) await connection.write(forged);
    await until('the close', () => connection.isClosed);
    expect([first.told, first.body]).toEqual([['head', 'end'], 'one']);
    const second = get(client);
    await (await clients.server.next('GET')).reply(json('two'));
    expect((await second.over()).body).toBe('two');
    expect(clients.server.connections).toHaveLength(2);
  });

  it.each([
    ['says close', response(200, 'x', { Connection: 'close' })],
    ['is HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  ])('whose response %s is not used again', async (_what, bytes) => {
    const client = createClient();
    const sink = get(client);
    const { connection, reply } = await clients.server.next('GET');
    await reply(bytes);
    await sink.over();
    await until('the close', () => connection.isClosed);
    get(client);
    expect((await clients.server.next('GET')).connection).not.toBe(connection);
  });

  it('that the server closed while it was idle is not used again', async () => {
    const client = createClient();
    const sink = get(client);
    const { connection, reply } = await clients.server.next('GET');
    await reply(json('one'));
    await sink.over();
    connection.end();
    await until('the close', () => connection.isClosed);
    const second = get(client);
    await (await clients.server.next('GET')).reply(json('two'));
    expect((await second.over()).body).toBe('two');
  });
});

describe('an idle connection', () => {
  afterEach(() => void vi.useRealTimers());

  it('of more than 4 s is not used again, because its server may close it just then', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const client = createClient();
    for (const [idleMs, connections] of [
      [0, 1],
      [3900, 1],
      [4100, 2],
    ] as const) {
      vi.advanceTimersByTime(idleMs);
      const sink = get(client);
      await (await clients.server.next('GET')).reply(json('one'));
      await sink.over();
      expect(clients.server.connections).toHaveLength(connections);
    }
  });

  it('is closed by and by when nothing uses it', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    const sink = get(createClient());
    const { connection, reply } = await clients.server.next('GET');
    await reply(json('one'));
    await sink.over();
    vi.advanceTimersByTime(4000);
    expect(connection.isClosed).toBe(false);
    vi.advanceTimersByTime(4001);
    vi.useRealTimers();
    await until('the close', () => connection.isClosed);
  });
});

describe('closing the client', () => {
  it('ends every connection, and tells nobody anything more', async () => {
    const client = createClient();
    const idle = get(client);
    await (await clients.server.next('GET')).reply(json('one'));
    await idle.over();
    const [busy, other] = [get(client), get(client)];
    await clients.server.next('GET');
    await clients.server.next('GET');
    client.close();
    await until('the closes', () => clients.server.connections.every(({ isClosed }) => isClosed));
    expect([busy.told, other.told]).toEqual([[], []]);
  });

  it('leaves no timer behind that would keep the process alive', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const client = createClient();
    const before = timers();
    for (let count = 0; count < 20; count++) get(client, { timeoutMs: 60_000 });
    for (let count = 0; count < 20; count++) await clients.server.next('GET');
    // Timers of the test runner come and go.
    expect(timers()).toBeGreaterThan(before + 10);
    client.close();
    await until('the closes', () => clients.server.connections.every(({ isClosed }) => isClosed));
    expect(timers()).toBeLessThan(before + 10);
  });
});
