/**
 * Headers of tokens that are made to cost or to confuse (A15): extensions that must be understood and are not (`crit`),
 * encrypted tokens (JWE), whose PBES2 lets the sender choose two thousand million rounds of a hash, compressed ones, ones
 * of enormous size, and JSON that reads two ways. Each is 401, or 431 where HTTP itself is too large, in under 50 ms.
 */
import { CompactEncrypt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, encode, type JwtGateway, startJwtGateway, unsigned } from '../parts/jwt-gateway.ts';

let jwt: JwtGateway;
beforeAll(async () => {
  jwt = await startJwtGateway();
  // What is loaded once is not the attack's cost.
  expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE))).status).toBe(200);
  // Nor is the one fetch that all unknown keys together have.
  expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE, { header: { kid: 'unknown' } }))).status).toBe(401);
});
afterAll(() => jwt.close());

async function refuses(token: string, statuses: readonly number[] = [401]): Promise<void> {
  const [asked, fetched] = [jwt.upstream.requests.length, jwt.issuer.requests.length];
  // The shortest of three: what the machine does besides is not the attack's cost, which would be the same each time.
  let shortestMs = Number.POSITIVE_INFINITY;
  for (let times = 0; times < 3; times++) {
    const before = performance.now();
    const { status } = await jwt.openWith(token);
    shortestMs = Math.min(shortestMs, performance.now() - before);
    expect(statuses).toContain(status);
  }
  expect(shortestMs).toBeLessThan(50);
  expect(jwt.upstream.requests).toHaveLength(asked);
  expect(jwt.issuer.requests).toHaveLength(fetched);
}

const claims = (): Record<string, unknown> => {
  const now = Math.floor(Date.now() / 1000);
  return { iss: jwt.issuer.url, aud: AUDIENCE, sub: 'mallory', iat: now, exp: now + 300 };
};

describe('an extension that must be understood', () => {
  it('is refused, though the token is signed by the issuer', async () => {
    await refuses(await jwt.issuer.sign(AUDIENCE, { header: { crit: ['urn:example:x'], 'urn:example:x': 1 } }));
  });

  it.each([
    [[]],
    ['exp'],
    [['exp']],
    [['alg']],
    [[1]],
    [{}],
    [null],
    [['b64']],
  ])('is refused as crit %j', async (crit) => {
    const header = { alg: 'RS256', kid: jwt.issuer.kid(), crit, b64: false };
    await refuses(`${unsigned(header, claims())}${(await jwt.issuer.sign(AUDIENCE)).split('.')[2]}`);
  });
});

describe('an encrypted token', () => {
  it.each<[string, Record<string, unknown>]>([
    ['PBES2 with 2^31 rounds', { alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2 ** 31, p2s: 'c2FsdHNhbHQ' }],
    ['PBES2 with 2^53 rounds', { alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', p2c: 2 ** 53, p2s: 'c2FsdHNhbHQ' }],
    ['dir', { alg: 'dir', enc: 'A256GCM' }],
    ['RSA1_5', { alg: 'RSA1_5', enc: 'A128CBC-HS256' }],
    ['one that is compressed', { alg: 'dir', enc: 'A256GCM', zip: 'DEF' }],
  ])('%s is refused', async (_what, header) => {
    await refuses([encode(header), 'a2V5', 'aXZpdml2aXZpdg', encode(claims()), 'dGFndGFndGFndGFn'].join('.'));
    await refuses(`${unsigned({ ...header, kid: jwt.issuer.kid() }, claims())}c2ln`);
  });

  it('made for the issuer’s own key, with a signed token inside, is refused', async () => {
    const inner = await jwt.issuer.sign(AUDIENCE);
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const token = await new CompactEncrypt(new TextEncoder().encode(inner))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'JWT' })
      .encrypt(secret);
    await refuses(token);
  });
});

describe('a token of great size', () => {
  it.each([8192, 12_000])('of %i characters is refused before it is parsed', async (length) => {
    const token = await jwt.issuer.sign(AUDIENCE, { claims: { padding: 'x'.repeat((length * 3) / 4) } });
    expect(token.length).toBeGreaterThan(8192);
    await refuses(token);
  });

  it('of 100 kB is refused', async () => {
    const token = `${unsigned({ alg: 'RS256' }, { ...claims(), padding: 'x'.repeat(75_000) })}c2ln`;
    // It is answered before it has all been sent, and whoever still sends may meet a reset in place of the answer.
    await refuses(token, [401, 431]).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'ECONNRESET' && thrown.code !== 'EPIPE') throw thrown;
    });
    expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE))).status).toBe(200);
  });

  it('of 7000 characters is taken: groups and roles do that', async () => {
    const token = await jwt.issuer.sign(AUDIENCE, { claims: { groups: 'x'.repeat(4800) } });
    expect(token.length).toBeGreaterThan(6800);
    expect((await jwt.openWith(token)).status).toBe(200);
  });

  it('of thousands of dots is refused', async () => {
    await refuses('.'.repeat(8000));
    await refuses(`eyJhbGciOiJSUzI1NiJ9${'.a'.repeat(3900)}`);
  });
});

describe('a header that is no JSON object', () => {
  it.each<[string, string]>([
    ['a list', '["RS256"]'],
    ['a text', '"RS256"'],
    ['null', 'null'],
    ['with another after it', '{"alg":"RS256"}{"alg":"none"}'],
    ['with a prototype', '{"alg":"RS256","__proto__":{"kid":"key-1"}}'],
    ['of deep nesting', `{"alg":"RS256","x":${'['.repeat(2000)}${']'.repeat(2000)}}`],
    ['that is no UTF-8', '{"alg":"RS256","x":"\u00ff"}'],
    ['with alg twice', '{"alg":"RS256","alg":"none"}'],
  ])('%s is refused', async (_what, text) => {
    const header = Buffer.from(text, 'latin1').toString('base64url');
    await refuses(`${header}.${encode(claims())}.`);
    await refuses(`${header}.${encode(claims())}.c2ln`);
  });
});
