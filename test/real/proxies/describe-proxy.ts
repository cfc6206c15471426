/** The table of what must work through a proxy that runs its file of docs/deploy/proxies in front of the gateway. */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { Client as Client2, StreamableHTTPClientTransport as Http2Transport } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until, within } from '../../parts/deadline.ts';
import { fetchOver } from '../../parts/fetch-over.ts';
import { connectBridge, connectHttp, connectSse, type TestClient } from '../../parts/mcp-client.ts';
import { type Connecting, INITIALIZE, JSON_HEADERS, send } from '../../parts/raw-http.ts';
import { openSse, type RawSseSession } from '../../parts/raw-sse-session.ts';
import { checkFile, INSTALL_MS, type ProxyKind, type ProxyOptions, type RunningProxy, startProxy } from './proxy.ts';
import { readShipped } from './shipped-file.ts';
import { toLoopback } from './site.ts';
import { type Stage, startStage } from './stage.ts';

/** How late what the gateway has written may reach the client. Buffers would hold it for ever. */
const LATE_MS = 200;
const BIG_BYTES = 10_000_000;
const COUNT = { sql: 'select count(*) from main.primitive_events' };
const PRELOAD = new URL('../../parts/example-is-loopback.cjs', import.meta.url).pathname;

export function describeProxy(kind: ProxyKind): void {
  describe(`docs/deploy/proxies/${kind.file} in front of the gateway`, () => {
    const text = readShipped(kind.file);
    let certificates: Certificates;
    let stage: Stage;
    let proxy: RunningProxy;
    let options: ProxyOptions;
    let connecting: Connecting;
    beforeAll(() => kind.install(), INSTALL_MS);
    beforeAll(async () => {
      certificates = makeCertificates();
      stage = await startStage(text, inject('postgresMcpUrl'));
      const { certFile, keyFile } = certificates.server;
      options = { gatewayPort: stage.gatewayPort, certFile, keyFile };
      connecting = { ca: certificates.ca.cert, lookup: toLoopback };
      proxy = await startProxy(kind, options);
    });
    afterAll(async () => {
      await proxy?.stop();
      await stage?.close();
      certificates?.remove();
    });

    const open: { close(): unknown }[] = [];
    afterEach(async () => {
      for (const one of open.splice(0)) await one.close();
    });
    const keep = <T extends { close(): unknown }>(one: T): T => {
      open.push(one);
      return one;
    };
    const stream = async (path: string, more: Connecting = {}): Promise<RawSseSession> =>
      keep(await openSse(proxy.origin, path, stage.alice, { ...connecting, ...more }));
    const client = async (kindOf: 'sse' | 'http', server: string): Promise<TestClient> => {
      const connect = kindOf === 'sse' ? connectSse : connectHttp;
      const url = `${proxy.origin}${server}/${kindOf === 'sse' ? 'sse' : 'mcp'}`;
      return keep(await connect(url, stage.alice, fetchOver(connecting)));
    };
    const modern = async (): Promise<Client2> => {
      const one = keep(
        new Client2({ name: 'modern', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } }),
      );
      const transport = { requestInit: { headers: stage.alice }, fetch: fetchOver(connecting) };
      await one.connect(new Http2Transport(new URL(`${proxy.origin}/modern/mcp`), transport));
      return one;
    };

    it('passes the check of the proxy itself, which finds a wrong word in it', async () => {
      await checkFile(kind, options);
      const broken = { ...options, edit: (shipped: string) => `${shipped}\nno_such_word {\n` };
      await expect(checkFile(kind, broken)).rejects.toThrow(/exit code/);
    });

    it('brings the first event at once, and each that follows', async ({ annotate }) => {
      const opened = performance.now();
      const session = await stream('/legacy/sse');
      const first = performance.now() - opened;
      expect(first).toBeLessThan(1000);
      await session.initialize();
      const delays: number[] = [];
      for (let count = 1; count <= 10; count++) {
        const arrival = session.arrival(`"event ${count}"`);
        const sent = performance.now();
        await stage.features.announce(`event ${count}`);
        delays.push((await arrival) - sent);
      }
      expect(Math.max(...delays)).toBeLessThan(LATE_MS);
      await annotate(`first event ${ms(first)}, events ${ms(Math.min(...delays))} to ${ms(Math.max(...delays))}`);
    });

    it.each([
      ['sse', '/legacy'],
      ['sse', '/streamable'],
      ['http', '/legacy'],
      ['http', '/streamable'],
    ] as const)('carries a session over %s with %s, questions to the client included', async (kindOf, server) => {
      const one = await client(kindOf, server);
      expect(await one.callText('echo', { text: 'h\u00e9llo' })).toBe('h\u00e9llo');
      const progress: number[] = [];
      // The server ends this call after the client has answered a ping, so its progress has come by then.
      const onprogress = ({ progress: step }: { progress: number }): number => progress.push(step);
      await one.client.callTool({ name: 'progress', arguments: {} }, undefined, { onprogress });
      expect(progress).toEqual([1, 2, 3]);
      expect(JSON.parse(await one.callText('elicit'))).toEqual({ colour: 'red' });
      const big = await one.callText('big', { bytes: BIG_BYTES });
      expect(big === 'x'.repeat(BIG_BYTES)).toBe(true);
    });

    it('carries requests of 2026-07-28', async () => {
      const one = await modern();
      const echoed = await one.callTool({ name: 'echo', arguments: { text: 'h\u00e9llo' } });
      expect(echoed.content).toEqual([{ type: 'text', text: 'h\u00e9llo' }]);
      const { contents } = await one.readResource({ uri: 'note:///big' });
      expect((contents[0] as { text: string }).text === 'x'.repeat(BIG_BYTES)).toBe(true);
    });

    it('carries postgres-mcp on its database, over SSE and Streamable HTTP', async () => {
      for (const kindOf of ['sse', 'http'] as const) {
        const one = await client(kindOf, '');
        expect(await one.callText('execute_sql', COUNT)).toContain("'count': 1000");
      }
    });

    it('has the gateway see the address of the client, whatever that claims', async () => {
      const forged = { 'X-Forwarded-For': '203.0.113.9', Forwarded: 'for=203.0.113.9', 'X-Real-IP': '203.0.113.9' };
      const request = { method: 'POST', path: '/streamable/mcp', body: INITIALIZE };
      const headers = { ...JSON_HEADERS, ...stage.alice, ...forged, 'X-Forwarded-Proto': 'http' };
      const before = stage.features.seen.length;
      const from = { ...connecting, localAddress: '127.0.0.5' };
      const answer = await send(proxy.origin, { ...request, headers }, from);
      expect(answer.status).toBe(200);
      // The gateway says this on https alone, of which only the proxy tells it.
      expect(answer.headers['strict-transport-security']).toMatch(/^max-age=/);
      await until('it is logged', () => stage.log().includes('address=127.0.0.5'));
      expect(stage.log()).not.toContain('203.0.113.9');
      const told = stage.features.seen[before]?.headers;
      expect(told).toMatchObject({ 'x-forwarded-for': '127.0.0.5', 'x-forwarded-proto': 'https' });
    });

    it('leaves refusals to the gateway: who may come in, and how large a message may be', async () => {
      const request = { method: 'POST', path: '/streamable/mcp' };
      const anonymous = await send(proxy.origin, { ...request, headers: JSON_HEADERS, body: INITIALIZE }, connecting);
      expect(anonymous.status).toBe(401);
      expect(JSON.parse(anonymous.body)).toHaveProperty('error');
      const one = await client('http', '/streamable');
      const long = 'y'.repeat(3_500_000);
      expect((await one.callText('echo', { text: long })) === long).toBe(true);
      const body = INITIALIZE.replace('"raw"', JSON.stringify('y'.repeat(4_300_000)));
      // As clients do. After "close", Traefik resets the connection while the body is still being sent, and the answer
      // may be lost: Go's server reads no further then (net/http, body.Close).
      const headers = { ...JSON_HEADERS, ...stage.alice, connection: 'keep-alive' };
      const refused = await send(proxy.origin, { ...request, headers, body }, connecting);
      expect(refused.status).toBe(413);
      expect(JSON.parse(refused.body)).toHaveProperty('error');
    });

    if (kind.offersHttp2 !== false)
      it('speaks HTTP/2 to clients: many event streams on one connection', async () => {
        const session = connectHttp2(proxy.origin, { ca: certificates.ca.cert, lookup: toLoopback });
        keep({ close: () => session.destroy() });
        const endpoints = Array.from({ length: 20 }, async () => {
          const request = session.request({ ':path': '/legacy/sse', authorization: stage.alice.Authorization });
          const [first] = (await new Promise((fulfil, reject) => {
            request.once('data', (chunk: Buffer) => fulfil([chunk.toString()]));
            request.once('error', reject);
          })) as [string];
          return first;
        });
        for (const first of await within(10_000, 'the first events', Promise.all(endpoints)))
          expect(first).toMatch(/^event: endpoint\r?\ndata: \/legacy\/sse\/messages/);
      });
    else
      it('offers HTTP/1.1 alone, and many event streams, each on a connection', async () => {
        const socket = connectTls({
          host: '127.0.0.1',
          port: Number(new URL(proxy.origin).port),
          ...connecting,
          servername: 'db.example.com',
          ALPNProtocols: ['h2', 'http/1.1'],
        });
        await within(5000, 'the handshake', once(socket, 'secureConnect'));
        expect(socket.alpnProtocol).not.toBe('h2');
        socket.destroy();
        const sessions = await Promise.all(Array.from({ length: 20 }, () => stream('/legacy/sse')));
        for (const session of sessions) expect(session.endpoint).toMatch(/^\/legacy\/sse\/messages/);
      });

    it('sends plain HTTP to https, by a redirect that keeps method and path', async () => {
      const origin = `http://127.0.0.1:${proxy.httpPort}`;
      const headers = { host: 'db.example.com' };
      const { status, headers: answered } = await send(origin, { method: 'POST', path: '/mcp?a=b', headers });
      expect([status, answered['location']]).toEqual([308, 'https://db.example.com/mcp?a=b']);
    });

    it(`tells the gateway ${kind.noticesGoneMs === undefined ? 'at once' : 'with the next heartbeats'} that a client has gone`, async ({
      annotate,
    }) => {
      const sessions = (): number => stage.features.sessionCount('sse');
      await until('the sessions before have ended', () => sessions() === 0, kind.noticesGoneMs ?? 5000);
      const session = await stream('/legacy/sse');
      expect(sessions()).toBe(1);
      const left = performance.now();
      session.close();
      await until('its end', () => sessions() === 0, kind.noticesGoneMs ?? 3000);
      await annotate(`the session of a client that went ended after ${ms(performance.now() - left)}`);
    });

    it('says so while the gateway is down, and serves as soon as it is back', async ({ annotate }) => {
      await stage.stopGateway();
      const request = { path: '/health' };
      const { status } = await send(proxy.origin, request, connecting);
      expect(status).toBe(kind.downStatus ?? 502);
      await stage.startGateway();
      const started = performance.now();
      await until('the proxy serves', async () => (await send(proxy.origin, request, connecting)).status === 200);
      await annotate(`served ${ms(performance.now() - started)} after the gateway was back`);
    });

    it('is restarted, and clients go on: the session over HTTP, the bridge over SSE', async ({ annotate }) => {
      const one = await client('http', '/streamable');
      const args = [`${proxy.origin}/legacy/sse`, '--ca', certificates.ca.certFile];
      const env = {
        DRAWBRIDGE_HEADER: `Authorization: ${stage.alice.Authorization}`,
        NODE_OPTIONS: `--require ${PRELOAD}`,
      };
      const bridge = keep(await connectBridge(args, env));
      expect(await bridge.callText('echo', { text: 'before' })).toBe('before');
      const stopping = performance.now();
      await proxy.stop();
      const took = performance.now() - stopping;
      const ports = { httpsPort: Number(new URL(proxy.origin).port), httpPort: proxy.httpPort };
      proxy = await startProxy(kind, { ...options, ports });
      expect(await one.callText('echo', { text: 'after' })).toBe('after');
      expect(await bridge.callText('echo', { text: 'after' })).toBe('after');
      await annotate(`the proxy ended with open streams in ${ms(took)}`);
    });
  });
}

function ms(duration: number): string {
  return `${duration.toFixed(1)} ms`;
}
