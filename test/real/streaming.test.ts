import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { openSse, type RawSseSession } from '../parts/raw-sse-session.ts';

const CALLS = 41;
let gateway: GatewayProcess;
beforeAll(async () => {
  gateway = await startGatewayProcess(inject('postgresMcpUrl'));
});
afterAll(() => gateway.close());

it('an answer of postgres-mcp is on the wire to the client within 50 ms of a direct one (median)', async () => {
  const direct = await openSse(new URL(inject('postgresMcpUrl')).origin, '/sse');
  const through = await openSse(gateway.origin, '/sse', gateway.alice);
  await direct.initialize();
  await through.initialize();
  const times = { direct: [] as number[], through: [] as number[] };
  for (let id = 1; id <= CALLS; id++) {
    times.direct.push(await ping(direct, id));
    times.through.push(await ping(through, id));
  }
  direct.close();
  through.close();
  expect(median(times.through) - median(times.direct)).toBeLessThan(50);
});

async function ping(session: RawSseSession, id: number): Promise<number> {
  const start = performance.now();
  const arrival = session.arrival(`"id":${id},`);
  await session.post(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
  return (await arrival) - start;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
