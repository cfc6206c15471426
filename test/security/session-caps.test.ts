/**
 * One client opens sessions without end: each costs memory here and a session at the server. S56: a cap of the principal,
 * then 429; another principal still gets in; when all are closed nothing is left.
 */
import { expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startGateway } from '../parts/gateway-server.ts';
import { send } from '../parts/raw-http.ts';
import { openSse, type RawSseSession } from '../parts/raw-sse-session.ts';
import { startSilentUpstream } from '../parts/silent-upstream.ts';

it('refuses a principal’s sessions over its cap, leaves room to others, and keeps nothing afterwards', async () => {
  const upstream = await startSilentUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    maxSessionsPerPrincipal: 20,
    maxStreamsPerAddress: 500,
  });
  const sessions: RawSseSession[] = [];
  for (let count = 0; count < 20; count++) sessions.push(await openSse(gateway.origin, '/sse', gateway.alice));
  for (let count = 0; count < 200; count++)
    expect((await send(gateway.origin, { path: '/sse', headers: gateway.alice })).status).toBe(429);
  expect(upstream.streamCount()).toBe(20);
  const other = await openSse(gateway.origin, '/sse', gateway.bob);
  for (const session of [...sessions, other]) session.close();
  await until('no session is left', () => gateway.gateway.sessionCount === 0 && upstream.streamCount() === 0);
  const again = await openSse(gateway.origin, '/sse', gateway.alice);
  again.close();
  await gateway.close();
  await upstream.close();
});
