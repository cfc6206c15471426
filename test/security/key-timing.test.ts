/**
 * A06: somebody who measures. If a key that is wrong in its first character were refused sooner than one that is wrong in its
 * last, keys could be found character by character. The times of both must be samples of one distribution
 * (Kolmogorov-Smirnov, p > 0.01). By chance alone one run in a hundred says otherwise, so it has five runs; a real difference
 * fails all of them, as the comparison that stops at the first difference shows below.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyAuthenticator } from '../../src/gateway/authenticators/keys.ts';
import type { Authenticator } from '../../src/gateway/policies/authenticate.ts';
import { silentLogger } from '../../src/log.ts';
import { bareContext } from '../parts/bare-context.ts';
import { writeKeyFile } from '../parts/gateway-server.ts';

const SAMPLES = 2000;
const CALLS_PER_SAMPLE = 20;

let authenticator: Authenticator;
let key: string;
let remove: () => void;
beforeAll(() => {
  const file = writeKeyFile(Array.from({ length: 20 }, (_, index) => `key-${index}`));
  key = file.keys['key-0']!;
  remove = file.remove;
  authenticator = keyAuthenticator({ path: file.path, logger: silentLogger });
});
afterAll(() => {
  authenticator.close();
  remove();
});

/**
 * In turns that alternate at random, so that whatever else the machine does falls on both alike; with strings that are new
 * each time, as they come from a socket, so that no place in memory is always that of the same key.
 */
function measure(run: (key: string) => void, first: string, last: string): readonly [number[], number[]] {
  const times: readonly [number[], number[]] = [[], []];
  const time = (text: string): number => {
    const fresh = Buffer.from(text, 'latin1').toString('latin1');
    const from = process.hrtime.bigint();
    for (let call = 0; call < CALLS_PER_SAMPLE; call++) run(fresh);
    return Number(process.hrtime.bigint() - from);
  };
  for (let index = 0; index < 200; index++) time(index % 2 === 0 ? first : last);
  for (let index = 0; index < SAMPLES; index++) {
    const isFirstFirst = Math.random() < 0.5;
    if (isFirstFirst) times[0].push(time(first));
    times[1].push(time(last));
    if (!isFirstFirst) times[0].push(time(first));
  }
  return times;
}

/** The probability of a distance as large as this between two samples of one distribution. */
function kolmogorovSmirnov([one, other]: readonly [number[], number[]]): number {
  const [a, b] = [[...one].sort((x, y) => x - y), [...other].sort((x, y) => x - y)];
  let [distance, i, j] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i]! <= value) i++;
    while (j < b.length && b[j]! <= value) j++;
    distance = Math.max(distance, Math.abs(i / a.length - j / b.length));
  }
  const size = Math.sqrt((a.length * b.length) / (a.length + b.length));
  const lambda = (size + 0.12 + 0.11 / size) * distance;
  let p = 0;
  for (let k = 1; k <= 100; k++) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * k * k * lambda * lambda);
  return lambda < 0.2 ? 1 : Math.min(1, Math.max(0, p));
}

/** The best of five. */
function probability(run: (key: string) => void): number {
  let best = 0;
  const [first, last] = [wrongAt(0), wrongAt(key.length - 1)];
  for (let round = 0; round < 5 && best <= 0.01; round++) {
    best = Math.max(best, kolmogorovSmirnov(measure(run, first, last)));
  }
  return best;
}

const wrongAt = (index: number): string =>
  key.slice(0, index) + (key[index] === 'A' ? 'B' : 'A') + key.slice(index + 1);

it('a key wrong in its first character takes as long as one wrong in its last', { timeout: 60_000 }, () => {
  const outcomes = new Set<unknown>();
  const p = probability((text) => {
    outcomes.add(authenticator.authenticate(bareContext({ 'x-api-key': text })));
  });
  expect(p).toBeGreaterThan(0.01);
  expect([...outcomes]).toEqual(['wrong']);
});

it('a comparison that stops at the first difference would be found', { timeout: 60_000 }, () => {
  let same = 0;
  const p = probability((text) => {
    let index = 0;
    while (index < key.length && text.charCodeAt(index) === key.charCodeAt(index)) index++;
    if (index === key.length) same++;
  });
  expect(p).toBeLessThan(0.01);
  expect(same).toBe(0);
});
