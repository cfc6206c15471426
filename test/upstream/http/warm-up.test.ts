import { describe, expect, it } from 'vitest';
import type { HttpClient } from '../../../src/upstream/http/http-client.ts';
import { until } from '../../parts/deadline.ts';
import { HttpClients } from '../../parts/http-clients.ts';
import { json, startRawServer } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

const clients = new HttpClients();

const createClient = (url = clients.server.url('/')): HttpClient => clients.create({ url, connectTimeoutMs: 500 });

function get(client: HttpClient): ResponseRecorder {
  const sink = new ResponseRecorder();
  client.request({ method: 'GET', path: '/', headers: '', timeoutMs: 0 }, sink);
  return sink;
}

async function answerNext(text: string): Promise<void> {
  await (await clients.server.next('GET')).reply(json(text));
}

describe('warming up', () => {
  it('makes the connection that the next request uses', async () => {
    const client = createClient();
    client.warmUp();
    await until('the connection', () => clients.server.connections.length === 1);
    const sink = get(client);
    await answerNext('one');
    expect((await sink.over()).body).toBe('one');
    expect(clients.server.connections).toHaveLength(1);
  });

  it('gives the connection to a request that comes while it is made, and to one only', async () => {
    const client = createClient();
    client.warmUp();
    const sink = get(client);
    await answerNext('one');
    expect((await sink.over()).body).toBe('one');
    expect(clients.server.connections).toHaveLength(1);
    client.warmUp();
    expect(clients.server.connections).toHaveLength(1);
    const [first, second] = [get(client), get(client)];
    await answerNext('two');
    await answerNext('three');
    await Promise.all([first.over(), second.over()]);
    expect(clients.server.connections).toHaveLength(2);
  });

  it('twice makes one connection', async () => {
    const client = createClient();
    client.warmUp();
    client.warmUp();
    const sink = get(client);
    await answerNext('one');
    await sink.over();
    expect(clients.server.connections).toHaveLength(1);
  });

  it('keeps the connection of a request that was called off while it was made', async () => {
    const client = createClient();
    client.warmUp();
    client.request({ method: 'GET', path: '/off', headers: '', timeoutMs: 0 }, new ResponseRecorder()).abort();
    await until('the connection', () => clients.server.connections.length === 1);
    const sink = get(client);
    await answerNext('one');
    await sink.over();
    expect([clients.server.connections.length, clients.server.requests.length]).toEqual([1, 1]);
  });

  it('that fails tells nobody, and the next request tries anew', async () => {
    const gone = await startRawServer();
    await gone.close();
    const client = createClient(gone.url('/'));
    client.warmUp();
    const sink = await get(client).over();
    expect(sink.error).toMatchObject({ code: 'upstream_unreachable', mayHaveRun: false });
    client.warmUp();
    await until('the warm-up to be over', async () => {
      const { error } = await get(client).over();
      return error?.code === 'upstream_unreachable';
    });
  });

  it('over TLS that fails tells nobody', async () => {
    const client = createClient(new URL(`https://127.0.0.1:${clients.server.port}/`));
    client.warmUp();
    await until('the connection', () => clients.server.connections.length === 1);
    clients.server.connections[0]!.reset();
    await until('the close', () => clients.server.connections[0]!.isClosed);
    client.close();
  });

  it('after the end does nothing, and ends with it', async () => {
    const client = createClient();
    client.warmUp();
    client.close();
    client.warmUp();
    // Another client’s connection comes after those that would have been made.
    const sink = get(createClient());
    await answerNext('one');
    await sink.over();
    await until('the closes', () => clients.server.connections.filter(({ isClosed }) => !isClosed).length === 1);
  });
});
