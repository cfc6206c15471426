import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway } from '../../../src/gateway/gateway.ts';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { INITIALIZE } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;

beforeEach(async () => {
  upstream = await startSilentUpstream();
});
afterEach(async () => {
  await gateway?.close();
  await upstream.close();
});

/** What the upstream saw of a message that alice sent with these headers. */
async function seenUpstream(
  options: Partial<GatewayOptions>,
  sent: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  gateway = await startGateway({ upstream: upstream.url, ...options });
  const session = await openSse(gateway.origin, '/sse', { ...gateway.alice, ...sent });
  await session.post(INITIALIZE, sent);
  session.close();
  return upstream.posts[0]!.headers;
}

describe('what goes upstream', () => {
  it('says who the client is and where it came from, in headers of our own', async () => {
    const headers = await seenUpstream({});
    expect(headers).toMatchObject({
      host: `localhost:${upstream.port}`,
      'x-forwarded-user': 'alice',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': String(gateway.port),
    });
  });

  it('has nothing that a client sent under these names, in any spelling, nor its credentials', async () => {
    const headers = await seenUpstream(
      {},
      {
        'X-Forwarded-User': 'root',
        X_Forwarded_User: 'root',
        'X-Forwarded-For': '10.0.0.1',
        x_real_ip: '10.0.0.1',
        Forwarded: 'for=10.0.0.1',
        'X-Remote-User': 'root',
        Cookie: 'session=root',
        'Proxy-Authorization': 'Basic cm9vdA==',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    );
    expect(JSON.stringify(headers)).not.toMatch(/root|10\.0\.0\.1|cm9vdA|traceparent|mdb_/);
    expect(Object.keys(headers).sort()).toEqual(
      [
        'accept',
        'content-length',
        'content-type',
        'host',
        'via',
        'x-forwarded-for',
        'x-forwarded-port',
        'x-forwarded-proto',
        'x-forwarded-user',
        'x-real-ip',
      ].sort(),
    );
  });

  it('names the client in the header that is configured, or in none', async () => {
    expect(await seenUpstream({ identityHeader: 'X-User', forwardedHeaders: false })).toMatchObject({
      'x-user': 'alice',
    });
    await gateway.close();
    upstream.posts.length = 0;
    const none = await seenUpstream({ identityHeader: '', forwardedHeaders: false });
    expect(Object.keys(none).filter((name) => name.startsWith('x-'))).toEqual([]);
  });

  it.each([
    [{ upstreamHeaders: { x_forwarded_user: 'a' } }, 'the header X-Forwarded-User is written by the gateway itself'],
    [{ upstreamHeaders: { 'X-Real-IP': 'a' } }, 'the header X-Real-IP is written by the gateway itself'],
    [{ identityHeader: 'Host' }, 'the header Host cannot be set'],
    [{ identityHeader: 'a b' }, 'the header "a b" cannot be sent'],
  ])('cannot be configured twice or wrongly: %j', (options, message) => {
    expect(() => createGateway({ upstream: upstream.url, auth: 'none', ...options })).toThrow(message);
  });
});
