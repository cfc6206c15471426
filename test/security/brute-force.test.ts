/**
 * L07 and its neighbours: somebody who guesses. After 20 wrong credentials in a minute an address gets 429 with Retry-After,
 * before anything is verified, even for a credential that is right; requests without a credential are no guesses; neither
 * other addresses nor the account that was guessed at are touched. Guesses in parallel do not stall the event loop, and
 * fill no queue without end.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { basic, bcryptHash, type HtpasswdFile, writeHtpasswd } from '../parts/htpasswd.ts';
import { type RawAnswer, send } from '../parts/raw-http.ts';
import { sendFrom } from '../parts/send-from.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let file: HtpasswdFile;
/** Of which 20 are verified in far less than the time in which the rate allows one more. */
let quick: HtpasswdFile;
let gateway: TestGateway | undefined;
beforeAll(async () => {
  upstream = await startSilentUpstream();
  file = writeHtpasswd(`carol:${bcryptHash('secret', 10)}\n`);
  quick = writeHtpasswd(`carol:${bcryptHash('secret', 4)}\n`);
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  expect(upstream.requests).toEqual([]);
});
afterAll(async () => {
  await upstream.close();
  file.remove();
  quick.remove();
});

async function start(more: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  gateway = await startGateway({ upstream: upstream.url, htpasswdFile: file.path, ...more });
  return gateway;
}
const put = (origin: string, headers: Record<string, string>): Promise<RawAnswer> =>
  send(origin, { method: 'PUT', path: '/mcp', headers });

it('the 21st guess is 429 with Retry-After, whatever it is, and anonymous requests stay what they were', async () => {
  const { origin, alice } = await start();
  for (let index = 0; index < 20; index++) {
    expect((await put(origin, { 'x-api-key': `guess ${index}` })).status).toBe(401);
  }
  for (const headers of [{ 'x-api-key': 'guess' }, alice, basic('carol', 'secret'), { Authorization: 'Bearer x' }]) {
    const answer = await put(origin, headers);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(50);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(JSON.parse(answer.body).error.data.reason).toBe('rate_limited');
  }
  expect((await put(origin, {})).status).toBe(401);
  expect((await send(origin, { path: '/health' })).status).toBe(200);
});

it('another address, and the account guessed at from there, notice nothing', async () => {
  const { port, alice, origin } = await start({ htpasswdFile: quick.path });
  const from = (address: string, headers: Record<string, string>): Promise<number> =>
    sendFrom(address, port, { method: 'PUT', path: '/mcp', headers });
  for (let index = 0; index < 20; index++) await from('127.0.0.2', basic('carol', ''));
  expect(await from('127.0.0.2', basic('carol', 'secret'))).toBe(429);
  expect(await from('127.0.0.3', basic('carol', 'secret'))).toBe(405);
  expect(await from('127.0.0.3', alice)).toBe(405);
  expect((await put(origin, alice)).status).toBe(405);
});

it('what is right or absent is never counted, however often it comes', async () => {
  const { origin, alice } = await start();
  for (let index = 0; index < 60; index++) {
    expect((await put(origin, index % 3 === 0 ? alice : index % 3 === 1 ? {} : basic('carol', 'secret'))).status).toBe(
      index % 3 === 1 ? 401 : 405,
    );
  }
});

it('the limit is the operator’s', async () => {
  const { origin } = await start({ limitLogins: 'rate=2r/m burst=2' });
  const statuses: number[] = [];
  for (let index = 0; index < 5; index++) statuses.push((await put(origin, { 'x-api-key': `guess ${index}` })).status);
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
});

it('50 guesses in parallel leave the event loop free, and no address fills the queue', {
  timeout: 60_000,
}, async () => {
  const { origin, alice } = await start({ limitLogins: 10_000 });
  // The threads start, and what is compiled is compiled.
  await put(origin, basic('carol', 'first'));
  let longestMs = Number.POSITIVE_INFINITY;
  // On a machine that is busy with other things one round says little; bcrypt in the event loop would fail all of them.
  for (let round = 0; round < 4 && longestMs >= 100; round++) {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const guesses = Array.from({ length: 50 }, (_, index) => put(origin, basic('carol', `guess ${round} ${index}`)));
    expect((await put(origin, alice)).status).toBe(405);
    const statuses = (await Promise.all(guesses)).map(({ status, headers }) => {
      if (status === 503) expect(headers['retry-after']).toBe('1');
      return status;
    });
    delay.disable();
    longestMs = Math.min(longestMs, delay.max / 1e6);
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(16);
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0);
    expect(statuses.every((status) => status === 401 || status === 503)).toBe(true);
  }
  expect(longestMs).toBeLessThan(100);
  expect((await put(origin, basic('carol', 'secret'))).status).toBe(405);
});

it('the same credential 50 times at once is verified once', async () => {
  const { origin } = await start();
  const answers = await Promise.all(Array.from({ length: 50 }, () => put(origin, basic('carol', 'secret'))));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([405]));
});

it('a gateway that is closed while it verifies ends at once', async () => {
  const { origin, gateway: inner } = await start();
  const guesses = Array.from({ length: 10 }, (_, index) => put(origin, basic('carol', `late ${index}`)));
  await put(origin, {});
  await inner.close();
  for (const { status } of await Promise.all(guesses)) expect([401, 500, 503]).toContain(status);
});
