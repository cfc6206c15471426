/**
 * X07: streams that are opened and left cost their victim memory and descriptors. A thousand of them, a fifth of the
 * case's number: the process grows by less than 120 MB at its peak, of which garbage that is still to be collected is the
 * larger part, serves others meanwhile, and has every descriptor back when they are gone.
 */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startGatewayProcess } from '../parts/gateway-process.ts';
import { peakRssBytes } from '../parts/process-memory.ts';
import { send } from '../parts/raw-http.ts';
import { openSse, type RawSseSession } from '../parts/raw-sse-session.ts';
import { startSilentUpstream } from '../parts/silent-upstream.ts';

const STREAMS = 1000;
const MAX_GROWTH_BYTES = 120 * 1024 * 1024;

it('a thousand idle streams are bounded in memory, and leave nothing behind', { timeout: 60_000 }, async () => {
  const upstream = await startSilentUpstream();
  const gateway = await startGatewayProcess(upstream.url, [
    ...['--max-sessions', '2000', '--max-sessions-per-principal', '2000', '--max-streams-per-address', '2000'],
    ...['--max-connections-per-address', '3000'],
  ]);
  const descriptors = (): number => readdirSync(`/proc/${gateway.child.pid}/fd`).length;
  const first = await openSse(gateway.origin, '/sse', gateway.alice);
  first.close();
  await until('the first stream is gone', () => upstream.streamCount() === 0);
  const [before, rssBefore] = [descriptors(), peakRssBytes(gateway.child.pid)];
  const sessions: RawSseSession[] = [];
  while (sessions.length < STREAMS)
    sessions.push(
      ...(await Promise.all(Array.from({ length: 50 }, () => openSse(gateway.origin, '/sse', gateway.alice)))),
    );
  expect(upstream.streamCount()).toBe(STREAMS);
  expect((await send(gateway.origin, { path: '/health' })).status).toBe(200);
  expect(peakRssBytes(gateway.child.pid) - rssBefore).toBeLessThan(MAX_GROWTH_BYTES);
  for (const session of sessions) session.close();
  await until('every stream is gone', () => upstream.streamCount() === 0, 10_000);
  await until('every descriptor is back', () => descriptors() <= before + 3, 10_000);
  await gateway.close();
  await upstream.close();
});
