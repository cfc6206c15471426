/** A stream ends when the credential that opened it does, also when the gateway was given new options in between. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { within } from '../parts/deadline.ts';
import { startGateway } from '../parts/gateway-server.ts';
import { basic, bcryptHash, writeHtpasswd } from '../parts/htpasswd.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { startSilentUpstream } from '../parts/silent-upstream.ts';

const closes: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close();
});

async function start(more: Partial<GatewayOptions>): ReturnType<typeof startGateway> {
  const upstream = await startSilentUpstream();
  closes.push(() => upstream.close());
  const options = { upstream: upstream.url, heartbeatMs: 200, ...more };
  const running = await startGateway(options);
  closes.push(() => running.close());
  return running;
}

it.each([[false], [true]])('of a key that is revoked (new options before: %s)', async (isReloaded) => {
  const running = await start({});
  const stream = await openSse(running.origin, '/sse', running.alice);
  const other = await openSse(running.origin, '/sse', running.alice);
  if (isReloaded)
    running.gateway.reload({ upstream: 'http://127.0.0.1:9/sse', heartbeatMs: 200, keyFile: running.keyFile });
  const ends = [stream, other].map(({ response }) => once(response, 'end'));
  writeFileSync(running.keyFile, '{"keys":[]}');
  await within(10_000, 'both streams end', Promise.all(ends));
});

it('of a user whose password is another, and of nobody else', async () => {
  const right = bcryptHash('right');
  const file = writeHtpasswd(`carol:${right}\ndave:${right}\n`);
  closes.push(file.remove);
  const running = await start({ htpasswdFile: file.path });
  const carol = await openSse(running.origin, '/sse', basic('carol', 'right'));
  const dave = await openSse(running.origin, '/sse', basic('dave', 'right'));
  const end = once(carol.response, 'end');
  file.write(`carol:${bcryptHash('other')}\ndave:${right}\n`);
  await within(10_000, 'the stream ends', end);
  expect(dave.response.complete).toBe(false);
  expect(running.gateway.sessionCount).toBe(1);
});
