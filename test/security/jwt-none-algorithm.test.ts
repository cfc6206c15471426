/**
 * A JWT says itself how it is signed. Libraries that believe it accept `alg: none`, spelled in any case, with no
 * signature at all, or a signature that belongs to other claims: whoever can write JSON is then anybody (A08).
 * Every one must be refused with 401 and never 500, before the upstream hears of it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, type JwtGateway, startJwtGateway, unsigned } from '../parts/jwt-gateway.ts';

let jwt: JwtGateway;
let good: string;
beforeAll(async () => {
  jwt = await startJwtGateway();
  good = await jwt.issuer.sign(AUDIENCE);
});
afterAll(() => jwt.close());

const claims = (): Record<string, unknown> => {
  const now = Math.floor(Date.now() / 1000);
  return { iss: jwt.issuer.url, aud: AUDIENCE, sub: 'mallory', iat: now, exp: now + 300 };
};
const [header, payload, signature] = [0, 1, 2].map((part) => () => good.split('.')[part]!) as [
  () => string,
  () => string,
  () => string,
];

it('the token that the attacks are made of is good', async () => {
  expect((await jwt.openWith(good)).status).toBe(200);
});

describe('a token that nobody has signed', () => {
  it.each([
    'none',
    'None',
    'nOnE',
    'NONE',
    '',
    ' none',
    'none\u0000',
    'RS256 ',
    'rs256',
    null,
    0,
    ['RS256'],
    {},
    true,
  ])('is refused where it calls its algorithm %j', async (alg) => {
    const before = jwt.upstream.requests.length;
    for (const end of ['', 'AAAA', signature()]) {
      expect((await jwt.openWith(unsigned({ alg, kid: jwt.issuer.kid() }, claims()) + end)).status).toBe(401);
    }
    expect(jwt.upstream.requests).toHaveLength(before);
  });

  it('is refused where it does not say how it is signed', async () => {
    expect((await jwt.openWith(unsigned({ kid: jwt.issuer.kid() }, claims()))).status).toBe(401);
  });
});

describe('a signature that is not that of the token', () => {
  it.each<[string, () => string]>([
    ['none, with its dot', () => `${header()}.${payload()}.`],
    ['none, without a dot', () => `${header()}.${payload()}`],
    ['that of other claims', () => unsigned({ alg: 'RS256', kid: jwt.issuer.kid() }, claims()) + signature()],
    ['cut by one character', () => good.slice(0, -1)],
    ['made longer', () => `${good}AAAA`],
    ['of zeros', () => `${header()}.${payload()}.${'A'.repeat(signature().length)}`],
    ['with padding', () => `${good}==`],
    ['with one dot more', () => `${good}.`],
    ['in place of the claims', () => `${header()}.${signature()}.${payload()}`],
  ])('%s is refused', async (_what, make) => {
    const before = jwt.upstream.requests.length;
    const answer = await jwt.openWith(make());
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(jwt.upstream.requests).toHaveLength(before);
  });
});
