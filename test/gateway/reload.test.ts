import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway, writeKeyFile } from '../parts/gateway-server.ts';
import { JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse, type RawSseSession } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, shakeHands, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let session: RawSseSession;

beforeEach(async () => {
  upstream = await startSilentUpstream();
  // Beats are what sessions are judged at.
  gateway = await startGateway({ upstream: upstream.url, heartbeatMs: 40 });
  session = await openSse(gateway.origin, '/sse', gateway.alice);
  await shakeHands(session, upstream);
});
afterEach(async () => {
  session.close();
  await gateway.close();
  await upstream.close();
});

const health = async (host: string): Promise<number> =>
  (await send(gateway.origin, { path: '/health', headers: { host } })).status;

describe('new options for a running gateway', () => {
  it('count from the next request on, and open sessions go on', async () => {
    expect(await health('new.example')).toBe(403);
    gateway.gateway.reload({
      upstream: upstream.url,
      keyFile: gateway.keyFile,
      allowedHosts: ['new.example'],
      heartbeatMs: 40,
    });
    expect(await health('new.example')).toBe(200);
    upstream.write('event: message\ndata: {"jsonrpc":"2.0","method":"a"}\n\n');
    await session.arrival('"method":"a"');
    expect((await session.post('{"jsonrpc":"2.0","method":"b"}')).status).toBe(202);
    await until('the message upstream', () => upstream.posts.some(({ body }) => body.includes('"b"')));
  });

  it.each([
    { upstream: 'nonsense', keyFile: 'x' },
    { upstream: 'http://127.0.0.1:9/sse', keyFile: '/nowhere/keys.json' },
    { upstream: 'http://127.0.0.1:9/sse' },
    { upstream: 'http://127.0.0.1:9/sse', auth: 'none' as const, allowedOrigins: ['*'] },
    { upstream: 'http://127.0.0.1:9/sse', auth: 'none' as const, identityHeader: 'a b' },
  ])('change nothing when they cannot be used: %j', async (options) => {
    expect(() => gateway.gateway.reload(options)).toThrow(DrawbridgeError);
    expect((await send(gateway.origin, { path: '/mcp', headers: JSON_HEADERS })).status).toBe(401);
    expect((await session.post('{"jsonrpc":"2.0","method":"b"}')).status).toBe(202);
  });

  it('give another upstream to new sessions alone', async () => {
    const other = await startSilentUpstream();
    gateway.gateway.reload({ upstream: other.url, keyFile: gateway.keyFile, heartbeatMs: 40 });
    const newer = await openSse(gateway.origin, '/sse', gateway.alice);
    expect([upstream.streamCount(), other.streamCount()]).toEqual([1, 1]);
    newer.close();
    await other.close();
  });

  it('end sessions with a server that is not served any more, and answer what they wait for', async () => {
    await session.post('{"jsonrpc":"2.0","id":9,"method":"x/slow"}');
    const upstreams = { db: { upstream: upstream.url } };
    gateway.gateway.reload({ upstreams, keyFile: gateway.keyFile, heartbeatMs: 40 });
    expect((await session.post('{"jsonrpc":"2.0","method":"b"}')).status).toBe(404);
    upstream.write('event: message\ndata: {"jsonrpc":"2.0","id":9,"result":{}}\n\n');
    await session.arrival('"id":9,"result"');
    await until('the end of the session', () => gateway.gateway.sessionCount === 0);
  });

  it('end, within 30 s, sessions that were let in by keys of which nothing is known any more', {
    timeout: 20_000,
  }, async () => {
    const others = writeKeyFile(['carol']);
    gateway.gateway.reload({ upstream: upstream.url, keyFile: others.path, heartbeatMs: 40 });
    expect((await session.post('{"jsonrpc":"2.0","method":"b"}')).status).toBe(401);
    await until('the end of the session', () => gateway.gateway.sessionCount === 0, 10_000);
    others.remove();
  });
});
