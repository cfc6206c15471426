/**
 * L08: somebody with one key asks from many addresses, so that no limit of an address is ever reached. The limit of the
 * principal counts them all together; another principal is not touched.
 */
import { expect, it } from 'vitest';
import { startGateway } from '../parts/gateway-server.ts';
import { JSON_HEADERS, send } from '../parts/raw-http.ts';
import { startSilentUpstream } from '../parts/silent-upstream.ts';

it('counts one principal’s requests together, from however many addresses they come', async () => {
  const upstream = await startSilentUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    trustProxies: ['127.0.0.1'],
    limitRequests: 'rate=1r/m burst=29',
    limitAddress: 'rate=1r/m burst=19',
  });
  const ask = async (who: Record<string, string>, address: string): Promise<number> =>
    (
      await send(gateway.origin, {
        method: 'POST',
        path: '/mcp',
        headers: { ...JSON_HEADERS, ...who, 'x-forwarded-for': address },
        body: '{',
      })
    ).status;
  const statuses: number[] = [];
  for (let host = 1; host <= 50; host++) statuses.push(await ask(gateway.alice, `10.0.0.${host}`));
  expect(statuses).toEqual([...Array<number>(30).fill(400), ...Array<number>(20).fill(429)]);
  expect(await ask(gateway.bob, '10.0.0.1')).toBe(400);
  await gateway.close();
  await upstream.close();
});
