/**
 * A token names the key it is signed with. If every unknown name sent the gateway to the issuer, anybody could make it
 * hammer the issuer, which then locks the gateway out, and good tokens with it (A14). A thousand made-up names may cost
 * one fetch, each is answered 401 at once, good tokens go on working, and a key that is really new is still found.
 */
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AUDIENCE, type JwtGateway, startJwtGateway } from '../parts/jwt-gateway.ts';

let jwt: JwtGateway;
let makeUnknown: (kid: string) => Promise<string>;
beforeAll(async () => {
  jwt = await startJwtGateway();
  const { privateKey } = await generateKeyPair('ES256');
  makeUnknown = (kid) =>
    new SignJWT({ aud: AUDIENCE, sub: 'mallory' })
      .setIssuer(jwt.issuer.url)
      .setExpirationTime('5m')
      .setProtectedHeader({ alg: 'ES256', kid })
      .sign(privateKey);
});
afterAll(() => jwt.close());

it('a thousand unknown keys cost the issuer one fetch, and the upstream nothing', async () => {
  const good = await jwt.issuer.sign(AUDIENCE);
  expect((await jwt.openWith(good)).status).toBe(200);
  const [fetches, discoveries] = [jwt.issuer.count('/jwks'), jwt.issuer.count('server')];
  const asked = jwt.upstream.requests.length;
  for (let round = 0; round < 20; round++) {
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, index) => makeUnknown(`../../${round * 50 + index}`)),
    );
    const answers = await Promise.all(tokens.map((token) => jwt.openWith(token)));
    expect(answers.filter(({ status }) => status !== 401)).toEqual([]);
  }
  expect(jwt.upstream.requests).toHaveLength(asked);
  expect(jwt.issuer.count('/jwks') - fetches).toBe(1);
  expect(jwt.issuer.count('server')).toBe(discoveries);
  expect((await jwt.openWith(good)).status).toBe(200);
  expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE))).status).toBe(200);
});

it('tokens without a name, whose signature fits no key, cost it no more', async () => {
  const fetches = jwt.issuer.count('/jwks');
  const nameless = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const { privateKey } = await generateKeyPair('RS256');
      return new SignJWT({ sub: 'mallory' }).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
    }),
  );
  for (const token of nameless) expect((await jwt.openWith(token)).status).toBe(401);
  expect(jwt.issuer.count('/jwks')).toBe(fetches);
});
