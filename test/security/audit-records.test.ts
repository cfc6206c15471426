/**
 * After a theft somebody asks who did what, when and from where; a log that misses the denied attempts, or that an
 * attacker can fill, forge or use to drive a terminal, answers nothing. Q01, Q05, Q06: one record for each allow and
 * deny, values escaped and cut, refusals capped in a second, none for /health.
 */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLineLogger } from '../../src/log.ts';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { JSON_HEADERS, send } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let lines: string[];

beforeEach(async () => {
  lines = [];
  const write = (line: string): void => void lines.push(line);
  upstream = await startSilentUpstream();
  gateway = await startGateway({
    upstream: upstream.url,
    logger: createLineLogger({ level: 'info', format: 'json', write }),
  });
});
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const records = (event: string): Record<string, unknown>[] =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((record) => record['event'] === event);

describe('the audit record', () => {
  it('says of a call when, from where, who, what, in which session and how long it took', async () => {
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    await session.post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_sql"}}');
    await until('the record', () => records('allow').some(({ tool }) => tool === 'execute_sql'));
    const record = records('allow').find(({ tool }) => tool === 'execute_sql');
    const id = session.endpoint.split('session=')[1] ?? '';
    expect(record).toMatchObject({
      address: '127.0.0.1',
      principal: 'alice',
      http: 'POST',
      method: 'tools/call',
      session: createHash('sha256').update(id).digest('hex').slice(0, 12),
    });
    expect(Date.parse(String(record?.['time']))).toBeGreaterThan(0);
    expect(record?.['ms']).toEqual(expect.any(Number));
    expect(lines.join('')).not.toContain(id);
    session.close();
  });

  it('says of a refusal why, and not with which credential', async () => {
    await send(gateway.origin, { path: '/sse', headers: { authorization: 'Bearer mdb_wrong-but-secret-key' } });
    await until('the record', () => records('deny').length === 1);
    expect(records('deny')[0]).toMatchObject({ address: '127.0.0.1', outcome: 'unauthorized', status: 401 });
    expect(lines.join('')).not.toContain('wrong-but-secret');
  });

  it('is not written for /health', async () => {
    for (let count = 0; count < 5; count++) await send(gateway.origin, { path: '/health' });
    expect(lines).toEqual([]);
  });

  it.each([
    ['a line break', 'a\\nlevel=error forged'],
    ['an order to the terminal', '\\u001b[2J\\u009b31m'],
    ['quotes and an equals sign', 'x\\" principal=\\"root'],
    ['a megabyte', 'y'.repeat(1024 * 1024)],
  ])('holds a tool name with %s as one short word', async (_name, tool) => {
    const session = await openSse(gateway.origin, '/sse', gateway.alice);
    await session.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}"}}`);
    await until('the record', () => records('allow').some(({ method }) => method === 'tools/call'));
    const { tool: written } = records('allow').find(({ method }) => method === 'tools/call') ?? {};
    expect(String(written)).toMatch(/^[!#-<>-[\]-~…\\u{}]{1,400}$/u);
    expect(lines.every((line) => line.length < 4000 && line.indexOf('\n') === line.length - 1)).toBe(true);
    session.close();
  });

  it('is written for at most 20 refusals in a second, and for the others all together', async () => {
    const wrong = { ...JSON_HEADERS, host: 'evil.example' };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 300 }, () => send(gateway.origin, { path: '/mcp', headers: wrong })));
    const told = (): number => records('deny').filter(({ count }) => count === undefined).length;
    const leftOut = (): number => records('deny').reduce((sum, { count }) => sum + Number(count ?? 0), 0);
    // The last ones are summed up with the second that they came in.
    await until('the summary', () => leftOut() > 0 && told() + leftOut() >= 300, 5000);
    const seconds = Math.ceil((performance.now() - startedAt) / 1000) + 1;
    expect(told()).toBeLessThanOrEqual(20 * seconds);
    expect(told() + leftOut()).toBe(300);
    expect(lines.some((line) => line.includes('more refusals were not written'))).toBe(true);
  });
});
