import { afterEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { Attempts } from '../../src/recovery/attempts.ts';
import { within } from '../parts/deadline.ts';

const AWAY = new DrawbridgeError('upstream_unreachable', 'cannot reach db.example:8000');

let attempts: Attempts;
afterEach(() => attempts.stop());

/** Begins an outage after some tries that have failed, so that the next one would wait for some seconds. */
async function failOften(): Promise<void> {
  attempts = new Attempts();
  attempts.begin(AWAY);
  for (let tries = 0; tries < 8; tries++) {
    const due = attempts.nextIsDue(false);
    attempts.hasten();
    await due;
    attempts.fail(AWAY);
  }
}

/** How long a promise takes, in milliseconds. */
async function timeOf(promise: Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await within(5000, 'the next try is due', promise);
  return performance.now() - startedAt;
}

describe('the next try', () => {
  it('is due at once after the loss', async () => {
    attempts = new Attempts();
    attempts.begin(AWAY);
    expect(await timeOf(attempts.nextIsDue(false))).toBeLessThan(50);
  });

  it('is due when the client speaks, however long it would have been waited', async () => {
    await failOften();
    const due = attempts.nextIsDue(false);
    attempts.hasten();
    expect(await timeOf(due)).toBeLessThan(200);
  });

  it('is due soon while the client waits for an answer', async () => {
    await failOften();
    expect(await timeOf(attempts.nextIsDue(true))).toBeLessThan(400);
  });

  it('is not due before the time that the server asked for, though the client speaks', async () => {
    await failOften();
    attempts.fail(new DrawbridgeError('upstream_error', 'busy', { upstreamStatus: 503, retryAfterMs: 600 }));
    const due = attempts.nextIsDue(true);
    attempts.hasten();
    expect(await timeOf(due)).toBeGreaterThan(550);
  });

  it('is not waited for any more when trying is over', async () => {
    await failOften();
    const due = attempts.nextIsDue(false);
    attempts.stop();
    expect(await timeOf(due)).toBeLessThan(200);
  });
});
