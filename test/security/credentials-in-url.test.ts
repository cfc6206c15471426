/**
 * A07: a key in the query, in a cookie or in the path. Addresses stand in logs, histories and Referer headers, so a key there
 * opens nothing unless paths with keys were asked for, and what stood there is in no log. Where they were asked for, the
 * endpoint that is announced keeps the key, since the client has no other way to show it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createLineLogger } from '../../src/log.ts';
import { startGatewayProcess } from '../parts/gateway-process.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
const closes: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close();
});

async function start(pathKeys: boolean): Promise<{ key: string; log: () => string }> {
  let log = '';
  const logger = createLineLogger({
    level: 'debug',
    write: (line) => {
      log += line;
    },
  });
  upstream = await startSilentUpstream();
  closes.push(() => upstream.close());
  gateway = await startGateway({ upstream: upstream.url, pathKeys, logger, limitLogins: 1000 });
  closes.push(() => gateway.close());
  return { key: gateway.alice.Authorization.slice('Bearer '.length), log: () => log };
}

describe('unless it is asked for', () => {
  it('a key in the query or in a cookie opens nothing, and is in no log', async () => {
    const { key, log } = await start(false);
    for (const name of ['api_key', 'apikey', 'key', 'token', 'access_token', 'x-api-key', 'authorization']) {
      expect((await send(gateway.origin, { path: `/sse?${name}=${key}` })).status).toBe(401);
      const body = INITIALIZE;
      const post = { method: 'POST', path: `/mcp?${name}=${key}`, headers: JSON_HEADERS, body };
      expect((await send(gateway.origin, post)).status).toBe(401);
      expect((await send(gateway.origin, { path: '/sse', headers: { cookie: `${name}=${key}` } })).status).toBe(401);
    }
    const authority = gateway.origin.replace('//', `//${key}:${key}@`);
    expect((await send(gateway.origin, { path: `${authority}/sse` })).status).toBe(400);
    expect(upstream.requests).toEqual([]);
    expect(log()).toContain('unauthorized');
    expect(log()).not.toContain(key.slice(4));
  });

  it('a key in the path leads nowhere: 404, like any path that is not served', async () => {
    const { key, log } = await start(false);
    for (const path of [`/t/${key}/sse`, `/t/${key}/mcp`, `/t/${key}/messages/`, '/t/wrong/sse']) {
      expect((await send(gateway.origin, { path, headers: gateway.alice })).status).toBe(404);
    }
    expect(upstream.requests).toEqual([]);
    expect(log()).not.toContain(key.slice(4));
  });
});

describe('where it is asked for', () => {
  it('a session is opened by the path alone, and its endpoint keeps the key', async () => {
    const { key, log } = await start(true);
    const session = await openSse(gateway.origin, `/t/${key}/sse`);
    expect(session.endpoint).toMatch(new RegExp(`^/t/${key}/sse/messages\\?session=[\\w-]{32}$`));
    expect((await session.post(INITIALIZE)).status).toBe(202);
    expect(upstream.posts.map(({ body }) => body)).toEqual([INITIALIZE]);
    expect(upstream.requests.join()).not.toContain(key);
    expect(JSON.stringify(upstream.posts)).not.toContain(key);
    const bare = session.endpoint.replace(`/t/${key}`, '');
    expect((await send(gateway.origin, { method: 'POST', path: bare, headers: JSON_HEADERS, body: '{}' })).status).toBe(
      401,
    );
    session.close();
    expect(log()).not.toContain(key.slice(4));
  });

  it('another key than that of the session finds no session', async () => {
    const { key } = await start(true);
    const session = await openSse(gateway.origin, `/t/${key}/sse`);
    const bob = gateway.bob.Authorization.slice('Bearer '.length);
    const path = session.endpoint.replace(key, bob);
    const answer = await send(gateway.origin, { method: 'POST', path, headers: JSON_HEADERS, body: INITIALIZE });
    expect(answer.status).toBe(404);
    session.close();
  });

  it('a wrong one is 401, and so is a right one beside another credential', async () => {
    const { key, log } = await start(true);
    const wrong = `mdb_${'x'.repeat(43)}`;
    for (const path of [`/t/${wrong}/sse`, `/t/${wrong}/mcp`, '/t/x/sse', `/t/${key}x/mcp`]) {
      expect((await send(gateway.origin, { path })).status).toBe(401);
    }
    expect((await send(gateway.origin, { path: `/t/${key}/sse`, headers: gateway.alice })).status).toBe(401);
    expect((await send(gateway.origin, { path: `/t/${wrong}/sse`, headers: gateway.alice })).status).toBe(401);
    expect(upstream.requests).toEqual([]);
    expect(log()).not.toContain('x'.repeat(20));
  });

  it('no other path is served below it, and no key is found deeper or encoded', async () => {
    const { key } = await start(true);
    for (const path of [
      `/t/${key}`,
      `/t/${key}/`,
      `/t/${key}/x`,
      `/x/t/${key}/sse`,
      `/t/${key}/t/${key}/sse`,
      '/t//sse',
    ]) {
      expect((await send(gateway.origin, { path })).status, path).toBe(404);
    }
    expect((await send(gateway.origin, { path: `/t/%6d${key.slice(1)}/sse` })).status).toBe(404);
  });
});

it('the built gateway says nothing of keys in its log, in whatever place they came', async () => {
  upstream = await startSilentUpstream();
  closes.push(() => upstream.close());
  const running = await startGatewayProcess(upstream.url, ['--path-keys', '--log-level', 'debug']);
  closes.push(() => running.close());
  const key = running.alice.Authorization.slice('Bearer '.length);
  expect((await send(running.origin, { method: 'PUT', path: `/t/${key}/mcp` })).status).toBe(405);
  expect((await send(running.origin, { path: `/t/${key}x/sse` })).status).toBe(401);
  expect((await send(running.origin, { path: `/sse?access_token=${key}` })).status).toBe(401);
  expect((await send(running.origin, { path: '/sse', headers: { cookie: `key=${key}` } })).status).toBe(401);
  expect(running.log()).toContain('unauthorized');
  expect(running.log()).not.toContain(key.slice(4));
});
