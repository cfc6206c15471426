import { expect, it } from 'vitest';
import { parseRate } from '../../../src/gateway/limits/rate.ts';
import { LoginBackoff } from '../../../src/gateway/policies/login-backoff.ts';
import { createLineLogger, silentLogger } from '../../../src/log.ts';
import { cpuMs } from '../../parts/cpu-time.ts';

const MINUTE = 60_000;

function make(rate = '20', maxAddresses = 1000): { backoff: LoginBackoff; clock: { ms: number }; log: string[] } {
  const clock = { ms: 5000 };
  const log: string[] = [];
  const backoff = new LoginBackoff({
    rate: parseRate(rate, 'limitLogins'),
    logger: createLineLogger({ level: 'warn', write: (line) => log.push(line) }),
    now: () => clock.ms,
    maxAddresses,
  });
  return { backoff, clock, log };
}

function guess(backoff: LoginBackoff, address: string, times: number): void {
  for (let index = 0; index < times; index++) backoff.countWrong(address);
}

it('blocks an address after as many wrong credentials as the rate allows, and says so once', () => {
  const { backoff, log } = make();
  guess(backoff, '192.0.2.1', 19);
  expect(backoff.waitMs('192.0.2.1')).toBe(0);
  guess(backoff, '192.0.2.1', 1);
  expect(backoff.waitMs('192.0.2.1')).toBe(MINUTE);
  expect(backoff.waitMs('192.0.2.2')).toBe(0);
  expect(log).toEqual(['warn  too many wrong credentials: the address has to wait  address=192.0.2.1  seconds=60\n']);
});

it('blocks for twice as long each time, up to 15 minutes', () => {
  const { backoff, clock } = make();
  const waits: number[] = [];
  for (let round = 0; round < 6; round++) {
    guess(backoff, '192.0.2.1', 20);
    const wait = backoff.waitMs('192.0.2.1');
    waits.push(wait / MINUTE);
    clock.ms += wait;
    expect(backoff.waitMs('192.0.2.1')).toBe(0);
  }
  expect(waits).toEqual([1, 2, 4, 8, 15, 15]);
});

it('what comes during a block does not make it longer', () => {
  const { backoff, clock } = make();
  guess(backoff, '192.0.2.1', 20);
  clock.ms += MINUTE / 2;
  guess(backoff, '192.0.2.1', 50);
  expect(backoff.waitMs('192.0.2.1')).toBe(MINUTE / 2);
});

it('forgets after an hour without a wrong credential', () => {
  const { backoff, clock } = make();
  guess(backoff, '192.0.2.1', 20);
  clock.ms += MINUTE;
  guess(backoff, '192.0.2.1', 20);
  expect(backoff.waitMs('192.0.2.1')).toBe(2 * MINUTE);
  clock.ms += 61 * MINUTE;
  guess(backoff, '192.0.2.1', 20);
  expect(backoff.waitMs('192.0.2.1')).toBe(MINUTE);
});

it('lets go on who stays under the rate', () => {
  const { backoff, clock } = make();
  for (let index = 0; index < 200; index++) {
    guess(backoff, '192.0.2.1', 1);
    clock.ms += 3000;
    expect(backoff.waitMs('192.0.2.1')).toBe(0);
  }
});

it('counts an IPv6 /64 as one, and its neighbour for itself', () => {
  const { backoff } = make();
  for (let index = 0; index < 20; index++) backoff.countWrong(`2001:db8:0:1::${index.toString(16)}`);
  expect(backoff.waitMs('2001:db8:0:1:ffff:ffff:ffff:ffff')).toBe(MINUTE);
  expect(backoff.waitMs('2001:db8:0:2::1')).toBe(0);
});

it('takes the rate in nginx’s terms', () => {
  const { backoff } = make('rate=6r/m burst=2');
  guess(backoff, '192.0.2.1', 2);
  expect(backoff.waitMs('192.0.2.1')).toBe(0);
  guess(backoff, '192.0.2.1', 1);
  expect(backoff.waitMs('192.0.2.1')).toBe(MINUTE);
});

it('remembers no more addresses than it may; those longest quiet go first', () => {
  const { backoff } = make('20', 1000);
  guess(backoff, '192.0.2.1', 20);
  guess(backoff, '192.0.2.2', 20);
  for (let index = 0; index < 998; index++) backoff.countWrong(`10.0.${index >> 8}.${index & 255}`);
  expect(backoff.size).toBe(1000);
  backoff.countWrong('192.0.2.1');
  backoff.countWrong('192.0.2.9');
  expect(backoff.size).toBeLessThanOrEqual(1000);
  expect(backoff.waitMs('192.0.2.1')).toBe(MINUTE);
  expect(backoff.waitMs('192.0.2.2')).toBe(0);
});

it('a million addresses leave a hundred thousand at most, and the last cost no more than the first', () => {
  const backoff = new LoginBackoff({ rate: parseRate(20, 'x'), logger: silentLogger });
  const costs = Array.from({ length: 10 }, (_none, round) => {
    const start = cpuMs();
    for (let index = round * 100_000; index < (round + 1) * 100_000; index++) {
      backoff.countWrong(`${index >> 24}.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`);
    }
    return cpuMs() - start;
  });
  expect(backoff.size).toBeLessThanOrEqual(100_000);
  expect(backoff.size).toBeGreaterThan(85_000);
  // Looking through all of them to find which goes would cost a thousand times as much.
  expect(Math.max(...costs)).toBeLessThan(costs[0]! * 20);
});
