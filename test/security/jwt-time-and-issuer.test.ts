/**
 * Tokens out of their time, and tokens of somebody else's (A12, S08). Clocks differ a little, so 30 s either way are
 * granted and no more; a token that never ends is refused, and one that ends ends its streams. `iss` is compared to the
 * letter, or the tenant next door could sign in. All of it is 401, and the upstream hears nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { AUDIENCE, type JwtGateway, startJwtGateway } from '../parts/jwt-gateway.ts';
import { type OauthIssuer, startIssuer } from '../parts/oauth-issuer.ts';
import { openSse } from '../parts/raw-sse-session.ts';

let jwt: JwtGateway;
beforeAll(async () => {
  jwt = await startJwtGateway({ heartbeatMs: 100 });
});
afterAll(() => jwt.close());
const now = (): number => Math.floor(Date.now() / 1000);
const statusOf = async (claims: Record<string, unknown>, without: string[] = []): Promise<number> =>
  (await jwt.openWith(await jwt.issuer.sign(AUDIENCE, { claims, without }))).status;

describe('time', () => {
  it.each<[string, () => Record<string, unknown>, number]>([
    ['ended 61 s ago', () => ({ exp: now() - 61 }), 401],
    ['ended 31 s ago', () => ({ exp: now() - 31 }), 401],
    ['ended 10 s ago', () => ({ exp: now() - 10 }), 200],
    ['begins in 5 minutes', () => ({ nbf: now() + 300 }), 401],
    ['begins in 40 s', () => ({ nbf: now() + 40 }), 401],
    ['begins in 10 s', () => ({ nbf: now() + 10 }), 200],
    ['ends at a text', () => ({ exp: String(now() + 300) }), 401],
    ['ends at null', () => ({ exp: null }), 401],
    ['ends in 1970', () => ({ exp: 0 }), 401],
    ['ended before it began', () => ({ exp: -1 }), 401],
    ['ends after every date', () => ({ exp: 1e300 }), 401],
    ['begins at a text', () => ({ nbf: 'now' }), 401],
  ])('a token that %s', async (_what, claims, status) => {
    const before = jwt.upstream.requests.length;
    expect(await statusOf(claims())).toBe(status);
    if (status === 401) expect(jwt.upstream.requests).toHaveLength(before);
  });

  it('a token that never ends is refused', async () => {
    expect(await statusOf({}, ['exp'])).toBe(401);
  });

  it('a token that was good is not remembered beyond its end, and its stream ends with it', async () => {
    // 30 s of skew: this one has a second left.
    const token = await jwt.issuer.sign(AUDIENCE, { claims: { exp: now() - 28 } });
    const session = await openSse(jwt.gateway.origin, '/sse', { authorization: `Bearer ${token}` });
    await within(10_000, 'the stream ends', new Promise<void>((fulfil) => session.response.on('close', fulfil)));
    expect((await jwt.openWith(token)).status).toBe(401);
  });
});

describe('issuer', () => {
  it.each<[string, (issuer: OauthIssuer) => unknown]>([
    ['another', () => 'https://elsewhere.example'],
    ['ours and a slash', ({ url }) => `${url}/`],
    ['ours and a path', ({ url }) => `${url}/tenant`],
    ['ours in capitals', ({ url }) => url.toUpperCase()],
    ['ours by another name', ({ url }) => url.replace('127.0.0.1', 'localhost')],
    ['a list with ours', ({ url }) => [url]],
    ['empty', () => ''],
    ['null', () => null],
  ])('%s is refused, though the signature is right', async (_what, make) => {
    const before = jwt.upstream.requests.length;
    expect(await statusOf({ iss: make(jwt.issuer) })).toBe(401);
    expect(jwt.upstream.requests).toHaveLength(before);
  });

  it('none is refused', async () => {
    expect(await statusOf({}, ['iss'])).toBe(401);
  });

  it('another who says that he is ours is refused: his keys are not ours', async () => {
    const stranger = await startIssuer();
    const token = await stranger.sign(AUDIENCE, { claims: { iss: jwt.issuer.url } });
    expect((await jwt.openWith(token)).status).toBe(401);
    expect(stranger.requests).toEqual([]);
    await stranger.close();
  });
});
