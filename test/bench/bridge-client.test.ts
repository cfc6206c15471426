import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { BridgeClient } from './bridge-client.mjs';
import { measureRecovery } from './bridge-recovery.mjs';
import { monotonicMs } from './clock.mjs';
import { ChildProcess, stopAll } from './processes.mjs';

const FAKE_BRIDGE = fileURLToPath(new URL('../parts/fake-bridge.mjs', import.meta.url));

afterEach(stopAll);

async function open(fault: string): Promise<{ child: ChildProcess; client: BridgeClient }> {
  const child = new ChildProcess(`the ${fault} bridge`, [process.execPath, FAKE_BRIDGE, fault], { isPiped: true });
  const client = new BridgeClient(child);
  await client.initialize(10_000);
  return { child, client };
}

/** Two calls, so that a fault which shows only after a right answer is met too. */
async function callTwice(fault: string): Promise<void> {
  const { client } = await open(fault);
  for (let i = 0; i < 2; i++) {
    await client.within(new Promise((resolve) => client.echo(resolve)), 'the answer', 10_000);
  }
  await client.close();
}

describe('the client of the bench', () => {
  it.each(['none', 'rewritten'])('takes right answers, also as other bytes of the same JSON (%s)', async (fault) => {
    await expect(callTwice(fault)).resolves.toBeUndefined();
  });

  it.each([
    ['other-content', 'call 2 got a wrong answer'],
    ['other-id', 'no call waits for the id 1002'],
    ['twice', 'no call waits for the id 2'],
    ['error', 'call 2 got a wrong answer'],
    ['no-json', 'wrote what is no answer'],
    ['end', 'ended (exit code 7) before the answer'],
  ])('fails the run over a bridge with the fault %s', async (fault, message) => {
    await expect(callTwice(fault)).rejects.toThrow(message);
  });
});

describe('the measure of recovery', () => {
  it('counts every call after the loss as failed when the bridge ends with its server', async () => {
    const { child, client } = await open('none');
    const figures = await measureRecovery(client, child, {
      stop: () => {
        child.kill();
        return child.exited;
      },
      start: async () => monotonicMs(),
    });
    expect(figures.recoveryMs).toBeNull();
    expect(figures.ending).toBe('SIGKILL');
    expect(figures.newCalls).toBeGreaterThan(10);
    expect(figures.failedNewCalls).toBe(figures.newCalls);
  });

  it('measures nothing on a bridge that answers no call before the restart', async () => {
    const { child, client } = await open('error');
    const upstream = { stop: async () => {}, start: async () => monotonicMs() };
    await expect(measureRecovery(client, child, upstream)).rejects.toThrow('answered no call before');
  });
});
