import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/log.ts';
import { HttpClient, type HttpClientOptions, type HttpRequest } from '../../../src/upstream/http/http-client.ts';
import { httpClientOptions } from '../../../src/upstream/upstream-options.ts';
import { within } from '../../parts/deadline.ts';
import { json, type RawServer, startRawServer } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

const GET: HttpRequest = { method: 'GET', path: '/', headers: '', timeoutMs: 0 };
const SOMEWHERE = new URL('http://mcp.example:8000/sse');
let server: RawServer;
const clients: HttpClient[] = [];

beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
});

function createClient(dialTo: NonNullable<HttpClientOptions['dialTo']>, url = SOMEWHERE): HttpClient {
  const client = new HttpClient(
    httpClientOptions({ url, logger: silentLogger, family: '4', connectTimeoutMs: 2000, dialTo }),
  );
  clients.push(client);
  return client;
}

function get(client: HttpClient): ResponseRecorder {
  const sink = new ResponseRecorder();
  client.request(GET, sink);
  return sink;
}

describe('a client whose connections are dialled to the near end of a tunnel', () => {
  it('goes there, and sends the Host of the URL', async () => {
    const sink = get(createClient(async () => ({ host: '127.0.0.1', port: server.port })));
    const request = await server.next('GET');
    expect(request.headers.get('host')).toBe('mcp.example:8000');
    await request.reply(json('here'));
    expect((await sink.over()).body).toBe('here');
  });

  it('asks for it with each connection', async () => {
    let asked = 0;
    const client = createClient(async () => {
      asked++;
      return { host: '127.0.0.1', port: server.port };
    });
    const sinks = [get(client), get(client)];
    for (const _sink of sinks) await (await server.next('GET')).reply(json('here'));
    await Promise.all(sinks.map((sink) => sink.over()));
    const third = get(client);
    await (await server.next('GET')).reply(json('here'));
    await third.over();
    expect(asked).toBe(2);
  });

  it('tells why there is none', async () => {
    const error = new DrawbridgeError('upstream_refused', 'no way in');
    const sink = get(createClient(() => Promise.reject(error)));
    expect((await sink.over()).error).toBe(error);
  });

  it('tells of a lost connection what the tunnel says of it', async () => {
    const explained = new DrawbridgeError('upstream_unreachable', 'nobody there');
    const seen: string[] = [];
    const explain = async (error: DrawbridgeError): Promise<DrawbridgeError> => {
      seen.push(error.code);
      return explained;
    };
    const sink = get(createClient(async () => ({ host: '127.0.0.1', port: server.port, explain })));
    (await server.next('GET')).connection.reset();
    expect((await sink.over()).error).toBe(explained);
    expect(seen).toEqual(['upstream_lost']);
  });

  it('tells it of a connection that is used again, too', async () => {
    const explained = new DrawbridgeError('upstream_unreachable', 'nobody there');
    const explain = async (): Promise<DrawbridgeError> => explained;
    const client = createClient(async () => ({ host: '127.0.0.1', port: server.port, explain }));
    const first = get(client);
    await (await server.next('GET')).reply(json('here'));
    await first.over();
    const second = get(client);
    (await server.next('GET')).connection.reset();
    expect((await second.over()).error).toBe(explained);
    expect(server.connections).toHaveLength(1);
  });

  it('says nothing of a request that was given up while the tunnel was asked', async () => {
    let ask: () => void = () => {};
    const asked = new Promise<void>((fulfil) => {
      ask = fulfil;
    });
    let answer: (error: DrawbridgeError) => void = () => {};
    const answered = new Promise<DrawbridgeError>((fulfil) => {
      answer = fulfil;
    });
    const explain = (): Promise<DrawbridgeError> => {
      ask();
      return answered;
    };
    const sink = new ResponseRecorder();
    const client = createClient(async () => ({ host: '127.0.0.1', port: server.port, explain }));
    const exchange = client.request(GET, sink);
    (await server.next('GET')).connection.reset();
    await within(2000, 'the tunnel is asked', asked);
    exchange.abort();
    answer(new DrawbridgeError('upstream_lost', 'x'));
    await answered;
    expect(sink.error).toBeUndefined();
  });

  it('asks a server of https for the certificate of the URL’s host', async () => {
    let name: string | undefined;
    const tls = createTlsServer({
      SNICallback: (servername, done) => {
        name = servername;
        done(new Error('no certificate'));
      },
    });
    tls.on('tlsClientError', () => {});
    await once(tls.listen(0, '127.0.0.1'), 'listening');
    const { port } = tls.address() as AddressInfo;
    const sink = get(createClient(async () => ({ host: '127.0.0.1', port }), new URL('https://mcp.example/')));
    const { error } = await sink.over();
    tls.close();
    expect(name).toBe('mcp.example');
    expect(error?.code).toBe('upstream_unreachable');
  });
});
