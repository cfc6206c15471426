import { describe, expect, it } from 'vitest';
import type { HttpClient, HttpClientOptions } from '../../../src/upstream/http/http-client.ts';
import { until } from '../../parts/deadline.ts';
import { HttpClients } from '../../parts/http-clients.ts';
import { json } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

const clients = new HttpClients();

const createClient = (options: Partial<HttpClientOptions> = {}): HttpClient => clients.create(options);

function get(client: HttpClient): ResponseRecorder {
  const sink = new ResponseRecorder();
  client.request({ method: 'GET', path: '/', headers: '', timeoutMs: 0 }, sink);
  return sink;
}

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';

describe('the limit until the head of a response', () => {
  it.each([
    '',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
  ])('ends a request that got %j, and names itself', async (bytes) => {
    const sink = get(createClient({ headersTimeoutMs: 50 }));
    const { connection } = await clients.server.next('GET');
    await connection.write(bytes);
    await sink.over();
    expect(sink.error).toMatchObject({
      code: 'upstream_timeout',
      message: `http://127.0.0.1:${clients.server.port} sent no head of a response`,
      why: 'nothing came for 50 ms, the limit of --headers-timeout',
      mayHaveRun: true,
    });
    expect(sink.error?.hint).toContain('--headers-timeout 0');
    expect(sink.told).toEqual(['fail']);
    await until('the close', () => connection.isClosed);
  });

  it('is no limit of the body', async () => {
    const client = createClient({ headersTimeoutMs: 50 });
    const sink = get(client);
    const { connection } = await clients.server.next('GET');
    await connection.write(HEAD);
    await until('the head', () => sink.told.includes('head'));
    // Another request reaches the limit meanwhile.
    expect((await get(client).over()).error?.code).toBe('upstream_timeout');
    await connection.write('hello');
    expect((await sink.over()).told).toEqual(['head', 'end']);
  });

  it('is new for each request of a connection', async () => {
    const client = createClient({ headersTimeoutMs: 100 });
    for (let count = 0; count < 3; count++) {
      const sink = get(client);
      await (await clients.server.next('GET')).reply(json('one'));
      expect((await sink.over()).body).toBe('one');
    }
    expect((await get(client).over()).error?.code).toBe('upstream_timeout');
    expect(clients.server.connections).toHaveLength(1);
  });
});

describe('the limit between two pieces of a response', () => {
  it('ends a response that pauses longer, and names itself', async () => {
    const sink = get(createClient({ bodyTimeoutMs: 50 }));
    const { connection } = await clients.server.next('GET');
    await connection.write(`${HEAD}hel`);
    await sink.over();
    expect(sink.error).toMatchObject({
      code: 'upstream_timeout',
      message: `http://127.0.0.1:${clients.server.port} stopped in the middle of its response`,
      why: 'nothing came for 50 ms, the limit of --body-timeout',
      mayHaveRun: true,
    });
    expect([sink.told, sink.body]).toEqual([['head', 'fail'], 'hel']);
    await until('the close', () => connection.isClosed);
  });

  it('is no limit of the whole, nor of the time until the head', async () => {
    const client = createClient({ bodyTimeoutMs: 150 });
    const sink = get(client);
    const { connection } = await clients.server.next('GET');
    // A response that began with this and pauses is at its limit when 150 ms are over, and this is not.
    for (const piece of [HEAD, 'h', 'e', 'l', 'l']) {
      await connection.write(piece);
      const ms = performance.now() + 60;
      await until('60 ms to pass', () => performance.now() > ms);
    }
    await connection.write('o');
    expect((await sink.over()).body).toBe('hello');
  });

  it('does not run while nobody reads', async () => {
    const sink = new ResponseRecorder();
    const client = createClient({ bodyTimeoutMs: 50 });
    const exchange = client.request({ method: 'GET', path: '/', headers: '', timeoutMs: 0 }, sink);
    const paused = await clients.server.next('GET');
    await paused.connection.write(`${HEAD}hel`);
    await until('the first piece', () => sink.body === 'hel');
    exchange.pause();
    const other = get(client);
    await (await clients.server.next('GET')).connection.write(`${HEAD}hel`);
    expect((await other.over()).error?.code).toBe('upstream_timeout');
    expect(sink.told).toEqual(['head']);
    exchange.resume();
    await paused.connection.write('lo');
    expect((await sink.over()).body).toBe('hello');
  });
});

describe('limits of 0', () => {
  it('are none', async () => {
    const sink = get(createClient({ headersTimeoutMs: 0, bodyTimeoutMs: 0 }));
    const { connection } = await clients.server.next('GET');
    const limited = get(createClient({ headersTimeoutMs: 80 }));
    await limited.over();
    await connection.write(`${HEAD}hel`);
    const stopped = get(createClient({ bodyTimeoutMs: 80 }));
    await clients.server.next('GET');
    await (await clients.server.next('GET')).connection.write(`${HEAD}hel`);
    await stopped.over();
    await connection.write('lo');
    expect((await sink.over()).body).toBe('hello');
  });

  it('leave no timer with an exchange', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const client = createClient({});
    const before = timers();
    for (let count = 0; count < 20; count++) get(client);
    for (let count = 0; count < 20; count++) await clients.server.next('GET');
    // Timers of the test runner come and go.
    expect(timers()).toBeLessThan(before + 10);
  });
});
