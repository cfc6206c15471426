import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Finding } from '../../../src/check/finding.ts';
import { walkServer } from '../../../src/check/walk.ts';
import { startStagedMcp } from '../../parts/staged-mcp.ts';
import { walked } from '../../parts/walked.ts';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const end of endings.splice(0).reverse()) await end();
});

/** What is said of an idle stream on which nothing comes, with a clock that leaps over the time it is watched. */
async function silentFor(heartbeatMs: number): Promise<Finding | undefined> {
  const server = await startStagedMcp({ isBeating: false });
  endings.push(server.close);
  const facts = { nodeVersion: '22.14.0' };
  const walk = walkServer({ url: server.url('/sse'), facts, heartbeatMs, until: 'heartbeat' });
  endings.push(async () => void (await walk.return(undefined)));
  for await (const finding of walk) {
    if (finding.hop === 'heartbeat') return finding;
    if (finding.hop !== 'ping') continue;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const next = walk.next();
    await vi.advanceTimersByTimeAsync(heartbeatMs);
    return (await next).value as Finding;
  }
  return undefined;
}

describe('an idle stream on which nothing comes', () => {
  it('is warned of when it was watched for as long as servers are commonly silent', async () => {
    const finding = await silentFor(15_000);
    expect(finding).toMatchObject({ hop: 'heartbeat', verdict: 'warn' });
    expect(finding?.said).toMatch(/^nothing came on the idle stream for 15000 ms$/);
    expect(finding?.remedy).toContain('a comment every 14 s');
  });

  it('is not judged when it was watched for less', async () => {
    const finding = await silentFor(14_999);
    expect(finding).toMatchObject({ hop: 'heartbeat', verdict: 'skip' });
    expect(finding?.said).toMatch(/^nothing came on the idle stream for 14999 ms, too short to tell/);
  });
});

it('one sign is enough, however short the time', async () => {
  const server = await startStagedMcp();
  endings.push(server.close);
  const found = await walked(server.url('/sse'), { heartbeatMs: 100 });
  expect(found.find(({ hop }) => hop === 'heartbeat')).toMatchObject({ verdict: 'ok' });
});
