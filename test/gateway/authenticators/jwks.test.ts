import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IssuerKeys } from '../../../src/gateway/authenticators/jwks.ts';
import { silentLogger } from '../../../src/log.ts';
import { until } from '../../parts/deadline.ts';
import { type OauthIssuer, startIssuer } from '../../parts/oauth-issuer.ts';

const MINUTE = 60_000;

let issuer: OauthIssuer;
let clock = 0;
let changes = 0;
let keys: IssuerKeys<{ readonly text: string }>;
beforeEach(async () => {
  clock = 0;
  changes = 0;
  issuer = await startIssuer({ alg: 'ES256' });
  keys = new IssuerKeys({
    ...{ issuer: issuer.url, jwksUrl: undefined, family: '4', logger: silentLogger, now: () => clock },
    parse: async (text) => ({ text }),
    onChange: () => changes++,
  });
  await keys.get();
});
afterEach(async () => {
  keys.close();
  await issuer.close();
});
const fetches = (): number => issuer.count('/jwks');

describe('keys that are there', () => {
  it('are good for 10 minutes, then fetched anew before they are used', async () => {
    const first = await keys.get();
    await issuer.rotate();
    clock = 10 * MINUTE - 1;
    expect(await keys.get()).toBe(first);
    expect(fetches()).toBe(1);
    clock = 10 * MINUTE;
    expect(await keys.get()).not.toBe(first);
    expect([fetches(), changes]).toEqual([2, 2]);
  });

  it('are fetched anew behind somebody who does not wait', async () => {
    const first = keys.current;
    await issuer.rotate();
    clock = 10 * MINUTE;
    expect(keys.current).toBe(first);
    await until('they are others', () => keys.current !== first);
    expect(fetches()).toBe(2);
  });

  it('stay what they are when the issuer says the same again', async () => {
    const first = await keys.get();
    clock = 11 * MINUTE;
    expect(await keys.get()).toBe(first);
    expect([fetches(), changes]).toEqual([2, 1]);
  });

  it('are fetched once for all who ask at the same time', async () => {
    clock = 11 * MINUTE;
    await Promise.all(Array.from({ length: 100 }, () => keys.get()));
    expect(fetches()).toBe(2);
  });
});

describe('while the issuer is away', () => {
  beforeEach(() => {
    issuer.mood.jwks = { kind: 'status', status: 503 };
    issuer.mood.metadata = { kind: 'status', status: 503 };
  });

  it('they are used for 24 hours and no longer', async () => {
    const first = keys.current;
    clock = 24 * 60 * MINUTE - 1;
    expect(await keys.get()).toBe(first);
    clock = 24 * 60 * MINUTE;
    expect(await keys.get()).toBeUndefined();
    expect(keys.current).toBeUndefined();
  });

  it('it is asked again every 30 s, and nobody waits for it', async () => {
    const first = keys.current;
    clock = 11 * MINUTE;
    expect(await keys.get()).toBe(first);
    const asked = issuer.requests.length;
    clock += 29_999;
    for (let times = 0; times < 100; times++) expect(await keys.get()).toBe(first);
    expect(issuer.requests).toHaveLength(asked);
    issuer.mood.metadata = { kind: 'well' };
    issuer.mood.jwks = { kind: 'hang' };
    clock += 1;
    expect(await keys.get()).toBe(first);
    await until('it is asked', () => issuer.requests.length > asked);
  });

  it('where its keys are is found out anew when they cannot be had there', async () => {
    clock = 11 * MINUTE;
    await keys.get();
    issuer.mood = { metadata: { kind: 'well' }, jwks: { kind: 'well' } };
    await issuer.rotate();
    const [first, discoveries] = [keys.current, issuer.count('server')];
    clock += 30_000;
    await keys.get();
    await until('they are others', () => keys.current !== first);
    expect(issuer.count('server')).toBe(discoveries + 1);
  });
});

describe('a key that is not among them', () => {
  it('is looked for once in 30 s', async () => {
    const first = keys.current!;
    expect(await keys.getOthers(first)).toBeUndefined();
    await issuer.rotate();
    clock = 29_999;
    expect(await keys.getOthers(first)).toBeUndefined();
    expect(fetches()).toBe(2);
    clock = 30_000;
    expect(await keys.getOthers(first)).toBe(keys.current);
    expect(keys.current).not.toBe(first);
    expect(fetches()).toBe(3);
  });

  it('is found by all who look for it at the same time', async () => {
    const first = keys.current!;
    await issuer.rotate();
    const found = await Promise.all(Array.from({ length: 50 }, () => keys.getOthers(first)));
    expect(new Set(found)).toEqual(new Set([keys.current]));
    expect(fetches()).toBe(2);
  });
});
