/**
 * Ten minutes in which nothing is said, compressed. What could end an idle stream is a timeout of the proxy, and what
 * prevents it is the gateway's heartbeat. So both are divided by the same number: the timeouts as the shipped file has
 * them, every one, and the heartbeat by the option that only an embedded gateway has. The streams must then live for ten
 * minutes divided by it, and without the heartbeat they must not, which shows that the divided timeouts do count.
 * IDLE_FACTOR=1 lets the ten minutes be ten minutes, with the file as it is.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { gatewayOptionsOf } from '../../../src/cli/gateway-settings.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../../src/config/gateway-options.ts';
import { parseOptions } from '../../../src/config/parse-options.ts';
import { resolveGatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until, within } from '../../parts/deadline.ts';
import { createFeatureServer } from '../../parts/feature-server.mjs';
import { fetchOver } from '../../parts/fetch-over.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { connectHttp, connectSse } from '../../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { openSse } from '../../parts/raw-sse-session.ts';
import { INSTALL_MS, type ProxyKind, type RunningProxy, startProxy } from './proxy.ts';
import { divideTimeouts, gatewayArgsOf, readShipped, timeoutsOf } from './shipped-file.ts';
import { toLoopback } from './site.ts';

const FACTOR = Number(process.env['IDLE_FACTOR'] ?? 40);
const IDLE_MS = 600_000;
const HEARTBEAT_MS = resolveGatewayOptions({ upstream: 'http://127.0.0.1:9/sse', auth: 'none' }).heartbeatMs;
/** The longest that the gateway takes. */
const RARE_HEARTBEAT_MS = 15_000;

export function describeIdle(kind: ProxyKind): void {
  describe(`ten minutes without a word through docs/deploy/proxies/${kind.file}`, () => {
    const text = readShipped(kind.file);
    const timeouts = timeoutsOf(text, kind.idleTimeouts);
    let certificates: Certificates;
    let server: TestMcpServer;
    beforeAll(() => kind.install(), INSTALL_MS);
    beforeAll(async () => {
      certificates = makeCertificates();
      server = await startMcpServer({ createSession: createFeatureServer });
    });
    afterAll(async () => {
      await server?.kill();
      certificates?.remove();
    });

    let gateway: TestGateway | undefined;
    let proxy: RunningProxy | undefined;
    const open: { close(): unknown }[] = [];
    const start = async (heartbeatMs: number): Promise<{ origin: string; alice: TestGateway['alice'] }> => {
      const { keyFile: _keyFile, ...options } = optionsInComment(text);
      gateway = await startGateway({ ...options, upstream: server.sseUrl, heartbeatMs });
      proxy = await startProxy(kind, {
        ...{ gatewayPort: gateway.port, certFile: certificates.server.certFile, keyFile: certificates.server.keyFile },
        edit: (replaced) => divideTimeouts(replaced, kind.idleTimeouts, FACTOR, kind.idleTimeoutUnit),
      });
      return { origin: proxy.origin, alice: gateway.alice };
    };
    afterEach(async () => {
      for (const one of open.splice(0)) await one.close();
      await proxy?.stop();
      await gateway?.close();
      proxy = gateway = undefined;
    });

    it('has no timeout that is not known, and each is twice as long as the gateway is ever silent', () => {
      const settings =
        text.replace(/^\s*#.*$/gm, '').match(/timeout +[a-z][a-z-]*|[\w.-]*(?:timeout|_period)[\w.-]*/gi) ?? [];
      const known = [...timeouts.map(({ name }) => name), ...kind.otherTimeouts];
      expect(settings.filter((name) => !known.some((other) => other.toLowerCase() === name.toLowerCase()))).toEqual([]);
      for (const { name, ms } of timeouts) expect(ms, name).toBeGreaterThanOrEqual(2 * HEARTBEAT_MS);
    });

    it('leaves the streams of SSE and Streamable HTTP as they are', { timeout: IDLE_MS + 120_000 }, async () => {
      const { origin, alice } = await start(HEARTBEAT_MS / FACTOR);
      const connecting = { ca: certificates.ca.cert, lookup: toLoopback };
      const sse = countingFetch(connecting);
      const http = countingFetch(connecting);
      const clients = [
        await connectSse(`${origin}/sse`, alice, sse.fetch),
        await connectHttp(`${origin}/mcp`, alice, http.fetch),
      ];
      open.push(...clients);
      const streams = [sse, http];
      await until('both streams are open', () => streams.every(({ streams: count }) => count() === 1));
      const idle = Promise.all(streams.map(({ heartbeatAfter }) => heartbeatAfter(IDLE_MS / FACTOR)));
      await within((IDLE_MS + 2 * HEARTBEAT_MS) / FACTOR + 10_000, 'a heartbeat after ten minutes', idle);
      await server.announce('still there');
      for (const { logs } of clients) await until('the event', () => logs.includes('still there'));
      for (const { callText } of clients) expect(await callText('echo', { text: 'hello' })).toBe('hello');
      expect(streams.map(({ streams: count }) => count())).toEqual([1, 1]);
    });

    const shortest = Math.min(...timeouts.map(({ ms }) => ms));
    // A proxy that ends nothing by itself has nothing to show here.
    if (shortest < IDLE_MS && FACTOR > 1)
      it('would end them, were it not for the heartbeat', async () => {
        expect(shortest / FACTOR).toBeLessThan(RARE_HEARTBEAT_MS);
        const { origin, alice } = await start(RARE_HEARTBEAT_MS);
        const connecting = { ca: certificates.ca.cert, lookup: toLoopback };
        const stream = await openSse(origin, '/sse', alice, connecting);
        const cut = new Promise<void>((fulfil) => stream.response.on('close', () => fulfil()));
        await within(RARE_HEARTBEAT_MS, 'the stream is cut', cut);
      });
  });
}

/** What the comment's options are to `createGateway`. */
function optionsInComment(text: string): ReturnType<typeof gatewayOptionsOf> {
  const sources = { args: gatewayArgsOf(text), env: {}, readFile: () => '' };
  return gatewayOptionsOf(parseOptions(GATEWAY_COMMAND_OPTIONS, sources).values);
}

/** Counts the event streams that a client opens by GET, and tells the heartbeats on them. */
function countingFetch(connecting: Parameters<typeof fetchOver>[0]) {
  const fetch = fetchOver(connecting);
  let streams = 0;
  let onHeartbeat = (): void => {};
  const counted: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    if (!isStream || (init?.method ?? 'GET') !== 'GET' || response.body === null) return response;
    streams++;
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        if (Buffer.from(chunk).toString('latin1').startsWith(':')) onHeartbeat();
        controller.enqueue(chunk);
      },
    });
    const { status, headers } = response;
    return new Response(response.body.pipeThrough(count), { status, headers });
  };
  return {
    fetch: counted,
    streams: () => streams,
    /** Settles with the first heartbeat that comes so much later. */
    heartbeatAfter: (ms: number) => {
      const end = performance.now() + ms;
      return new Promise<void>((fulfil) => {
        onHeartbeat = () => {
          if (performance.now() >= end) fulfil();
        };
      });
    },
  };
}
